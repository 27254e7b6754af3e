//! Stage `audit`: for each operator the kernel that will run it on the core, its MACs, and why not a faster one.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::{artifact, fail};
use crate::advice;
use crate::error::Kind;
use crate::gate::evidence::{self, AuditRow};
use crate::library::{self, Defect, Facts, Features, Kernel, KernelCall};
use crate::manifest::{Override, Policy};
use crate::model::lower::{Call, Refusal, Step, selects};
use crate::model::{Graph, Operator, OperatorId, builtin};

/// Core and policy.
#[derive(Debug, Serialize)]
pub struct Audit {
    /// Name of the kernel library.
    pub library: String,
    /// Whether the library's functions can run on the target at all; the host runs reference kernels.
    pub library_runs: bool,
    /// Instruction set features of the core.
    pub features: Features,
    /// Whether the library may be used.
    pub policy: Policy,
    /// `use` nodes.
    pub overrides: Vec<Override>,
    /// Revision of the library's sources, as [`library::revision`] counts; defects are looked for where it is known.
    pub revision: Option<u32>,
    /// Published defects.
    pub defects: Vec<Defect>,
}

impl Stage for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn version(&self) -> u32 {
        4
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let steps: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        self.refuse_idle_overrides(&graph)?;
        job.write_json(artifact::AUDIT, &self.audit(&graph, &steps))?;
        Ok(())
    }
}

impl Audit {
    /// A row for every operator.
    pub fn audit(&self, graph: &Graph, steps: &[Result<Step, Refusal>]) -> evidence::Audit {
        let rows = graph.operators().zip(steps).map(|((operator, node), lowered)| {
            let output = node.outputs.first().map(|id| graph.tensor(*id));
            let mut row = AuditRow {
                operator,
                label: graph.label(operator),
                name: node.name.clone(),
                output: output.map_or_else(String::new, |tensor| tensor.name.clone()),
                shape: output.map_or_else(Vec::new, |tensor| tensor.shape.clone()),
                macs: 0,
                kernel: None,
                reason: None,
                advice: None,
                finding: None,
            };
            match lowered {
                Ok(step) => {
                    row.macs = library::macs(step);
                    let (kernel, reason) = self.choose(graph, step, &row);
                    row.kernel = Some(kernel);
                    row.reason = reason.or_else(|| rewritten(node));
                }
                Err(refusal) => {
                    row.reason = Some(refusal.reason.clone());
                    row.advice = Some(refusal.advice.clone());
                }
            }
            row.finding = self.finding(graph, lowered, &row);
            row
        });
        evidence::Audit { library: self.library.clone(), rows: rows.collect() }
    }

    /// What is not well with an operator. Where reference kernels were asked for, running them is no finding.
    fn finding(&self, graph: &Graph, lowered: &Result<Step, Refusal>, row: &AuditRow) -> Option<advice::Finding> {
        let own = row.kernel.as_ref().is_some_and(|kernel| kernel.library == library::OWN);
        let asked = own
            || graph.is_step(row.operator)
            || !self.library_runs
            || self.policy == Policy::Forbid
            || self.is_overridden(graph, row.operator);
        if asked && lowered.is_ok() {
            return None;
        }
        advice::find(&advice::Site {
            graph,
            operator: row.operator,
            lowered,
            kernel: row.kernel.as_ref(),
            reason: row.reason.as_deref(),
            defect: lowered.as_ref().ok().and_then(|step| self.defect(graph, step, row)),
            macs: row.macs,
            features: self.features,
        })
    }

    fn defect(&self, graph: &Graph, step: &Step, row: &AuditRow) -> Option<&Defect> {
        let (kernel, facts) = (row.kernel.as_ref()?, Facts::of(step));
        let (features, revision) = (self.features, self.revision?);
        let operator = &graph.operators[row.operator.0];
        let operator = builtin::name(operator.code).unwrap_or(&operator.name);
        let call = KernelCall { operator, kernel, facts: &facts, features, revision };
        self.defects.iter().find(|defect| defect.is_hit(&call))
    }

    fn is_overridden(&self, graph: &Graph, operator: OperatorId) -> bool {
        self.overrides.iter().any(|wanted| wanted.kernel == "reference" && selects(&wanted.operator, graph, operator))
    }

    fn choose(&self, graph: &Graph, step: &Step, row: &AuditRow) -> (Kernel, Option<String>) {
        let chosen = self.overrides.iter().find(|wanted| selects(&wanted.operator, graph, row.operator));
        if let Call::Own(own) = &step.call {
            let by = if own.reference.is_some() { "the reference kernel's" } else { "its own on the host" };
            let why = chosen.map(|found| found.reason.as_str()).unwrap_or_default();
            let reason = format!(
                "the deployment's own kernel `{}` runs it (`use` in the manifest: {why}); expected outputs are {by}",
                own.kernel.name
            );
            return (library::reference(step), Some(reason));
        }
        let on_reference = |reason: String| (library::reference(step), Some(reason));
        if let Some(found) = chosen
            && found.kernel == "reference"
        {
            return on_reference(format!("`use` in the manifest: {}", found.reason));
        }
        // What stands around the model is no question to the library.
        if graph.is_step(row.operator) {
            return (library::reference(step), None);
        }
        if !self.library_runs {
            return on_reference("this target runs reference kernels".to_owned());
        }
        if self.policy == Policy::Forbid {
            return on_reference(format!("policy `forbid` keeps `{}` out", self.library));
        }
        match library::select(step, self.features) {
            Ok(kernel) => (kernel, None),
            Err(unfit) => on_reference(unfit.reason),
        }
    }

