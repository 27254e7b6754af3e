//! Stage `inject`: firmware with one known mistake each, and how each shows on the target.
//!
//! Knows which mistakes there are and how each is run; what one is in firmware is the emitter's business, what a transcript shows that of
//! the same reader that reads logs from the field. One target folder serves all: only the model and the harness are compiled again.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::bench::{Bench, Rig, failed};
use super::cargo::Cargo;
use super::compile::{Compile, LIBRARY};
use super::decoder::{expected, stack_guard};
use super::emit::{Emission, Project};
use super::load::Load;
use super::{artifact, crates, fail};
use crate::emit::mistake::{Mistake, StackGuard, mistaken};
use crate::emit::{Entry, Files, Model};
use crate::error::Kind;
use crate::gate::evidence::{Audit, Footprint, Measurement};
use crate::library::Kernel;
use crate::runner::log::Expected;
use crate::runner::{self, Ended, Injected, Injection, Log, RunnerError, Session, Signature, TimerLoad};

/// What firmware is made and run with.
#[derive(Debug, Serialize)]
pub struct Inject {
    /// The target.
    pub rig: Rig,
    /// The deployment.
    pub project: Project,
    /// What compiles.
    pub compile: Compile,
    /// What interrupts.
    pub load: Load,
    /// Whether the manifest declares services that interrupt.
    pub services: bool,
}

/// How a mistake is made.
enum Way {
    /// In firmware, in the first of several ways that shows.
    Firmware(Vec<Mistake>),
    /// In firmware, and shown under load.
    Loaded(Mistake),
    /// The session is another build's.
    Stale,
    /// The load takes all of the processor.
    Storm,
}

/// Attempts to find a weight that matters.
const ATTEMPTS: usize = 4;

impl Stage for Inject {
    fn name(&self) -> &'static str {
        "inject"
    }

    fn version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let emission: Emission = job.read_json("emission")?;
        let footprint: Footprint = job.read_json_at("firmware", artifact::FOOTPRINT)?;
        let measurement: Measurement = job.read_json("measurement")?;
        let mut result = Injection { digest: emission.digest.clone(), ..Injection::default() };
        let broken = measurement.target_failed.then(|| "the target fails without a mistake, too".to_owned());
        result.blocked = emission.blocked.or(footprint.blocked).or_else(|| self.rig.unmeasured.clone()).or(broken);
        if result.blocked.is_none() {
            let mut bench = Bench::set_up(&self.rig, 1, &result.digest, job)?;
            let few = bench.session.steps.max(2);
            bench.session.vectors.truncate(few);
            let trials = Trials::set_up(self, &bench, job)?;
            let guard = stack_guard(&std::fs::read(&bench.image)?).map(|(bytes, page)| StackGuard { bytes, page });
            for (kind, way) in self.kinds(measurement.stack_harness_bytes, guard) {
                let (injected, transcript) = trials.run(kind, way)?;
                job.log(format!(
                    "{}: {kind}: {}",
                    job.node(),
                    if injected.code.is_empty() { "–" } else { &injected.code }
                ));
                if !transcript.is_empty() {
                    job.write(&format!("{}{kind}.transcript", artifact::INJECTED_TRANSCRIPTS), &transcript)?;
                }
                result.injected.push(injected);
            }
        }
        job.write_json(artifact::INJECTED, &result)?;
        Ok(())
    }
}

