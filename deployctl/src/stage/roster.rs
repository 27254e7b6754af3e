//! Which kernels run which operators, as people say it: ranges of operators, and why some are not on the library.
//!
//! Knows the audit; the words around it are the template's.

use serde::Serialize;

use crate::gate::evidence::{Audit, AuditRow};
use crate::library::OWN;

/// The operator table in a few facts.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Roster {
    /// The library that was asked for.
    pub library: String,
    /// Operators on it, `None` where there are none.
    pub on_library: Option<String>,
    /// Operators on reference kernels, by reason, in order of the first of each.
    pub on_reference: Vec<Reasoned>,
    /// Operators on kernels of the deployment's own, by reason, in order of the first of each.
    pub on_own: Vec<Reasoned>,
    /// Operators that need no code.
    pub idle: Option<String>,
    /// Names of the instruction paths that occur, in order of appearance.
    pub paths: Vec<&'static str>,
    /// Fully connected layers that the library runs as a convolution.
    pub convolved: Option<String>,
}

/// Operators that have a reason in common.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reasoned {
    pub operators: String,
    pub reason: String,
}

impl Roster {
    pub(super) fn of(audit: &Audit) -> Self {
        let indices = |wanted: &dyn Fn(&AuditRow) -> bool| -> Option<String> {
            let found: Vec<String> = audit.rows.iter().filter(|row| wanted(row)).map(|row| row.label.clone()).collect();
            (!found.is_empty()).then(|| span(&found))
        };
        let library = |row: &AuditRow| row.kernel.as_ref().map(|kernel| kernel.library.clone());
        let mut reasons: Vec<&str> = Vec::new();
        let mut paths = Vec::new();
        for row in &audit.rows {
            let reason = row.reason.as_deref().filter(|reason| row.kernel.is_some() && !reasons.contains(reason));
            reasons.extend(reason);
            let path = row.kernel.as_ref().filter(|kernel| !kernel.symbol.is_empty()).map(|kernel| kernel.path.name());
            paths.extend(path.filter(|path| !paths.contains(path)));
        }
        let reasoned = |own: bool| {
            let group = |reason: &&str| {
                let operators = indices(&|row| {
                    let runs = row.kernel.as_ref().is_some_and(|kernel| (kernel.library == OWN) == own);
                    runs && row.reason.as_deref() == Some(reason)
                })?;
                Some(Reasoned { operators, reason: (*reason).to_owned() })
            };
            reasons.iter().filter_map(group).collect()
        };
        Self {
            library: audit.library.clone(),
            on_library: indices(&|row| audit.on_library(row)),
            on_reference: reasoned(false),
            on_own: reasoned(true),
            idle: indices(&|row| library(row).as_deref() == Some("none")),
            paths,
            convolved: indices(&|row| {
                let symbol = row.kernel.as_ref().map_or("", |kernel| &kernel.symbol);
                audit.on_library(row) && row.name == "FULLY_CONNECTED" && symbol.contains("convolve")
            }),
        }
    }
}

/// `op:1 to op:3, op:5, op:7.body.0 to op:7.body.2`, of what operators are called, in order.
pub(super) fn span(operators: &[String]) -> String {
    let ranges = operators.chunk_by(|one, next| follows(one, next));
    let words = ranges.map(|range| match range {
        [first, .., last] => format!("op:{first} to op:{last}"),
        [only] => format!("op:{only}"),
        [] => String::new(),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Whether two operators stand next to each other in one block, or in the main graph.
fn follows(one: &str, next: &str) -> bool {
    let split = |label: &str| {
        let (block, index) = label.rsplit_once('.').unwrap_or(("", label));
        Some((block.to_owned(), index.parse::<usize>().ok()?))
    };
    split(one).is_some_and(|(block, index)| split(next) == Some((block, index + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::sample;

    #[test]
    fn ranges_are_short() {
        let span = |labels: &[&str]| span(&labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>());
        assert_eq!(span(&["0"]), "op:0");
        assert_eq!(span(&["1", "2", "3", "5", "7", "8"]), "op:1 to op:3, op:5, op:7 to op:8");
        assert_eq!(span(&["1", "2.then.0", "2.then.1", "2.else.2"]), "op:1, op:2.then.0 to op:2.then.1, op:2.else.2");
        assert_eq!(span(&[]), "");
    }

    #[test]
    fn each_operator_is_where_it_runs() {
        let mut audit = sample::papers("x").audit;
        let found = Roster::of(&audit);
        assert_eq!((found.on_library.as_deref(), found.idle, found.convolved), (Some("op:0"), None, None));
        let reason = "`x` is quantized per channel".to_owned();
        assert_eq!(found.on_reference, [Reasoned { operators: "op:1".into(), reason }]);
        assert_eq!(found.paths, ["DSP", "scalar"]);

        let kernel = audit.rows[1].kernel.as_mut().unwrap();
        (kernel.library, kernel.symbol) = ("cmsis-nn".into(), "arm_convolve_1x1_s8_fast".into());
        audit.rows[1].reason = None;
        let found = Roster::of(&audit);
        assert_eq!(found.on_library.as_deref(), Some("op:0 to op:1"));
        assert_eq!((found.convolved.as_deref(), found.on_reference.len()), (Some("op:1"), 0));
    }

    #[test]
    fn what_nothing_can_run_is_in_no_list() {
        let found = Roster::of(&sample::blocked().audit);
        assert_eq!((found.on_library, found.on_reference.len()), (None, 1));
    }
}
