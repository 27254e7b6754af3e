//! Where a command's time goes: said to whoever asked, in no artifact.

use std::time::{Duration, Instant};

use crate::ui::{Event, Ui};

/// The clock of a command whose parts follow each other.
pub(super) struct Phases<'a> {
    ui: &'a Ui,
    begun: Instant,
    ended: Vec<(&'static str, Duration)>,
}

impl<'a> Phases<'a> {
    pub(super) fn begin(ui: &'a Ui) -> Self {
        Self { ui, begun: Instant::now(), ended: Vec::new() }
    }

    /// A part has ended, and the next begins.
    pub(super) fn end(&mut self, name: &'static str) {
        self.ended.push((name, self.begun.elapsed()));
        self.begun = Instant::now();
    }

    /// One line for each part.
    pub(super) fn show(self) {
        for (name, took) in self.ended {
            let ms = took.as_secs_f64() * 1e3;
            self.ui.show(&Event::Line {
                fields: serde_json::json!({ "phase": name, "ms": ms }),
                text: format!("{ms:9.2} ms  {name}"),
            });
        }
    }
}
