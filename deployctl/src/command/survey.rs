//! What can be said of a model on a core before anything is compiled: kernels, arena, constants, code. Needs no compiler and
//! no sources: scratch sizes come from the table.

use std::collections::BTreeSet;

use crate::error::{Error, Kind};
use crate::gate::evidence;
use crate::library::{self, CodeEstimate, Defect, Features, Kernel, SUPPORTED_REVISIONS};
use crate::manifest::Policy;
use crate::memory;
use crate::model::lower::{Refusal, Step, lower, suggested_use};
use crate::model::{Graph, Read, TensorId};
use crate::stage::Audit;

/// What the shim is handed besides weights, in bytes an operator with weights.
const PARAMETERS: u64 = 32;

/// A model with its operators as kernel calls.
pub(super) struct Subject {
    pub(super) graph: Graph,
    pub(super) lowered: Vec<Result<Step, Refusal>>,
}

impl Subject {
    pub(super) fn of(read: Read) -> Self {
        let lowered = lower(&read.graph, &read.weights);
        Self { graph: read.graph, lowered }
    }

    /// Lines for a manifest that would give operators without a kernel one of the deployment's own, each once.
    pub(super) fn uses(&self) -> Vec<String> {
        let refused = self.lowered.iter().filter_map(|step| step.as_ref().err());
        let mut lines: Vec<String> = Vec::new();
        for line in refused.filter_map(|refusal| suggested_use(&self.graph, refusal.operator)) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// The model's constants in flash: what kernels read, each once; eight bytes for each multiplier; a struct of parameters.
    pub(super) fn constant_bytes(&self) -> u64 {
        let mut constants: BTreeSet<TensorId> = BTreeSet::new();
        let mut bytes = 0;
        for (step, node) in self.lowered.iter().zip(&self.graph.operators) {
            match step {
                Ok(step) => {
                    constants.extend(&step.inputs);
                    if let Some(weights) = &step.weights {
                        constants.insert(weights.filter);
                        constants.extend(weights.bias);
                        bytes += 8 * weights.multipliers.len() as u64 + PARAMETERS;
                    }
                    bytes += step.tables.iter().map(|table| table.len() as u64).sum::<u64>();
                }
                Err(_) => constants.extend(node.inputs.iter().flatten()),
            }
        }
        let constant = |id: &TensorId| self.graph.tensor(*id).constant.map_or(0, |constant| constant.len as u64);
        bytes + constants.iter().map(constant).sum::<u64>()
    }
}

/// What is asked of.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) library: &'a str,
    /// Whether the library's functions can run on the target.
    pub(super) library_runs: bool,
    pub(super) features: Features,
    /// Of the library, where its file states one.
    pub(super) revision: Option<u32>,
    pub(super) defects: &'a [Defect],
}

/// The answer.
pub(super) struct Survey {
    pub(super) audit: evidence::Audit,
    /// Planned peak of the arena in bytes; absent where an operator has no kernel, or its scratch size is not known.
    pub(super) peak: Option<u64>,
    /// The operator that needs most.
    pub(super) fullest: Option<usize>,
    pub(super) code: CodeEstimate,
}

impl Survey {
    pub(super) fn of(subject: &Subject, question: &Question) -> Result<Self, Error> {
        let audit = Audit {
            library: question.library.to_owned(),
            library_runs: question.library_runs,
            features: question.features,
            policy: Policy::Prefer,
            overrides: vec![],
            revision: question.revision,
            defects: question.defects.to_vec(),
        }
        .audit(&subject.graph, &subject.lowered);
        let kernels: Vec<&Kernel> = audit.rows.iter().filter_map(|row| row.kernel.as_ref()).collect();
        let code = library::code_bytes(&kernels);
        let steps: Vec<Step> = subject.lowered.iter().filter_map(|step| step.as_ref().ok().cloned()).collect();
        let table_holds = question.revision.is_some_and(|revision| SUPPORTED_REVISIONS.contains(&revision));
        let scratch_known = table_holds || kernels.iter().all(|kernel| !kernel.takes_scratch());
        let (mut peak, mut fullest) = (None, None);
        if steps.len() == subject.lowered.len() && scratch_known {
            let scratch: Vec<usize> = steps
                .iter()
                .zip(&kernels)
                .map(|(step, kernel)| library::scratch_bytes(kernel, step, question.features))
                .collect();
            let plan = memory::plan(&subject.graph, &steps, &scratch)
                .map_err(|error| Error::caused(Kind::Model, &error, "is the model meant for a microcontroller?"))?;
            let order = subject.graph.order();
            (peak, fullest) = (Some(plan.peak as u64), order.get(plan.peak_operator).map(|id| id.0));
        }
        Ok(Self { audit, peak, fullest, code })
    }
}
