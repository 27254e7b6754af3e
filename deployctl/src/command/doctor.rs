//! `doctor`: what this machine lacks for these manifests, which stage needs it, and the command that installs it.

use std::collections::BTreeMap;

use super::Done;
use super::gather::{firmware_lock, recorded};
use super::workshop::Workshop;
use crate::cli;
use crate::doctor::{self, Check, Installer, Looker, Remedy, Step};
use crate::error::{Error, Kind};
use crate::lockfile;
use crate::manifest::{Manifest, Source};
use crate::ui::Event;

pub(super) fn run(args: &cli::Doctor, workshop: &Workshop) -> Result<Done, Error> {
    let manifests = workshop.around.manifests(&args.manifests)?;
    if args.install {
        install(&manifests, workshop)?;
    }
    let checks = look(&manifests, workshop)?;
    workshop.remember();
    for check in &checks {
        show(check, workshop);
    }
    let missing = checks.iter().filter(|check| check.found.is_err() && !check.need.item.is_optional());
    let missing: Vec<String> = missing.map(|check| check.need.item.name()).collect();
    if missing.is_empty() {
        return Ok(Done::Ok);
    }
    let by_hand = checks.iter().any(|check| check.found.is_err() && matches!(check.remedy, Remedy::Person(_)));
    let help = if by_hand {
        "`deployctl doctor --install` runs the commands above, once that is done which only a person can do"
    } else {
        "`deployctl doctor --install` runs the commands above"
    };
    Err(Error::plain(Kind::Tool, format!("missing: {}", missing.join(", ")), help))
}

fn show(check: &Check, workshop: &Workshop) {
    let (item, stages) = (check.need.item.name(), check.need.stages.join(", "));
    let (state, text) = match &check.found {
        Ok(version) => ("found", format!("found    {item:<28} {version}")),
        Err(_) if check.need.item.is_optional() => {
            ("optional", format!("optional {item:<28} for {stages}: {}", check.remedy))
        }
        Err(_) => ("missing", format!("missing  {item:<28} for {stages}: {}", check.remedy)),
    };
    workshop.ui.show(&Event::Line {
        fields: serde_json::json!({ "item": item, "state": state, "stages": check.need.stages, "command": check.remedy.to_string() }),
        text,
    });
}

fn look(manifests: &[Manifest], workshop: &Workshop) -> Result<Vec<Check>, Error> {
    let mut sources: BTreeMap<String, (Source, Option<String>)> = BTreeMap::new();
    for manifest in manifests {
        let library = &manifest.kernels.source;
        let pin = recorded(manifest)?.get(lockfile::Kind::Source, &library.name).map(|pin| pin.digest.clone());
        sources.insert(library.name.clone(), (library.source.clone(), pin));
    }
    Ok(workshop.with_tools(|tools| {
        workshop.with_sources(|fetcher| {
            let looker = Looker { tools, fetcher, sources: &sources, firmware_lock: firmware_lock() };
            doctor::check(doctor::needs(manifests, &looker.missing_sources()), |item| looker.look(item))
        })
    }))
}

/// Installs what is missing and fetches sources. Does nothing, quickly, where nothing is missing.
pub(super) fn install(manifests: &[Manifest], workshop: &Workshop) -> Result<(), Error> {
    let checks = look(manifests, workshop)?;
    let failed =
        |error: &doctor::InstallError| Error::caused(Kind::Tool, error, "install it by hand and run the command again");
    let installer = Installer { path: &workshop.path, supervisor: &workshop.supervisor, env: &workshop.around.env };
    for step in doctor::steps(&checks).map_err(|error| failed(&error))? {
        match &step {
            Step::Run { program, args, .. } => {
                workshop.ui.show(&Event::Note { text: format!("{program} {}", args.join(" ")) });
                installer.run(&step).map_err(|error| failed(&error))?;
            }
            Step::Fetch => manifests.iter().try_for_each(|manifest| super::fetch::fetch(manifest, false, workshop))?,
        }
    }
    workshop.remember();
    Ok(())
}
