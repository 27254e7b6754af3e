//! `clean`: removes `out/`, or sweeps the store of what nothing has used for a while.

use std::collections::BTreeSet;
use std::time::Duration;

use deployctl_cache::Store;
use deployctl_cache::gc::{Sweep, Swept, gc};

use super::Done;
use super::workshop::{Workshop, store_error};
use crate::cli;
use crate::error::{Error, Kind};
use crate::manifest;
use crate::render::grouped;
use crate::ui::Event;

pub(super) fn run(args: &cli::Clean, workshop: &Workshop) -> Result<Done, Error> {
    if let Some(days) = args.store_older_than {
        return sweep(days, workshop);
    }
    // A manifest with mistakes is no reason to keep what it built.
    let paths = workshop.around.manifest_paths(&args.manifests)?;
    let roots: BTreeSet<_> = paths.iter().map(|path| manifest::project_root(path)).collect();
    for root in roots {
        let out = root.join("out");
        if !out.exists() {
            continue;
        }
        std::fs::remove_dir_all(&out)
            .map_err(|error| Error::caused(Kind::Store, &error, format!("`{out}` could not be removed whole")))?;
        let shown = out.strip_prefix(&workshop.around.cwd).unwrap_or(&out);
        say(workshop, &format!("removed {shown}"));
    }
    Ok(Done::Ok)
}

fn sweep(days: u32, workshop: &Workshop) -> Result<Done, Error> {
    let sweep = Sweep { older_than: Duration::from_secs(u64::from(days) * 86_400), keep: BTreeSet::new() };
    let (root, open) = (workshop.store.root(), |folder| Store::open(folder).map_err(|error| store_error(&error)));
    let swept = match root.parent().filter(|_| root.is_dir()) {
        Some(folder) => gc(&open(folder)?, &sweep).map_err(|error| store_error(&error))?,
        None => Swept::default(),
    };
    // It only saves time, and fills again.
    drop(std::fs::remove_dir_all(workshop.home.syntax()));
    say(
        workshop,
        &format!(
            "{} records and {} artifacts unused for {days} days removed, {} bytes",
            swept.records,
            swept.objects,
            grouped(swept.bytes)
        ),
    );
    Ok(Done::Ok)
}

fn say(workshop: &Workshop, text: &str) {
    workshop.ui.show(&Event::Line { fields: serde_json::json!({ "done": text }), text: text.to_owned() });
}
