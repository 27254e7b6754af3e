//! What known mistakes looked like on a target: the evidence by which a failure in the field is recognised.

use serde::{Deserialize, Serialize};

/// What came of all mistakes that were made on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injection {
    /// Why none was made.
    pub blocked: Option<String>,
    /// The build that they were made in.
    pub digest: String,
    /// One a kind, in their order.
    pub injected: Vec<Injected>,
}

impl Injection {
    /// Mistakes that were made and did not show.
    pub fn undetected(&self) -> impl Iterator<Item = &Injected> {
        self.injected.iter().filter(|one| one.not_applicable.is_none() && !one.detected)
    }
}

/// One mistake and its symptom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injected {
    /// Which mistake: a stable name such as `arena-short`.
    pub kind: String,
    /// What was done; empty where nothing was.
    pub what: String,
    /// Why it was not made.
    pub not_applicable: Option<String>,
    /// Whether the harness noticed.
    pub detected: bool,
    /// The signature's code.
    pub code: String,
    /// What people are told.
    pub text: String,
    /// The operator, where one was named.
    pub operator: Option<usize>,
    /// The line that shows it, as the harness wrote it; empty where the end of the transcript does.
    pub line: String,
    /// The last line of the transcript.
    pub last: String,
}
