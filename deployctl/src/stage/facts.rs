//! What a page about a target shows before all else.

use super::dossier::Dossier;
use crate::frame::Fact;
use crate::gate::{Quantity, Unit};
use crate::render::{counted, percent};

impl Dossier {
    /// What is to be seen first: verdict, kind of evidence, and the figures that have limits.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let fact = |name: &str, value: &str| Fact { name: name.into(), value: value.into(), note: None, verdict: None };
        let class = self.verdict_text.replace(' ', "-");
        let mut facts = vec![
            Fact { verdict: Some(class), ..fact("verdict", &self.verdict_text) },
            fact("evidence", &self.subject.target.evidence),
        ];
        for row in &self.gates {
            let check = &row.check;
            let (Some(value), false) = (check.value, check.limit.is_some_and(|limit| limit.value <= 0.0)) else {
                continue;
            };
            if value.unit == Unit::Count || check.name == "kernels" {
                continue;
            }
            let left = |margin: f64| match margin {
                over if over < 0.0 => format!(", {} over", percent(-over)),
                left => format!(", {} left", percent(left)),
            };
            let left = check.margin.map_or_else(String::new, left);
            let note = check.limit.map(|limit| format!("of {}{left}", amount(limit)));
            // What is judged of the arena is its headroom, what is seen is how full it is.
            let title = if check.name == "arena_headroom" { "arena" } else { &check.title };
            facts.push(Fact { note, ..fact(title, &amount(value)) });
        }
        facts
    }
}

/// A quantity as people read it.
fn amount(quantity: Quantity) -> String {
    counted(quantity.value, quantity.unit.name())
}
