//! What came of known mistakes, after a build that made them: one that nobody noticed is a failure.

use std::fs;

use serde_json::json;

use crate::error::{Error, Kind};
use crate::plan::Planned;
use crate::runner::Injection;
use crate::stage::artifact;
use crate::ui::{Event, Ui};

/// Says of every target which mistakes showed, and fails where one did not.
pub(super) fn check(targets: &[Planned], ui: &Ui) -> Result<(), Error> {
    let mut missed = Vec::new();
    for target in targets {
        let path = target.out.join(artifact::INJECTED);
        let found = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Injection>(&bytes).ok());
        let Some(injection) = found else { continue };
        let name = format!("{} on {}", target.deployment, target.board);
        missed.extend(injection.undetected().map(|one| format!("`{}` on {name}", one.kind)));
        ui.show(&Event::Line {
            fields: json!({ "deployment": target.deployment, "target": target.board, "injected": injection }),
            text: told(&name, &injection),
        });
    }
    if missed.is_empty() {
        return Ok(());
    }
    let message = format!("mistakes that were made on purpose did not show: {}", missed.join(", "));
    let help = "look at their transcripts in `injected/`; other vectors in the manifest may show them";
    Err(Error::plain(Kind::Gate, message, help))
}

fn told(name: &str, injection: &Injection) -> String {
    if let Some(reason) = &injection.blocked {
        return format!("{name}: no mistakes were made: {reason}");
    }
    let mut lines = vec![format!("{name}: mistakes made on purpose")];
    for one in &injection.injected {
        let came = match &one.not_applicable {
            Some(reason) => format!("not applicable: {reason}"),
            None if one.detected => format!("{}: {}", one.code, one.what),
            None => format!("UNDETECTED: {}", one.what),
        };
        lines.push(format!("  {:<17} {came}", one.kind));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Injected;

    #[test]
    fn what_does_not_show_is_said() {
        let one = |kind: &str, detected: bool| Injected { kind: kind.into(), detected, ..Injected::default() };
        let skipped = Injected { not_applicable: Some("no timer".into()), ..one("interrupt-storm", false) };
        let injected = vec![one("arena-short", true), one("weight-bit", false), skipped];
        let injection = Injection { injected, ..Injection::default() };
        let missed: Vec<&str> = injection.undetected().map(|one| one.kind.as_str()).collect();
        assert_eq!(missed, ["weight-bit"]);
        let text = told("kws on host", &injection);
        assert!(text.contains("  weight-bit        UNDETECTED") && text.contains("not applicable: no timer"), "{text}");
    }
}
