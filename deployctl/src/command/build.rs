//! `build`: manifests → plan → stages → `out/` → verdict. A straight line.

use std::time::Duration;

use deployctl_cache::{Engine, Options};

use super::deliver::{Delivery, Shown};
use super::gather::gather;
use super::observe::Observing;
use super::phases::Phases;
use super::watch::Watcher;
use super::workshop::{Workshop, store_error};
use super::{Done, injected, lock, stronger, trust};
use crate::cli::Build;
use crate::error::Error;
use crate::gate::Verdict;
use crate::manifest::Manifest;
use crate::plan::Materials;
use crate::stage::Runtime;

pub(super) fn run(args: &Build, workshop: &Workshop) -> Result<Done, Error> {
    run_within(args, None, workshop)
}

/// As [`run`], with so many instructions for a scenario, and every check shown where there are any.
pub(super) fn run_within(args: &Build, budget: Option<u64>, workshop: &Workshop) -> Result<Done, Error> {
    let done = build(args, budget, workshop);
    workshop.remember();
    done.map(Done::Verdict)
}

fn build(args: &Build, budget: Option<u64>, workshop: &Workshop) -> Result<Verdict, Error> {
    let mut phases = Phases::begin(workshop.ui);
    let manifests = workshop.around.manifests_with(&args.manifests, &args.commands)?;
    phases.end("manifests: parse and check");
    if args.install {
        super::doctor::install(&manifests, workshop)?;
    }
    if args.check {
        workshop.store.forget_files().map_err(|error| store_error(&error))?;
    }
    let mut materials = gather(&manifests, workshop)?;
    for found in &mut materials {
        found.budget = budget;
    }
    let used: Vec<_> = manifests.iter().zip(&materials).map(|(manifest, found)| lock::used(manifest, found)).collect();
    if args.locked {
        manifests.iter().zip(&used).try_for_each(|(manifest, used)| lock::refuse_differences(manifest, used))?;
    }
    phases.end("materials: look at files, tools and sources");
    let inject = |found| Materials { inject: args.inject, ..found };
    let mut materials: Vec<Materials> = materials.into_iter().map(inject).collect();
    let options = options(args, &manifests, workshop);
    let runtime = runtime(args, options.jobs, workshop);
    let mut plan = stronger::plan(&manifests, &mut materials, &runtime, &options, workshop)?;
    phases.end("plan: make the graph");
    let engine = Engine::new(&workshop.store, options.clone());
    trust::ask(&manifests, &plan, &engine, args.allow_commands, workshop)?;
    if args.measuring.measure {
        let (asked, options) = (&args.measuring, &options);
        let observing = Observing { asked, manifests: &manifests, runtime: &runtime, options, workshop };
        observing.run(&mut materials)?;
        plan = crate::plan::plan(&manifests, &materials, &runtime);
        phases.end("measure: play sessions on boards");
    }
    let watcher = Watcher::new(workshop.ui, &plan);
    let delivery = Delivery {
        engine,
        plan: &plan,
        watcher: &watcher,
        manifests: &manifests,
        materials: &materials,
        workshop,
        shown: if budget.is_some() { Shown::Checks } else { Shown::Verdict },
        annotations: args.annotations.is_some(),
    };
    let built = delivery.build()?;
    phases.end("stages: look up records, run what is missing");
    let verdict = delivery.deliver(built)?;
    phases.end("out: look at results, copy what differs");
    if !args.locked {
        lock::record(&manifests, &used)?;
    }
    phases.end("lock: compare and record");
    if args.inject {
        injected::check(&plan.targets, workshop.ui)?;
    }
    if args.timings {
        phases.show();
    }
    Ok(verdict)
}

fn options(args: &Build, manifests: &[Manifest], workshop: &Workshop) -> Options {
    let mut options = Options { verify: args.verify, check: args.check, ..workshop.options(manifests) };
    if let Some(jobs) = args.jobs {
        options.jobs = jobs.get();
    }
    options
}

fn runtime(args: &Build, jobs: usize, workshop: &Workshop) -> Runtime {
    let mut runtime = Runtime { jobs, ..workshop.runtime() };
    if let Some(limit) = args.time_limit {
        runtime.target_limit = Duration::from_secs(limit.get().into());
    }
    runtime
}
