//! `plan`: what a build would do, from the code that builds.

use deployctl_cache::{Engine, Forecast};

use super::Done;
use super::gather::gather;
use super::workshop::{Workshop, store_error};
use crate::cli;
use crate::error::Error;
use crate::plan;
use crate::ui::Event;

pub(super) fn run(args: &cli::Plan, workshop: &Workshop) -> Result<Done, Error> {
    let manifests = workshop.around.manifests_with(&args.manifests, &args.commands)?;
    let materials = gather(&manifests, workshop)?;
    let plan = plan::plan(&manifests, &materials, &workshop.runtime());
    let engine = Engine::new(&workshop.store, workshop.options(&manifests));
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
                let names: Vec<&str> = changed.iter().map(|change| change.name.as_str()).collect();
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
