//! `why`: a stage's key, field by field, where it differs from the last time; or what the stage said then.

use deployctl_cache::{Engine, FieldChange, Forecast, StageId};

use super::gather::gather;
use super::workshop::{Workshop, store_error};
use super::{Done, stronger};
use crate::cli;
use crate::error::{Error, Kind};
use crate::plan::Plan;
use crate::ui::Event;

pub(super) fn run(args: &cli::Why, workshop: &Workshop) -> Result<Done, Error> {
    let manifests = workshop.around.manifests_with(&args.manifests, &args.commands)?;
    let mut materials = gather(&manifests, workshop)?;
    let options = workshop.options(&manifests);
    let plan = stronger::plan(&manifests, &mut materials, &workshop.runtime(), &options, workshop)?;
    let engine = Engine::new(&workshop.store, options);
    for id in stages(&plan, &args.stage)? {
        if args.log {
            tell(
                plan.graph.node_name(id),
                &engine.said(&plan.graph, id).map_err(|error| store_error(&error))?,
                workshop,
            );
            continue;
        }
        let why = engine.why(&plan.graph, id).map_err(|error| store_error(&error))?;
        let answer = match &why.forecast {
            Forecast::Reuse => "is up to date".to_owned(),
            Forecast::Run { .. } if !why.built_before => "has never run here".to_owned(),
            Forecast::Run { .. } => "will run".to_owned(),
            Forecast::Maybe { because } => {
                format!("will run if `{}` makes something else", plan.graph.node_name(*because))
            }
        };
        workshop.ui.show(&Event::Line {
            fields: serde_json::json!({ "stage": why.node, "answer": answer }),
            text: format!("{} {answer}", why.node),
        });
        for change in why.fields.iter().filter(|change| change.is_changed() && why.built_before) {
            show(change, workshop);
        }
    }
    workshop.remember();
    Ok(Done::Ok)
}

/// What a stage said.
fn tell(node: &str, lines: &[String], workshop: &Workshop) {
    let title = if lines.is_empty() { "has not run here, or said nothing" } else { "said when it last ran:" };
    // What others print must not move the cursor.
    let plain = |line: &String| line.chars().filter(|sign| !sign.is_control() || *sign == '\t').collect::<String>();
    workshop.ui.show(&Event::Line {
        fields: serde_json::json!({ "stage": node, "log": lines }),
        text: lines.iter().fold(format!("{node} {title}"), |text, line| format!("{text}\n  {}", plain(line))),
    });
}

fn show(change: &FieldChange, workshop: &Workshop) {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".to_owned());
    workshop.ui.show(&Event::Line {
        fields: serde_json::json!({ "field": change.name, "old": change.old, "new": change.new }),
        text: format!("  {}: {} → {}", change.name, text(&change.old), text(&change.new)),
    });
}

/// The stages that are meant: a whole node name, or a stage's name anywhere.
fn stages(plan: &Plan, wanted: &str) -> Result<Vec<StageId>, Error> {
    if let Some(id) = plan.graph.find(wanted) {
        return Ok(vec![id]);
    }
    let found: Vec<StageId> = plan.graph.ids().filter(|id| plan.graph.stage_name(*id) == wanted).collect();
    if found.is_empty() {
        let names: std::collections::BTreeSet<&str> = plan.graph.ids().map(|id| plan.graph.stage_name(id)).collect();
        let names: Vec<&str> = names.into_iter().collect();
        return Err(Error::plain(
            Kind::Usage,
            format!("there is no stage `{wanted}`"),
            format!("stages are {}; `deployctl plan` lists them for every target", names.join(", ")),
        ));
    }
    Ok(found)
}
