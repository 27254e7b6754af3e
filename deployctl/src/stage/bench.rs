//! A target that is run for real: firmware and vectors, laid out, and the command that starts the harness.
//!
//! What stages that run targets share; does not know what they measure.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{BoxError, Job};
use serde::Serialize;

use super::decoder::{decoder, operators};
use super::expect;
use super::memory::Planned;
use super::observed::{Observed, Starter};
use super::{Runtime, artifact};
use crate::error::{Error, Kind};
use crate::gate::evidence::{Expectation, Footprint};
use crate::manifest::{self, PerTick};
use crate::memory::MemoryPlan;
use crate::model::Graph;
use crate::model::lower::{Refusal, Step};
use crate::runner::{self, Command, Decoder, RunnerError, Session, Stream, host, qemu};
use crate::tool::Qemu;

/// What a target is run with.
#[derive(Debug, Serialize)]
pub struct Rig {
    /// The board's runner.
    pub runner: manifest::Runner,
    /// Why nothing can be measured on the board, where that is known beforehand.
    pub unmeasured: Option<String>,
    /// The emulator, for boards that it emulates.
    pub qemu: Option<Qemu>,
    /// Evidence from the board, for boards that a probe reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// What the harness must say of its clock.
    pub clock: String,
    /// The board's memory, for the names of addresses.
    pub regions: Vec<manifest::Region>,
    /// Starts processes.
    #[serde(skip)]
    pub runtime: Runtime,
}

impl Rig {
    pub(super) fn instructions_per_tick(&self) -> Option<PerTick> {
        match &self.runner {
            manifest::Runner::Host => None,
            // A tick is a cycle, and is called so in the end.
            manifest::Runner::Probe { .. } => Some(PerTick(1_000)),
            manifest::Runner::Qemu { instructions_per_tick, .. } => Some(*instructions_per_tick),
        }
    }

    /// Whether what is counted is cycles, no instructions.
    pub(super) fn counts_cycles(&self) -> bool {
        matches!(self.runner, manifest::Runner::Probe { .. })
    }

    /// The core clock in Hz, least and most, where the board's file states it.
    pub(super) fn clock_hz(&self) -> Option<(u64, u64)> {
        let (least, most) = self.clock.split_once('-').unwrap_or((&self.clock, &self.clock));
        least.parse().ok().zip(most.parse().ok())
    }
}

impl Rig {
    /// How this harness is started.
    pub(super) fn command(&self, image: &Utf8Path) -> Command {
        match (&self.runner, &self.qemu) {
            (manifest::Runner::Qemu { machine, .. }, Some(emulator)) => {
                qemu::harness_command(&emulator.program, machine, image)
            }
            _ => host::command(image.to_owned()),
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
    pub(super) image: Utf8PathBuf,
    pub(super) app: Utf8PathBuf,
    pub(super) regions: &'a [manifest::Region],
    pub(super) plan: Option<MemoryPlan>,
    pub(super) starter: Starter<'a>,
    /// Longest that a target may take.
    pub(super) limit: Duration,
    pub(super) work: Utf8PathBuf,
}

impl<'a> Bench<'a> {
    /// Lays out what the job has: `firmware`, `graph`, `steps`, `weights`, `memory`, `expectation` and `inputs`. Each vector is
    /// run `runs` times.
    pub(super) fn set_up(rig: &'a Rig, runs: u32, digest: &str, job: &Job) -> Result<Self, BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let steps =
            expect::steps(&lowered).map_err(|reason| super::fail(Kind::Internal, reason, "please report this"))?;
        let inputs = job.read("inputs")?;
        let vectors = split(&inputs, &graph);
        let work = job.work_dir().to_owned();
        job.copy_tree("firmware", &work)?;
        let image = work.join(artifact::HARNESS);
        let harness = rig.command(&image);
        let expectation: Expectation = job.read_json("expectation")?;
        let session = Session {
            digest: digest.to_owned(),
            clock: rig.clock.clone(),
            vectors,
            stream: Stream::of(&graph),
            steps: expectation.steps,
            runs,
            output_bytes: graph.outputs.iter().map(|id| graph.tensor(*id).bytes()).collect(),
        };
        Ok(Self {
            expectation,
            weights: job.read("weights")?,
            graph,
            steps,
            session,
            harness,
            image,
            app: work.join(artifact::APP),
            regions: &rig.regions,
            plan: job.read_json::<Planned>("memory")?.plan,
            starter: match &rig.observed {
                Some(observed) => {
                    let footprint: Footprint = job.read_json_at("firmware", artifact::FOOTPRINT)?;
                    Starter::Recorded(observed.recorded(&footprint.harness_image)?, observed)
                }
                None => Starter::Live(&rig.runtime),
            },
            limit: rig.runtime.target_limit,
            work,
        })
    }

    /// What a breakdown was, with operator and addresses under the names that people have for them.
    pub(super) fn told(&self, error: &RunnerError) -> String {
        match error {
            RunnerError::Target(signature) => signature.named(&self.decoder(&self.image)).to_string(),
            other => other.to_string(),
        }
    }

    /// What the numbers of a failure of this image stand for.
    pub(super) fn decoder(&self, image: &Utf8Path) -> Decoder {
        // An image that is gone names nothing, and the failure is told all the same.
        let elf = std::fs::read(image).unwrap_or_default();
        decoder(&elf, self.plan.as_ref(), operators(&self.graph), self.regions)
    }

    /// Plays a script and gives the transcript as it is.
    pub(super) fn play(&self, script: &str) -> Result<Vec<u8>, RunnerError> {
        runner::transcript(&self.starter, &self.harness, script, self.limit)
    }
}

/// A target that could not be run, which is not recorded.
pub(super) fn failed(error: &RunnerError) -> Error {
    Error::caused(
        Kind::Target,
        error,
        "nothing was recorded: the next build measures again; `deployctl doctor` checks the tools",
    )
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
