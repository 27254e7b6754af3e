//! Stage `measure`: every vector on the target, several times, operator by operator; what differs, and the high-water marks.
//!
//! Knows what to run and what to compare; starting targets and reading their lines is the runner's business. A target that
//! breaks down is a result, for the gate; a target that could not be run is a failure, and not recorded.

use camino::Utf8PathBuf;
use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::difference::{difference_at, first_difference};
use super::emit::Emission;
use super::expect;
use super::{Runtime, artifact};
use crate::error::{Error, Kind};
use crate::gate::evidence::{Difference, Expectation, Footprint, Measurement};
use crate::manifest;
use crate::model::lower::{Refusal, Step};
use crate::model::{self, Graph, TensorId};
use crate::runner::{self, Command, Observation, RunnerError, Session, app, host, qemu};
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
                    result.blocked = Some(error.to_string());
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
        let (runner, emulated) = match &self.runner {
            manifest::Runner::Host => ("host".to_owned(), false),
            manifest::Runner::Qemu { machine, .. } => (format!("qemu {machine}"), true),
            manifest::Runner::Probe { chip } => (format!("probe {chip}"), false),
        };
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
struct Bench<'a> {
    graph: Graph,
    steps: Vec<Step>,
    weights: Vec<u8>,
    expectation: Expectation,
    session: Session,
    harness: Command,
    app: Utf8PathBuf,
    runtime: &'a Runtime,
    work: Utf8PathBuf,
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
            runtime: &stage.runtime,
            work,
        })
    }

    fn measure(&self, stage: &Measure, result: &mut Measurement) -> Result<(), RunnerError> {
        let measured = runner::measure(
            self.runtime,
            &self.harness,
            &self.session,
            stage.instructions_per_tick(),
            self.runtime.target_limit,
        )?;
        result.vectors = self.session.vectors.len();
        result.tensors_compared = (measured.observations.len() * measured.operators) as u64;
        result.first_difference = self.first_difference(&measured.observations)?;
        result.nondeterminism = self.nondeterminism(&measured.observations);
        result.instructions = measured.instructions();
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
                limit: self.runtime.target_limit,
            };
            result.stack_app_bytes = Some(app::stack_used(self.runtime, &app)? as u64);
        }
        Ok(())
    }

    /// Plays a script and gives the transcript as it is.
    fn play(&self, script: &str) -> Result<Vec<u8>, BoxError> {
        let limit = self.runtime.target_limit;
        Ok(runner::transcript(self.runtime, &self.harness, script, limit).map_err(|error| failed(&error))?)
    }

    /// The first operator of the first run whose tensor is not the host reference's, with the coordinate.
    fn first_difference(&self, observations: &[Observation]) -> Result<Option<Difference>, RunnerError> {
        for seen in observations {
            let expected = &self.expectation.vectors[seen.vector];
            let wrong = seen
                .operator_digests
                .iter()
                .zip(&expected.operators)
                .position(|(seen, expected)| format!("{seen:016x}") != *expected);
            if let Some(operator) = wrong {
                return self.locate(seen.vector, operator).map(Some);
            }
            for (index, bytes) in seen.outputs.iter().chain(&seen.invoke_outputs).enumerate() {
                let output = index % expected.outputs.len().max(1);
                let found: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
                let (tensor, wanted) = (self.graph.outputs[output], &expected.outputs[output]);
                let difference = first_difference(&self.graph, &self.steps, seen.vector, tensor, wanted, &found);
                if difference.is_some() {
                    return Ok(difference);
                }
            }
        }
        Ok(None)
    }

    /// Has the target send the operator's output tensors, and finds the element.
    fn locate(&self, vector: usize, operator: usize) -> Result<Difference, RunnerError> {
        let found =
            runner::dump(self.runtime, &self.harness, &self.session, vector, operator, self.runtime.target_limit)?;
        let mut state = model::State::default();
        let mut evaluate = |vector: usize| {
            let inputs = &self.session.vectors[vector];
            model::evaluate_from(&mut state, &self.graph, &self.steps, &self.weights, inputs).unwrap_or_default()
        };
        self.session.before(vector).for_each(|earlier| drop(evaluate(earlier)));
        let expected = evaluate(vector).into_iter().nth(operator).unwrap_or_default();
        let signed = |bytes: &[u8]| bytes.iter().map(|byte| byte.cast_signed()).collect::<Vec<i8>>();
        let step = &self.steps[operator];
        let mut rest = signed(&found);
        let mut first = None;
        // Tensors that agree when they are asked for again are nondeterminism; element 0 then stands for the whole.
        let whole = step.outputs.first().or(self.graph.outputs.first()).copied().unwrap_or(TensorId(0));
        let nothing = difference_at(&self.graph, &self.steps, vector, whole, 0, &[], &[]);
        for (&tensor, expected) in step.outputs.iter().zip(&expected) {
            let tail = rest.split_off(rest.len().min(expected.len()));
            let expected = signed(expected);
            first = first.or_else(|| first_difference(&self.graph, &self.steps, vector, tensor, &expected, &rest));
            rest = tail;
        }
        Ok(Difference { operator: Some(step.operator), ..first.unwrap_or(nothing) })
    }

    /// The first vector whose runs differ among themselves.
    fn nondeterminism(&self, observations: &[Observation]) -> Option<String> {
        for vector in 0..self.session.vectors.len() {
            let mut runs = observations.iter().filter(|seen| seen.vector == vector);
            let first = runs.next()?;
            for other in runs {
                let differs = first.operator_digests.iter().zip(&other.operator_digests).position(|(a, b)| a != b);
                if let Some(operator) = differs {
                    let name = &self.graph.operators[operator].name;
                    return Some(format!(
                        "vector {vector}: op:{operator} {name} gives another tensor in run {} than in run {}",
                        other.run, first.run
                    ));
                }
                if first.invoke_outputs != other.invoke_outputs {
                    return Some(format!("vector {vector}: outputs of run {} and run {} differ", first.run, other.run));
                }
            }
        }
        None
    }
}

/// The inputs blob as vectors of tensors.
fn split(bytes: &[u8], graph: &Graph) -> Vec<Vec<Vec<u8>>> {
    let sizes: Vec<usize> = graph.inputs.iter().map(|id| graph.tensor(*id).bytes()).collect();
    let vector_bytes: usize = sizes.iter().sum();
    bytes
        .chunks_exact(vector_bytes.max(1))
        .map(|vector| {
            let mut rest = vector;
            sizes
                .iter()
                .map(|size| {
                    let (tensor, tail) = rest.split_at(*size);
                    rest = tail;
                    tensor.to_vec()
                })
                .collect()
        })
        .collect()
}
