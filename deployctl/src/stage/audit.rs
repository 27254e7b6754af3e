//! Stage `audit`: for each operator the kernel that will run it on the core, its MACs, and why not a faster one.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::{artifact, fail};
use crate::error::Kind;
use crate::gate::evidence::{self, AuditRow};
use crate::library::{self, Features, Kernel};
use crate::manifest::{Override, Policy};
use crate::model::lower::{Refusal, Step};
use crate::model::{Graph, OperatorId};

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
}

impl Stage for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn version(&self) -> u32 {
        1
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
                name: node.name.clone(),
                output: output.map_or_else(String::new, |tensor| tensor.name.clone()),
                shape: output.map_or_else(Vec::new, |tensor| tensor.shape.clone()),
                macs: 0,
                kernel: None,
                reason: None,
                advice: None,
            };
            match lowered {
                Ok(step) => {
                    row.macs = library::macs(step);
                    let (kernel, reason) = self.choose(graph, step, &row);
                    row.kernel = Some(kernel);
                    row.reason = reason;
                }
                Err(refusal) => {
                    row.reason = Some(refusal.reason.clone());
                    row.advice = Some(refusal.advice.clone());
                }
            }
            row
        });
        evidence::Audit { library: self.library.clone(), rows: rows.collect() }
    }

    fn choose(&self, graph: &Graph, step: &Step, row: &AuditRow) -> (Kernel, Option<String>) {
        let on_reference = |reason: String| (library::reference(step), Some(reason));
        if let Some(found) = self.overrides.iter().find(|wanted| names(&wanted.operator, graph, row.operator))
            && found.kernel == "reference"
        {
            return on_reference(format!("`use` in the manifest: {}", found.reason));
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
        for wanted in &self.overrides {
            let hit = graph.operators().any(|(operator, _)| names(&wanted.operator, graph, operator));
            if !hit {
                return Err(fail(
                    Kind::Manifest,
                    format!("`kernels.use \"{}\"` names no operator of the model", wanted.operator),
                    format!(
                        "name one as `op:0` to `op:{}`, by operator (`CONV_2D`) or by its output tensor",
                        graph.operators.len().saturating_sub(1)
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Whether a `use` node means this operator: by index, by operator name or by output tensor.
fn names(wanted: &str, graph: &Graph, id: OperatorId) -> bool {
    let operator = &graph.operators[id.0];
    wanted == format!("op:{}", id.0)
        || wanted == operator.name
        || operator.outputs.iter().any(|output| graph.tensor(*output).name == wanted)
}
