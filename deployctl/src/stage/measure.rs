//! Stage `measure`: every vector on the target, several times, operator by operator; what differs, and the high-water marks.
//!
//! Knows what to run and what to compare; starting targets and reading their lines is the runner's business. A target that
//! breaks down is a result, for the gate; a target that could not be run is a failure, and not recorded.

use std::time::Duration;

use camino::Utf8PathBuf;
use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::emit::Emission;
use super::expect;
use super::{Runtime, artifact};
use crate::error::{Error, Kind};
use crate::gate::evidence::{Expectation, Footprint, HopInstructions, Measurement};
use crate::manifest;
use crate::model::lower::{Refusal, Step};
use crate::model::{Graph, OperatorId};
use crate::runner::{self, Command, RunnerError, Session, Start, Stream, app, host, qemu};
use crate::tool::Qemu;

/// How the target is run.
#[derive(Debug, Serialize)]
pub struct Measure {
    /// The board's runner.
    pub runner: manifest::Runner,
    /// Why nothing can be measured on the board, where that is known beforehand.
    pub unmeasured: Option<String>,
    /// The emulator, for boards that it emulates.
    pub qemu: Option<Qemu>,
    /// What the harness must say of its clock.
    pub clock: String,
    /// Runs of each vector.
    pub runs: u32,
    /// Starts processes.
    #[serde(skip)]
    pub runtime: Runtime,
}