    fn refuse_idle_overrides(&self, graph: &Graph) -> Result<(), BoxError> {
        let own = || graph.operators().map(|(id, _)| id).filter(|id| !graph.is_step(*id));
        let main = own().filter(|id| id.0 < graph.main().end).last().map(|id| graph.label(id)).unwrap_or_default();
        let last = own().last().map(|id| graph.label(id)).filter(|label| label.contains('.'));
        let inner = last.map(|last| format!(" (inside, as `op:{last}`)")).unwrap_or_default();
        for wanted in &self.overrides {
            let hit = graph.operators().any(|(operator, _)| selects(&wanted.operator, graph, operator));
            if !hit {
                return Err(fail(
                    Kind::Manifest,
                    format!("`kernels.use \"{}\"` names no operator of the model", wanted.operator),
                    format!(
                        "name one as `op:0` to `op:{main}`{inner}, by operator (`CONV_2D`) or by its output tensor"
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// What `optimize` made of an operator: it keeps the name that it has in the file.
fn rewritten(operator: &Operator) -> Option<String> {
    let now = builtin::name(operator.code).filter(|now| *now != operator.name && operator.code != builtin::CUSTOM)?;
    Some(format!("`optimize` runs it as `{now}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::Standing;
    use crate::gate::evidence::AuditRow;
    use crate::manifest::{Bytes, Catalog};
    use crate::model;

    /// The rows that are known bad with a library of this revision.
    fn known_bad(revision: u32, overrides: Vec<Override>) -> Vec<AuditRow> {
        let read = model::read(include_bytes!("../../../tests/golden/sample.tflite")).unwrap();
        let steps = model::lower(&read.graph, &read.weights);
        let audit = Audit {
            library: "cmsis-nn".to_owned(),
            library_runs: true,
            features: Features { dsp: true, mve: false },
            policy: Policy::Prefer,
            overrides,
            revision: Some(revision),
            defects: Catalog::builtin().defects().unwrap(),
        };
        audit.audit(&read.graph, &steps).known_bad().map(|(row, _)| row.clone()).collect()
    }

    #[test]
    fn a_library_with_a_published_defect_is_known_bad_unless_it_is_not_used() {
        assert!(known_bad(120_501, vec![]).is_empty());
        let bad = known_bad(20_000, vec![]);
        assert!(bad.len() >= 3, "{bad:#?}");
        assert!(bad.iter().all(|row| row.finding.as_ref().unwrap().standing == Standing::KnownBad));
        let reason = "slow-reads".to_owned();
        let one = Override {
            operator: format!("op:{}", bad[0].operator.0),
            kernel: "reference".to_owned(),
            reason,
            own: None,
            scratch: Bytes(0),
        };
        assert_eq!(known_bad(20_000, vec![one]).len(), bad.len() - 1);
    }

    #[test]
    fn steps_around_a_model_are_no_question_to_the_library() {
        use crate::model::pipeline::{Source, Spec, StepSpec, WindowShape, join};
        let read = model::read(include_bytes!("../../../tests/golden/sample.tflite")).unwrap();
        let window = StepSpec::Window { shape: WindowShape::Hann, symmetric: false, size: 5, stride: 3 };
        let steps = vec![window, StepSpec::Frames { count: 6, advance: 1 }];
        let read = join(&Spec { input: None, source: Source::Audio { rate: 16_000 }, steps }, &read).unwrap();
        let steps = model::lower(&read.graph, &read.weights);
        let named = |operator: &str| {
            let (kernel, reason) = ("reference".to_owned(), "slow-reads".to_owned());
            Override { operator: operator.to_owned(), kernel, reason, own: None, scratch: Bytes(0) }
        };
        let audit = |overrides| Audit {
            library: "cmsis-nn".to_owned(),
            library_runs: true,
            features: Features { dsp: true, mve: false },
            policy: Policy::Prefer,
            overrides,
            revision: None,
            defects: vec![],
        };
        let rows = audit(vec![]).audit(&read.graph, &steps).rows;
        let around: Vec<&AuditRow> = rows.iter().filter(|row| row.label.starts_with("hop.")).collect();
        assert_eq!(around.len(), 4);
        assert!(around.iter().all(|row| row.reason.is_none() && row.finding.is_none()), "{around:#?}");
        let error = audit(vec![named("op:8")]).refuse_idle_overrides(&read.graph).unwrap_err();
        let error = error.downcast_ref::<crate::error::Error>().unwrap();
        assert!(format!("{error:?}").contains("`op:0` to `op:7`, by operator"), "{error:?}");
    }
}
