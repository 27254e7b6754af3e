//! `check`: every mistake in manifests, boards, kernel libraries and approvals. Needs no tools and no store.

use std::collections::BTreeSet;

use super::governance::Records;
use super::{Done, Surroundings};
use crate::cli::Check;
use crate::error::Error;
use crate::ui::Event;

pub(super) fn run(args: &Check, around: &Surroundings) -> Result<Done, Error> {
    let manifests = around.manifests(&args.manifests)?;
    for root in manifests.iter().map(|manifest| &manifest.root).collect::<BTreeSet<_>>() {
        Records::read(root, around)?;
    }
    for manifest in manifests {
        let shown = manifest.path.strip_prefix(&around.cwd).unwrap_or(&manifest.path);
        let boards: Vec<&str> = manifest.targets.iter().map(|target| target.board.name.as_str()).collect();
        around.ui.show(&Event::Line {
            fields: serde_json::json!({ "manifest": shown, "deployment": manifest.name.value, "targets": boards }),
            text: format!("{shown}: `{}` on {} is in order", manifest.name.value, boards.join(", ")),
        });
    }
    Ok(Done::Ok)
}