impl Inject {
    /// Every kind with how it is made, or why it is not.
    fn kinds(&self, stack: Option<u64>, guard: Option<StackGuard>) -> [(&'static str, Result<Way, String>); 9] {
        let one = |mistake| Ok(Way::Firmware(vec![mistake]));
        let small = |needs: u64| Mistake::StackSmall { needs, guard };
        let bits = (0..ATTEMPTS).map(|attempt| Mistake::WeightBit { attempt }).collect();
        let no_timer = "the board's file names no timer that could interrupt";
        let timers = !self.load.timers.is_empty();
        let overrun = match (self.services, timers) {
            (true, true) => Ok(Way::Loaded(Mistake::ServicesOverrun)),
            (true, false) => Err(no_timer.to_owned()),
            (false, _) => Err("the manifest declares no `services` that interrupt (`cpu`)".to_owned()),
        };
        let no_stack = || "the stack of this target is not measured".to_owned();
        [
            ("arena-short", one(Mistake::ArenaShort)),
            ("stack-small", stack.map(|stack| Way::Firmware(vec![small(stack)])).ok_or_else(no_stack)),
            ("weight-bit", Ok(Way::Firmware(bits))),
            ("input-scale", one(Mistake::InputScale)),
            ("shape-transposed", one(Mistake::ShapeTransposed)),
            ("stale-image", Ok(Way::Stale)),
            ("kernel-replaced", one(Mistake::KernelReplaced)),
            ("services-overrun", overrun),
            ("interrupt-storm", if timers { Ok(Way::Storm) } else { Err(no_timer.to_owned()) }),
        ]
    }
}

/// Firmware to make mistakes in.
struct Trials<'a> {
    inject: &'a Inject,
    bench: &'a Bench<'a>,
    kernels: Vec<Kernel>,
    /// The firmware project's files, as far as mistakes are made in them.
    files: Files,
    folder: Utf8PathBuf,
    /// Where the kernel library is.
    library: Option<Utf8PathBuf>,
    expected: BTreeMap<String, Expected>,
}

impl<'a> Trials<'a> {
    fn set_up(inject: &'a Inject, bench: &'a Bench<'a>, job: &Job) -> Result<Self, BoxError> {
        job.copy_tree("project", &bench.work)?;
        let folder = bench.work.join(artifact::PROJECT.trim_end_matches('/'));
        job.copy_tree("crates", &bench.work)?;
        crates::freshen(&bench.work.join("target"))?;
        let library = inject.compile.links_library.then(|| bench.work.join("lib"));
        if let Some(library) = &library {
            job.copy("kernels", &library.join(artifact::ARCHIVE))?;
        }
        let audit: Audit = job.read_json("audit")?;
        let mut files = Files::new();
        for path in job.files("project")? {
            let Ok(path) = path.strip_prefix(artifact::PROJECT) else { continue };
            if path.starts_with("model") || path.starts_with("harness/src") || path == "memory.x" {
                files.insert(path.to_owned(), std::fs::read(folder.join(path))?);
            }
        }
        let first_hop = bench.session.stream.map(|stream| stream.first);
        Ok(Self {
            inject,
            bench,
            kernels: audit.rows.into_iter().filter_map(|row| row.kernel).collect(),
            files,
            folder,
            library,
            expected: [(bench.session.digest.clone(), expected(&bench.expectation, first_hop))].into(),
        })
    }

    /// Makes a mistake and plays a session; gives what it showed, and the transcript.
    fn run(&self, kind: &str, way: Result<Way, String>) -> Result<(Injected, Vec<u8>), BoxError> {
        let named = |what: String| Injected { kind: kind.to_owned(), what, ..Injected::default() };
        let not_applicable =
            |reason: String| (Injected { not_applicable: Some(reason), ..named(String::new()) }, Vec::new());
        let session = &self.bench.session;
        match way {
            Err(reason) => Ok(not_applicable(reason)),
            Ok(Way::Stale) => {
                let digest: String = session.digest.chars().rev().collect();
                let other = Session { digest, ..session.clone() };
                self.show(named("the session is another build's".to_owned()), &self.bench.image, &other.script())
            }
            Ok(Way::Storm) => {
                let loads = self.inject.load.loads(0);
                let storm = |load: TimerLoad| TimerLoad { busy: load.cycles.saturating_mul(4), ..load };
                let loads: Vec<TimerLoad> = loads.into_iter().map(storm).collect();
                let what = "each interrupt takes four times as long as the time between two".to_owned();
                self.show(named(what), &self.bench.image, &session.sustained_script(&loads, session.vectors.len()))
            }
            Ok(Way::Loaded(mistake)) => {
                let script = session.sustained_script(&self.inject.load.loads(0), session.vectors.len());
                match self.made(mistake)? {
                    Err(reason) => Ok(not_applicable(reason)),
                    Ok((what, image)) => self.show(named(what), &image, &script),
                }
            }
            Ok(Way::Firmware(mistakes)) => {
                let mut last = not_applicable(String::new());
                for (attempt, mistake) in mistakes.into_iter().enumerate() {
                    match self.made(mistake)? {
                        Err(reason) if attempt == 0 => return Ok(not_applicable(reason)),
                        Err(_) => break,
                        Ok((what, image)) => last = self.show(named(what), &image, &session.script())?,
                    }
                    if last.0.detected {
                        break;
                    }
                }
                Ok(last)
            }
        }
    }

