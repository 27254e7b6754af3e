//! Evidence is not replaced by weaker evidence of the same firmware: a build after `test` or `promote` keeps to their budget.

use deployctl_cache::{Engine, FieldChange, Options, StageId};

use super::workshop::{Workshop, store_error};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::plan::{self, Materials, Plan};
use crate::stage::{Runtime, artifact};

/// The field of a stage's key that says for how many instructions its run has room.
const BUDGET: &str = "budget";

/// The plan of these manifests. Where the last run of a target under load differs from what is planned in nothing but a larger
/// budget, the deployment gets that budget, and nothing runs.
pub(super) fn plan(
    manifests: &[Manifest],
    materials: &mut [Materials],
    runtime: &Runtime,
    options: &Options,
    workshop: &Workshop,
) -> Result<Plan, Error> {
    let plan = plan::plan(manifests, materials, runtime);
    let engine = Engine::new(&workshop.store, options.clone());
    let mut is_stronger = false;
    for target in &plan.targets {
        let loads = target.results.iter().filter(|(_, path)| *path == artifact::LOAD);
        for (id, _) in loads {
            let found = recorded(&engine, &plan, *id)?;
            let budget = &mut materials[target.manifest].budget;
            is_stronger |= found > *budget;
            *budget = found.max(*budget);
        }
    }
    Ok(if is_stronger { plan::plan(manifests, materials, runtime) } else { plan })
}

/// The budget of the last run, where nothing else has changed since.
fn recorded(engine: &Engine<'_>, plan: &Plan, load: StageId) -> Result<Option<u64>, Error> {
    let why = engine.why(&plan.graph, load).map_err(|error| store_error(&error))?;
    Ok(if why.built_before { larger(&why.fields) } else { None })
}

fn larger(fields: &[FieldChange]) -> Option<u64> {
    let mut changed = fields.iter().filter(|field| field.is_changed());
    let only = changed.next().filter(|field| field.name == BUDGET)?;
    // Of another type than before, values are shown with their types.
    let before = only.old.as_ref()?.split(' ').next()?;
    if changed.next().is_some() { None } else { before.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deployctl_cache::Section;

    fn field(name: &str, old: Option<&str>, new: Option<&str>) -> FieldChange {
        let text = |text: Option<&str>| text.map(str::to_owned);
        FieldChange { section: Section::Own, name: name.into(), old: text(old), new: text(new) }
    }

    #[test]
    fn only_another_budget_of_the_same_firmware_counts() {
        let (same, budget) =
            (field("taken.cpu", Some("0.2"), Some("0.2")), field(BUDGET, Some("5000 (integer)"), Some("none (none)")));
        assert_eq!(larger(&[same.clone(), budget.clone()]), Some(5000));
        assert_eq!(larger(std::slice::from_ref(&same)), None);
        assert_eq!(larger(&[budget.clone(), field("firmware", Some("a"), Some("b"))]), None);
        assert_eq!(larger(&[field(BUDGET, Some("none (none)"), Some("5000 (integer)"))]), None);
        assert_eq!(larger(&[field(BUDGET, Some("9000"), Some("5000"))]), Some(9000));
        assert_eq!(larger(&[field("other", Some("5000"), None), same]), None);
    }
}
