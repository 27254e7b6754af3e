//! `plan`: what a build would do, from the code that builds.

use deployctl_cache::{Engine, Forecast};

use super::gather::gather;
use super::workshop::{Workshop, store_error};
use super::{Done, stronger};
use crate::cli;
use crate::error::Error;
use crate::stage;
use crate::ui::Event;

pub(super) fn run(args: &cli::Plan, workshop: &Workshop) -> Result<Done, Error> {
    let manifests = workshop.around.manifests_with(&args.manifests, &args.commands)?;
    let mut materials = gather(&manifests, workshop)?;
    let options = workshop.options(&manifests);
    let plan = stronger::plan(&manifests, &mut materials, &workshop.runtime(), &options, workshop)?;
    let engine = Engine::new(&workshop.store, options);
    let forecasts = engine.plan(&plan.graph).map_err(|error| store_error(&error))?;
    workshop.remember();
    for (id, forecast) in plan.graph.ids().zip(&forecasts) {
        let node = plan.graph.node_name(id);
        let (word, detail) = match forecast {
            Forecast::Reuse => ("reuse", String::new()),
            Forecast::Run { changed } if changed.iter().all(|change| change.old.is_none()) => {
                ("run", "no record of it".to_owned())
            }
            Forecast::Run { changed } => {
                let names = stage::kinds_of_fields(changed.iter().map(|change| change.name.as_str()));
                ("run", format!("{} changed", names.join(", ")))
            }
            Forecast::Maybe { because } => ("maybe", format!("{} runs first", plan.graph.node_name(*because))),
        };
        workshop.ui.show(&Event::Line {
            fields: serde_json::json!({ "stage": node, "forecast": word, "detail": detail }),
            text: format!("{word:<6} {node:<40} {detail}").trim_end().to_owned(),
        });
    }
    Ok(Done::Ok)
}