    /// Firmware with a mistake: what was done and the harness; or why it cannot be made.
    fn made(&self, mistake: Mistake) -> Result<Result<(String, Utf8PathBuf), String>, BoxError> {
        let no_plan = || fail(Kind::Internal, "firmware without a memory plan", "please report this");
        let plan = self.bench.plan.as_ref().ok_or_else(no_plan)?;
        let kernels: Vec<Entry> = self
            .kernels
            .iter()
            .map(|kernel| Entry { function: &kernel.entry, symbol: &kernel.symbol, scratch: kernel.takes_scratch() })
            .collect();
        let model = Model {
            deployment: &self.inject.project.name,
            version: &self.inject.project.version,
            digest: &self.bench.session.digest,
            graph: &self.bench.graph,
            weights: &self.bench.weights,
            steps: &self.bench.steps,
            kernels: &kernels,
            arena: plan.peak,
            tensors: &plan.tensors,
            scratch: &plan.scratch,
        };
        let made = match mistaken(mistake, &model, &self.files) {
            Ok(made) => made,
            Err(reason) => return Ok(Err(reason)),
        };
        self.write(&made.files)?;
        let built = self.build();
        let whole: Files = made.files.keys().map(|path| (path.clone(), self.files[path].clone())).collect();
        self.write(&whole)?;
        Ok(Ok((made.what, built?)))
    }

    fn write(&self, files: &Files) -> std::io::Result<()> {
        files.iter().try_for_each(|(path, bytes)| std::fs::write(self.folder.join(path), bytes))
    }

    /// Compiles the harness.
    fn build(&self) -> Result<Utf8PathBuf, BoxError> {
        let compile = &self.inject.compile;
        let cargo = Cargo {
            rustc: &compile.rustc,
            rust_target: compile.rust_target.as_deref(),
            vendored: &compile.crates,
            runtime: &compile.runtime,
            work: &self.bench.work,
            project: &self.folder,
        };
        let variables: Vec<(&str, &str)> = self.library.iter().map(|library| (LIBRARY, library.as_str())).collect();
        let mut built = cargo.build(&["-p", "harness"], &variables)?;
        let missing = || fail(Kind::Internal, "Cargo made no program `harness`", "please report this");
        built.programs.remove("harness").ok_or_else(missing)
    }

    /// Plays a session, and reads what it shows.
    fn show(&self, injected: Injected, image: &Utf8Path, script: &str) -> Result<(Injected, Vec<u8>), BoxError> {
        let command = self.inject.rig.command(image);
        let ended =
            runner::play(self.bench.starter, &command, script, self.bench.limit).map_err(|error| failed(&error))?;
        let last = String::from_utf8_lossy(&ended.stdout).lines().last().unwrap_or_default().to_owned();
        if ended.timed_out {
            return Err(Box::new(failed(&RunnerError::Target(Signature::TimedOut { after: last }))));
        }
        let found = self.read(&ended);
        let decoder = self.bench.decoder(image);
        let injected = match found {
            None => Injected { last, ..injected },
            Some((line, signature)) => Injected {
                detected: true,
                code: signature.code().to_owned(),
                text: signature.named(&decoder).to_string(),
                operator: signature.operator(),
                line,
                last,
                ..injected
            },
        };
        Ok((injected, ended.stdout))
    }

    fn read(&self, ended: &Ended) -> Option<(String, Signature)> {
        let mut log = Log::new(&self.expected);
        log.feed(&ended.stdout);
        let diagnosis = log.end();
        if diagnosis.harness_lines == 0 {
            return Some((String::new(), Signature::Silent { code: ended.code, diagnostics: String::new() }));
        }
        diagnosis.found.map(|found| (found.line, found.signature))
    }
}
