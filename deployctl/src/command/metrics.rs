//! `metrics`: the list of figures that are measured. Needs no project.

use serde_json::json;

use super::{Done, Surroundings};
use crate::error::Error;
use crate::gate::metric::METRICS;
use crate::ui::Event;

#[expect(clippy::unnecessary_wraps, reason = "the form that all commands have")]
pub(super) fn run(around: &Surroundings) -> Result<Done, Error> {
    let widest = |text: fn(usize) -> &'static str| (0..METRICS.len()).map(|at| text(at).len()).max().unwrap_or(0);
    let (names, units) = (widest(|at| METRICS[at].name), widest(|at| METRICS[at].unit.name()));
    let stages = widest(|at| METRICS[at].stage);
    for metric in &METRICS {
        let (name, unit, stage) = (metric.name, metric.unit.name(), metric.stage);
        let fields =
            json!({ "metric": name, "title": metric.title, "unit": unit, "stage": stage, "about": metric.about });
        let text = format!("{name:<names$}  {unit:<units$}  {stage:<stages$}  {}", metric.about);
        around.ui.show(&Event::Line { fields, text });
    }
    Ok(Done::Ok)
}