impl Stage for Measure {
    fn name(&self) -> &'static str {
        "measure"
    }

    fn version(&self) -> u32 {
        5
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let emission: Emission = job.read_json("emission")?;
        let mut result = Measurement { runs: self.runs, ..self.describe() };
        let (mut session_text, mut transcript) = (String::new(), Vec::new());
        let footprint: Footprint = job.read_json_at("firmware", artifact::FOOTPRINT)?;
        if let Some(reason) = emission.blocked {
            result.blocked = Some(reason);
        } else if footprint.blocked.is_some() {
            result.blocked = Some("there is no firmware to run: it does not fit".to_owned());
        } else if let Some(reason) = &self.unmeasured {
            session_text = Bench::set_up(self, &emission.digest, job)?.session.bringup_script(0);
            result.blocked = Some(reason.clone());
        } else {
            let bench = Bench::set_up(self, &emission.digest, job)?;
            session_text = bench.session.bringup_script(0);
            match bench.measure(self, &mut result) {
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

fn failed(error: &RunnerError) -> Error {
    Error::caused(
        Kind::Target,
        error,
        "nothing was recorded: the next build measures again; `deployctl doctor` checks the tools",
    )
}

impl Measure {
    fn describe(&self) -> Measurement {
        let (runner, emulated) = (self.runner.name(), matches!(self.runner, manifest::Runner::Qemu { .. }));
        Measurement { runner, emulated, ..Measurement::default() }
    }

    fn instructions_per_tick(&self) -> Option<manifest::PerTick> {
        match &self.runner {
            manifest::Runner::Host | manifest::Runner::Probe { .. } => None,
            manifest::Runner::Qemu { instructions_per_tick, .. } => Some(*instructions_per_tick),
        }
    }
}

/// Firmware and vectors, laid out to be run.
pub(super) struct Bench<'a> {
    pub(super) graph: Graph,
    pub(super) steps: Vec<Step>,
    pub(super) weights: Vec<u8>,
    pub(super) expectation: Expectation,
    pub(super) session: Session,
    pub(super) harness: Command,
    pub(super) app: Utf8PathBuf,
    pub(super) starter: &'a dyn Start,
    /// Longest that a target may take.
    pub(super) limit: Duration,
    pub(super) work: Utf8PathBuf,
}

impl<'a> Bench<'a> {
    fn set_up(stage: &'a Measure, digest: &str, job: &Job) -> Result<Self, BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let steps =
            expect::steps(&lowered).map_err(|reason| super::fail(Kind::Internal, reason, "please report this"))?;
        let inputs = job.read("inputs")?;
        let vectors = split(&inputs, &graph);
        let work = job.work_dir().to_owned();
        job.copy_tree("firmware", &work)?;
        let image = work.join(artifact::HARNESS);
        let harness = match (&stage.runner, &stage.qemu) {
            (manifest::Runner::Qemu { machine, .. }, Some(emulator)) => {
                qemu::harness_command(&emulator.program, machine, &image)
            }
            _ => host::command(image),
        };
        let expectation: Expectation = job.read_json("expectation")?;
        let session = Session {
            digest: digest.to_owned(),
            clock: stage.clock.clone(),
            vectors,
            stream: Stream::of(&graph),
            steps: expectation.steps,
            runs: stage.runs,
            output_bytes: graph.outputs.iter().map(|id| graph.tensor(*id).bytes()).collect(),
        };
        Ok(Self {
            expectation,
            weights: job.read("weights")?,
            graph,
            steps,
            session,
            harness,
            app: work.join(artifact::APP),
            starter: &stage.runtime,
            limit: stage.runtime.target_limit,
            work,
        })
    }

    fn measure(&self, stage: &Measure, result: &mut Measurement) -> Result<(), RunnerError> {
        let measured =
            runner::measure(self.starter, &self.harness, &self.session, stage.instructions_per_tick(), self.limit)?;
        result.vectors = self.session.vectors.len();
        let tensors = measured.observations.iter().map(|run| run.operator_digests.len() + run.hop_digests.len());
        result.tensors_compared = tensors.sum::<usize>() as u64;
        result.first_difference = self.first_difference(&measured.observations)?;
        result.nondeterminism = self.nondeterminism(&measured.observations);
        result.instructions = measured.instructions();
        result.hop_instructions = hop_instructions(measured.hops().map(|hop| hop.instructions));
        result.stack_hop_bytes = measured.hops().filter_map(|hop| hop.stack).max().map(|bytes| bytes as u64);
        result.arena_bytes = measured.arena_high() as u64;
        result.stack_invoke_bytes = measured.stack_invoke().map(|bytes| bytes as u64);
        result.stack_harness_bytes = measured.stack_total.map(|bytes| bytes as u64);
        if let (manifest::Runner::Qemu { machine, .. }, Some(emulator)) = (&stage.runner, &stage.qemu) {
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

    /// What a breakdown was, with the operator under the name that people have for it.
    fn told(&self, error: &RunnerError) -> String {
        match error {
            RunnerError::Target(signature) => signature.named(|index| self.graph.called(OperatorId(index))).to_string(),
            other => other.to_string(),
        }
    }

    /// Plays a script and gives the transcript as it is.
    fn play(&self, script: &str) -> Result<Vec<u8>, BoxError> {
        Ok(runner::transcript(self.starter, &self.harness, script, self.limit).map_err(|error| failed(&error))?)
    }
}

/// What hops took, where the target counts instructions and there are any.
fn hop_instructions(hops: impl Iterator<Item = Option<u64>>) -> Option<HopInstructions> {
    let counted: Vec<u64> = hops.flatten().collect();
    let total = counted.iter().fold(0_u128, |sum, &hop| sum + u128::from(hop));
    let mean = u64::try_from(total.checked_div(counted.len() as u128)?).ok()?;
    Some(HopInstructions { max: counted.into_iter().max()?, mean })
}

/// The inputs blob as vectors of what each brings.
fn split(bytes: &[u8], graph: &Graph) -> Vec<Vec<Vec<u8>>> {
    let sizes: Vec<usize> = graph.feeds().into_iter().map(|(_, bytes)| bytes).collect();
    let vector_bytes: usize = sizes.iter().sum();
    let feeds = |mut vector: &[u8]| {
        let mut feed = |size: &usize| vector.split_off(..*size).unwrap_or_default().to_vec();
        sizes.iter().map(&mut feed).collect()
    };
    bytes.chunks_exact(vector_bytes.max(1)).map(feeds).collect()
}
