//! Findings as lines that a code host shows at a place in a file.

use serde::Serialize;

/// How bad an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Notice,
    /// Not good.
    Warning,
    /// Stands in the way.
    Error,
}

/// A workflow command of GitHub: it ends at a line break, and properties at commas and colons, so these are encoded.
pub(super) fn workflow_command(level: Level, properties: &[(&str, &str)], message: &str) -> String {
    let level = match level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let properties = properties.iter().map(|(name, value)| format!("{name}={}", property(value)));
    format!("::{level} {}::{}", properties.collect::<Vec<_>>().join(","), data(message))
}
