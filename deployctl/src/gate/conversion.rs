//! The check `conversion`: that the model comes from what the manifest says it comes from.

use super::evidence::{Committed, Conversion};
use super::judge::{Evidence, Making, check};
use super::{Check, Verdict};

const NAME: &str = "conversion";

/// Judges how the model came to be, where the manifest declares it.
pub(super) fn conversion(making: Option<Making>, evidence: Evidence) -> Check {
    let Some(making) = making else {
        let detail = "no `convert` is declared: the model is the project's file";
        return check(NAME, NAME, Verdict::NotApplicable, detail);
    };
    let base =
        |verdict, detail: String| Check { manifest: Some("convert".to_owned()), ..check(NAME, NAME, verdict, detail) };
    match (making, evidence.conversion) {
        (Making::Forbidden, _) => {
            let text = "the project's file was taken as it is: `--no-commands` forbids to make it again";
            base(Verdict::NotApplicable, text.to_owned())
        }
        (Making::Made, None) => base(Verdict::Unknown, "there is no evidence of a conversion".to_owned()),
        (Making::Made, Some(made)) => match evidence.committed.filter(|committed| !committed.same) {
            Some(committed) => base(Verdict::Fail, differs(committed)),
            None => base(Verdict::Pass, agrees(made, evidence.committed)),
        },
    }
}

fn differs(committed: &Committed) -> String {
    format!(
        "`{}` is not what the command makes ({}); if the change is meant, copy `model.tflite` from this folder over it and build \
         again, else undo the change of the command or its inputs",
        committed.file,
        committed.differences.join("; ")
    )
}

fn agrees(made: &Conversion, committed: Option<&Committed>) -> String {
    let runs = match made.runs {
        0 | 1 => "the command made the model in one run",
        _ => "two runs of the command made the same model",
    };
    let file = match committed {
        Some(committed) => format!("`{}` is the same", committed.file),
        None => "the project has no file of its own".to_owned(),
    };
    let reads = match (made.watched, made.unread.as_slice()) {
        (false, _) => "undeclared reads were not looked for".to_owned(),
        (true, []) => "it read what it declares and nothing else".to_owned(),
        (true, unread) => format!("it read nothing else than it declares, and never read `{}`", unread.join("`, `")),
    };
    format!("{runs}; {file}; {reads}")
}
