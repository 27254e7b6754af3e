//! `docs/reference/metrics.md`, made from the list that gates, reports and releases speak of.

use std::fmt::Write as _;

use deployctl::gate::metric::METRICS;
use snapbox::{Data, assert_data_eq};

use crate::repository;

const INTRODUCTION: &str = "\
# Metrics

Every figure that is measured, under the name that limits, reports and releases know it by. `deployctl metrics` prints the
same list. What a target cannot measure is absent from its report.

Generated; `SNAPSHOTS=overwrite cargo test --test docs` writes this page anew.

| name | unit | stage | what |
|---|---|---|---|
";

#[test]
fn the_metrics_page_is_the_list() {
    let mut page = INTRODUCTION.to_owned();
    for metric in &METRICS {
        let (name, unit, stage) = (metric.name, metric.unit.name(), metric.stage);
        writeln!(page, "| `{name}` | {unit} | `{stage}` | {} |", metric.about).unwrap();
    }
    let file = repository().join("docs/reference/metrics.md");
    assert_data_eq!(page, Data::read_from(&file, None).raw());
}
