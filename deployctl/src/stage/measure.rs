//! Stage `measure`: every vector on the target, several times, operator by operator; what differs, the high-water marks, and what the
//! start took.
//!
//! Knows what to run and what to compare; starting targets and reading their lines is the runner's business. A target that
//! breaks down is a result, for the gate; a target that could not be run is a failure, and not recorded.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::artifact;
use super::bench::{Bench, Rig, failed};
use super::emit::Emission;
use crate::gate::evidence::{Footprint, HopInstructions, Measurement, Spread};
use crate::manifest;
use crate::runner::{self, Observation, RunnerError, app};

/// How the target is run.
#[derive(Debug, Serialize)]
pub struct Measure {
    /// With what.
    #[serde(flatten)]
    pub rig: Rig,
    /// Runs of each vector.
    pub runs: u32,
}

impl Stage for Measure {
    fn name(&self) -> &'static str {
        "measure"
    }

    fn version(&self) -> u32 {
        8
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let emission: Emission = job.read_json("emission")?;
        let mut result = Measurement { runs: self.runs, ..self.rig.describe() };
        let (mut session_text, mut transcript) = (String::new(), Vec::new());
        let footprint: Footprint = job.read_json_at("firmware", artifact::FOOTPRINT)?;
        if let Some(reason) = emission.blocked {
            result.blocked = Some(reason);
        } else if footprint.blocked.is_some() {
            result.blocked = Some("there is no firmware to run: it does not fit".to_owned());
        } else if let Some(reason) = &self.rig.unmeasured {
            session_text = Bench::set_up(&self.rig, self.runs, &emission.digest, job)?.session.bringup_script(0);
            result.blocked = Some(reason.clone());
        } else {
            let bench = Bench::set_up(&self.rig, self.runs, &emission.digest, job)?;
            session_text = bench.session.bringup_script(0);
            match bench.measure(&self.rig, &mut result) {
                Ok(()) => transcript = bench.play(&session_text)?,
                Err(error) if error.is_infrastructure() => return Err(Box::new(failed(&error))),
                Err(error) => {
                    result.blocked = Some(bench.told(&error));
                    result.target_failed = true;
                }
            }
        }
        job.write(artifact::SESSION, session_text.as_bytes())?;
        job.write(artifact::TRANSCRIPT, &transcript)?;
        job.write_json(artifact::MEASUREMENT, &result)?;
        Ok(())
    }
}

impl Rig {
    fn describe(&self) -> Measurement {
        let (runner, emulated) = (self.runner.name(), matches!(self.runner, manifest::Runner::Qemu { .. }));
        Measurement { runner, emulated, ..Measurement::default() }
    }
}

impl Bench<'_> {
    fn measure(&self, rig: &Rig, result: &mut Measurement) -> Result<(), RunnerError> {
        let measured =
            runner::measure(self.starter, &self.harness, &self.session, rig.instructions_per_tick(), self.limit)?;
        result.vectors = self.session.vectors.len();
        let tensors = measured.observations.iter().map(|run| run.operator_digests.len() + run.hop_digests.len());
        result.tensors_compared = tensors.sum::<usize>() as u64;
        result.first_difference = self.first_difference(&measured.observations)?;
        result.nondeterminism = self.nondeterminism(&measured.observations);
        result.conditions = self.conditions(&measured.observations);
        result.instructions = measured.instructions();
        result.spread = Spread::of(measured.observations.iter().filter_map(|run| run.instructions));
        result.startup_instructions = measured.startup.map(|startup| startup.instructions);
        result.startup_model_instructions = measured.startup.map(|startup| startup.model);
        result.operator_instructions = operator_instructions(&measured.observations);
        result.hop_instructions = hop_instructions(measured.hops().map(|hop| hop.instructions));
        result.stack_hop_bytes = measured.hops().filter_map(|hop| hop.stack).max().map(|bytes| bytes as u64);
        result.arena_bytes = measured.arena_high() as u64;
        result.stack_invoke_bytes = measured.stack_invoke().map(|bytes| bytes as u64);
        result.stack_harness_bytes = measured.stack_total.map(|bytes| bytes as u64);
        if let (manifest::Runner::Qemu { machine, .. }, Some(emulator)) = (&rig.runner, &rig.qemu) {
            let app = app::App {
                qemu: &emulator.program,
                machine,
                image: &self.app,
                scratch: &self.work,
                inferences: 2,
                limit: self.limit,
            };
            result.stack_app_bytes = Some(app::stack_used(self.starter, &app)? as u64);
        }
        Ok(())
    }
}

/// What each operator took at most, over all runs; empty where the target cannot tell.
fn operator_instructions(runs: &[Observation]) -> Vec<u64> {
    let count = runs.iter().map(|run| run.operator_instructions.len()).max().unwrap_or(0);
    let most = |index: usize| runs.iter().filter_map(|run| *run.operator_instructions.get(index)?).max();
    (0..count).map(most).collect::<Option<_>>().unwrap_or_default()
}

/// What hops took, where the target counts instructions and there are any.
fn hop_instructions(hops: impl Iterator<Item = Option<u64>>) -> Option<HopInstructions> {
    let counted: Vec<u64> = hops.flatten().collect();
    let total = counted.iter().fold(0_u128, |sum, &hop| sum + u128::from(hop));
    let mean = u64::try_from(total.checked_div(counted.len() as u128)?).ok()?;
    Some(HopInstructions { max: counted.into_iter().max()?, mean })
}
