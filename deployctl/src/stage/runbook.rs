//! Stage `runbook`: what the people need who were not there. Commands are exact, expected lines are the harness's own.
//!
//! The template has the words; here is what they need beside the dossier: files, commands, owners, the answer in words.

use std::collections::BTreeMap;

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;
use serde_json::json;

use super::bringup::{self, File, Lines};
use super::dossier::{Dossier, Named, Papers, Subject};
use super::expected::{self, Limits};
use super::given::{Given, Written, needed, pictures};
use super::roster::{self, Roster};
use super::{artifact, given, report};
use crate::frame::{Frame, Link, Sheet};
use crate::manifest::{self, Runner};
use crate::model::Graph;
use crate::render;
use crate::runner::{GUIDES, Guide, Injection, Shows};

/// Who, what, and how it is run.
#[derive(Debug, Serialize)]
pub struct Runbook {
    /// Deployment, board, tools.
    pub subject: Subject,
    /// The manifest, relative to the project's root.
    pub manifest: String,
    /// Owners of the governed values, by manifest node.
    pub owners: Vec<Named>,
    /// The `runbook` node.
    pub contacts: manifest::Runbook,
    /// How the board is run.
    pub runner: Runner,
    /// Rust target triple; absent for the host.
    pub rust_target: Option<String>,
    /// Memory regions of the board.
    pub regions: Vec<manifest::Region>,
    /// Why the board does not start this firmware, where that is known.
    pub not_bootable: Option<String>,
    /// Why cycles on the board are no time of the product's, where that is so.
    pub cycles_only: Option<String>,
    /// Whether the firmware contains a C library, so that building it needs the cross compiler.
    pub links_library: bool,
    /// Declared outputs, for their labels.
    pub outputs: Vec<manifest::Port>,
    /// Command that plays a session on the target, typed in the output folder.
    pub run_command: String,
    /// Command that rebuilds the firmware from its project, typed in the project's folder.
    pub build_command: String,
    /// Arena budget and limits, for the table of peaks.
    pub budget: manifest::Bytes,
    /// Limit of the stack, where one is declared.
    pub stack_limit: Option<manifest::Bytes>,
    /// Limit of the flash, where one is declared.
    pub flash_limit: Option<manifest::Bytes>,
    /// Whether there are steps around the model.
    pub parity: bool,
    /// The template's text.
    pub template: String,
    /// How the page looks.
    pub frame: Frame,
}

impl Stage for Runbook {
    fn name(&self) -> &'static str {
        "runbook"
    }

    fn version(&self) -> u32 {
        8
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        self.papers(job)?.iter().try_for_each(|(name, bytes)| job.write(name, bytes))?;
        Ok(())
    }
}

impl Runbook {
    /// Both papers of the stage.
    pub fn papers(&self, given: &dyn Given) -> Result<Written, BoxError> {
        let papers = Papers::read(given, self.parity)?;
        let graph: Graph = given::json(given, "graph")?;
        let transcript = String::from_utf8_lossy(&needed(given, "transcript")?).into_owned();
        let mut files = Vec::new();
        for name in [artifact::APP, artifact::HARNESS] {
            files.extend(given.file_in("firmware", name)?.map(|bytes| File::of(name, &bytes)));
        }
        // Where nothing could be run there is nothing to play.
        let session = needed(given, "session")?;
        for (name, content) in [(artifact::SESSION, session), (artifact::TRANSCRIPT, transcript.clone().into())] {
            if !content.is_empty() {
                files.push(File::of(name, &content));
            }
        }
        let dossier = Dossier::of(&self.subject, &papers);
        let values = self.values(&dossier, &papers, &graph, &transcript, &files)?;
        let text = render::markdown(artifact::RUNBOOK, &self.template, &values)?;
        let page = self.page(&dossier, &values, pictures(given)?)?;
        let papers = [(artifact::RUNBOOK, text), (artifact::RUNBOOK_PAGE, page)];
        Ok(papers.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect())
    }

    fn values(
        &self,
        dossier: &Dossier,
        papers: &Papers,
        graph: &Graph,
        transcript: &str,
        files: &[File],
    ) -> Result<serde_json::Value, BoxError> {
        let mut values = serde_json::to_value(dossier)?;
        values["injected"] = json!(papers.injected.iter().flat_map(observed).collect::<Vec<_>>());
        values["files"] = json!(files);
        values["lines"] = json!(Lines::of(transcript));
        values["answers"] = json!(bringup::answers(graph, &self.outputs, &papers.expectation));
        values["interface"] = json!(bringup::Ports::of(graph));
        let limits = Limits { arena: self.budget, stack: self.stack_limit, flash: self.flash_limit };
        values["peaks"] = json!(expected::peaks(dossier, &limits));
        values["times"] = expected::times(dossier);
        values["roster"] = json!(Roster::of(&papers.audit));
        values["build_digest"] = json!(papers.emission.digest);
        values["fullest"] = json!(papers.planned.plan.as_ref().map(|plan| roster::span(&plan.fullest())));
        values["image_sizes"] = json!(papers.footprint.flash_bytes.is_some() && papers.footprint.ram_bytes.is_some());
        self.describe(&mut values);
        Ok(values)
    }

    fn page(
        &self,
        dossier: &Dossier,
        values: &serde_json::Value,
        pictures: BTreeMap<String, String>,
    ) -> Result<String, BoxError> {
        Ok(self.frame.page(&Sheet {
            markdown: &render::captioned(artifact::RUNBOOK, &self.template, values)?,
            pictures,
            facts: dossier.facts(),
            pages: Link::pages(&report::PAGES, artifact::RUNBOOK_PAGE),
            ..Sheet::default()
        })?)
    }

    /// Each owner with what is theirs, in the manifest's order. A list: a template walks a map in no order.
    fn people(&self) -> serde_json::Value {
        let mut people: Vec<(&str, Vec<&str>)> = Vec::new();
        for owner in &self.owners {
            match people.iter_mut().find(|(who, _)| *who == owner.value) {
                Some((_, nodes)) => nodes.push(&owner.name),
                None => people.push((&owner.value, vec![&owner.name])),
            }
        }
        people.into_iter().map(|(who, nodes)| json!({ "who": who, "nodes": nodes })).collect()
    }

    /// Commands, people and signatures.
    fn describe(&self, values: &mut serde_json::Value) {
        let host = self.runner == Runner::Host;
        values["owners"] = self.people();
        values["contacts"] = json!(self.contacts);
        values["manifest"] = json!(self.manifest);
        values["host"] = json!(host);
        values["machine"] = match &self.runner {
            Runner::Host | Runner::Probe { .. } => json!(null),
            Runner::Qemu { machine, .. } => json!(machine),
        };
        values["instructions_per_tick"] = match &self.runner {
            Runner::Host | Runner::Probe { .. } => json!(null),
            Runner::Qemu { instructions_per_tick, .. } => json!(instructions_per_tick.to_string()),
        };
        values["chip"] = match &self.runner {
            Runner::Probe { chip } => json!(chip),
            Runner::Host | Runner::Qemu { .. } => json!(null),
        };
        values["not_bootable"] = json!(self.not_bootable);
        values["cycles_only"] = json!(self.cycles_only);
        values["rust_target"] = json!(self.rust_target);
        values["regions"] = json!(self.regions);
        values["links_library"] = json!(self.links_library);
        let program = self.run_command.split(" < ").next().unwrap_or(&self.run_command);
        values["run_command"] = json!(self.run_command);
        values["run_program"] = json!(program);
        let built = self.rust_target.as_ref().map_or_else(
            || "firmware/target/release/harness".to_owned(),
            |target| format!("firmware/target/{target}/release/harness"),
        );
        values["run_built_command"] = json!(self.run_command.replacen(artifact::HARNESS, &built, 1));
        values["build_command"] = json!(self.build_command);
        values["telling_parts"] = json!(telling_parts(&self.run_command));
        let signatures = || GUIDES.iter().filter(|guide| !(host && guide.boards_only));
        let showing = |shows: Shows| signatures().filter(|guide| guide.shows == shows).collect::<Vec<&Guide>>();
        values["signatures"] = json!({
            "error_line": showing(Shows::ErrorLine),
            "no_end": showing(Shows::NoEnd),
            "lines": showing(Shows::Lines),
        });
        values["guides"] = json!(signatures().collect::<Vec<&Guide>>());
    }
}

/// Mistakes that showed when they were made on purpose, each with what is known of its signature.
fn observed(injection: &Injection) -> impl Iterator<Item = serde_json::Value> {
    injection.injected.iter().filter(|one| one.detected).map(|one| {
        let guide = GUIDES.iter().find(|guide| guide.code == one.code);
        let line = if one.line.is_empty() { &one.last } else { &one.line };
        json!({
            "kind": one.kind, "what": one.what, "code": one.code, "line": line, "last": one.last,
            "check": guide.map(|guide| guide.check), "fix": guide.map(|guide| guide.fix),
        })
    })
}

/// The parts of a command by which one run differs from another: program, machine, image, semihosting, session.
fn telling_parts(command: &str) -> Vec<String> {
    let words: Vec<&str> = command.split(' ').collect();
    let telling = |pair: &&[&str]| ["-M", "-kernel", "-semihosting-config", "<"].contains(&pair[0]);
    let parts = words.windows(2).filter(telling).map(|pair| pair.join(" "));
    words.first().map(|program| (*program).to_owned()).into_iter().chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use crate::gate::evidence::Measurement;
    use crate::manifest::PerTick;
    use crate::runner::Injected;
    use crate::stage::sample;

    fn runbook(runner: Runner) -> Runbook {
        let host = runner == Runner::Host;
        let named = |name: &str, value: &str| Named { name: name.into(), value: value.into() };
        Runbook {
            subject: sample::subject(),
            manifest: "manifests/sample.kdl".into(),
            owners: vec![
                named("deployment", "a@example.com"),
                named("arena", "b@example.com"),
                named("gates", "a@example.com"),
            ],
            contacts: manifest::Runbook { escalate: Some("call me".into()), review_every: Some("release".into()) },
            run_command: crate::runner::run_command(&runner, artifact::HARNESS, artifact::SESSION),
            runner,
            rust_target: (!host).then(|| "thumbv7em-none-eabihf".into()),
            regions: vec![],
            not_bootable: None,
            cycles_only: None,
            links_library: !host,
            outputs: vec![],
            build_command: "cargo build --release --locked --offline".into(),
            budget: manifest::Bytes(128),
            stack_limit: Some(manifest::Bytes(1000)),
            flash_limit: None,
            parity: false,
            template: include_str!("../../../templates/runbook.md").into(),
            frame: frame::tests::frame(),
        }
    }

    /// Markdown and page.
    fn both(runbook: &Runbook, papers: &Papers, name: &str, transcript: &str, files: &[File]) -> (String, String) {
        let dossier = Dossier::of(&runbook.subject, papers);
        let values = runbook.values(&dossier, papers, &sample::graph(name), transcript, files).unwrap();
        let text = render::markdown("runbook.md", &runbook.template, &values).unwrap();
        let page = runbook.page(&dossier, &values, BTreeMap::new()).unwrap();
        frame::tests::assert_well_formed(&page);
        (text, page)
    }

    fn rendered(runner: Runner, papers: &Papers, transcript: &str) -> String {
        let files = [File::of(artifact::HARNESS, b"elf"), File::of(artifact::SESSION, b"hello")];
        both(&runbook(runner), papers, "x", transcript, &files).0
    }

    fn qemu() -> Runner {
        Runner::Qemu { machine: "mps2-an386".into(), instructions_per_tick: PerTick(40_000) }
    }

    #[test]
    fn a_small_runbook() {
        insta::assert_snapshot!(rendered(qemu(), &sample::papers("x"), sample::TRANSCRIPT));
    }

    #[test]
    fn a_host_has_no_emulator_and_no_faults() {
        let text = rendered(Runner::Host, &sample::papers("x"), sample::TRANSCRIPT);
        for word in [
            "qemu",
            "emulator could",
            "On the emulator",
            "binutils",
            "rustup target",
            "### fault",
            "### stack-overflow",
        ] {
            assert!(!text.contains(word), "{word}");
        }
        assert!(text.contains("$ ./harness.elf < bringup.session > my.transcript"));
        assert!(text.contains("./firmware/target/release/harness < bringup.session"));
    }

    #[test]
    fn every_signature_has_its_place_and_its_link() {
        let text = rendered(qemu(), &sample::papers("x"), sample::TRANSCRIPT);
        for guide in GUIDES {
            assert!(text.contains(&format!("\n### {}\n", guide.code)), "{}", guide.code);
            assert!(text.contains(&format!("](#{})", guide.code)), "{}", guide.code);
        }
    }

    #[test]
    fn mistakes_that_were_made_on_purpose_are_listed_with_their_line() {
        let mut papers = sample::papers("x");
        let one = Injected {
            kind: "arena-short".into(),
            what: "the arena ends 64 bytes early".into(),
            detected: true,
            code: "panic".into(),
            line: "error panic operator=1 panicked at model/src/lib.rs *01234567".into(),
            ..Injected::default()
        };
        let missed = Injected { kind: "weight-bit".into(), ..Injected::default() };
        papers.injected = Some(Injection { injected: vec![one, missed], ..Injection::default() });
        let text = rendered(qemu(), &papers, sample::TRANSCRIPT);
        let row = "| arena-short | the arena ends 64 bytes early | `error panic operator=1 panicked at model/src/lib.rs *01234567` | `panic` |";
        assert!(text.contains(row), "{text}");
        assert!(
            text.contains("- **arena-short** ([panic](#panic)): check file and line") && !text.contains("weight-bit")
        );
        assert!(!rendered(qemu(), &sample::papers("x"), sample::TRANSCRIPT).contains("Seen before"));
    }

    #[test]
    fn hostile_names_stay_within_their_cells() {
        let papers = sample::papers(sample::HOSTILE);
        let (text, page) = both(&runbook(qemu()), &papers, sample::HOSTILE, sample::TRANSCRIPT, &[]);
        sample::assert_tame(&text);
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn a_target_that_broke_down_has_its_signature_and_no_expected_lines() {
        let mut papers = sample::papers("x");
        papers.measurement.blocked = Some("fault: undefined instruction during op:3".into());
        papers.measurement.target_failed = true;
        let text = rendered(qemu(), &papers, "");
        assert!(text.contains("> fault: undefined instruction during op:3"), "{text}");
        assert!(!text.contains("### 1. Interface"));
    }

    #[test]
    fn each_signature_is_found_by_the_last_line() {
        let text = rendered(qemu(), &sample::papers("x"), sample::TRANSCRIPT);
        let places =
            ["begins with `error`", "(#fault) |", "If it is `bye`", "(#mismatch) |", "any other line", "(#silent) |"];
        let found: Vec<usize> = places.iter().map(|words| text.find(words).unwrap()).collect();
        assert!(found.is_sorted(), "{found:?}");
        let rows = GUIDES.iter().map(|guide| text.matches(&format!("](#{}) |", guide.code)).count());
        assert!(rows.into_iter().all(|count| count == 1));
    }

    #[test]
    fn what_tells_one_run_from_another_is_taken_from_the_command() {
        let parts = telling_parts(&runbook(qemu()).run_command);
        let words =
            ["qemu-system-arm", "-M mps2-an386", "-kernel harness.elf", "-semihosting-config enable=on,target=native"];
        assert_eq!(parts[..4], words);
        assert_eq!(parts[4..], ["< bringup.session"]);
        assert_eq!(telling_parts(&runbook(Runner::Host).run_command), ["./harness.elf", "< bringup.session"]);
    }

    fn probe() -> Runner {
        Runner::Probe { chip: "STM32F446RETx".into() }
    }

    #[test]
    fn behind_a_probe_evidence_is_missing_and_the_way_to_it_is_there() {
        let mut papers = sample::papers("x");
        papers.measurement = Measurement { blocked: Some("not measured".into()), ..Measurement::default() };
        let text = rendered(probe(), &papers, "");
        for words in [
            "**Evidence from the target is missing.**",
            "$ probe-rs run --chip STM32F446RETx harness.elf | tee my.transcript\n",
            "boot 4 d1ce *…",
            "$ probe-rs run --chip STM32F446RETx app.elf\n",
        ] {
            assert!(text.contains(words), "`{words}` is not in\n{text}");
        }
        for words in ["qemu", "bringup.transcript", "not start this firmware", "no time of the product's"] {
            assert!(!text.contains(words), "`{words}` is in\n{text}");
        }
        let stuck = Runbook {
            not_bootable: Some("no second stage".into()),
            cycles_only: Some("slow".into()),
            ..runbook(probe())
        };
        let (text, _) = both(&stuck, &papers, "x", "", &[]);
        assert!(text.contains("does not start this firmware:** no second stage. Nothing below"), "{text}");
        assert!(text.contains("no time of the product's: slow."), "{text}");
    }

    #[test]
    fn where_the_target_is_wrong_the_same_is_no_proof() {
        let mut papers = sample::papers("x");
        papers.measurement.first_difference = Some(crate::gate::evidence::Difference {
            vector: 0,
            hop: None,
            operator: None,
            called: String::new(),
            operator_name: String::new(),
            tensor: "x".into(),
            coordinate: vec![],
            expected: "1".into(),
            found: "2".into(),
        });
        let text = rendered(qemu(), &papers, sample::TRANSCRIPT);
        assert!(text.contains("mistakes included") && !text.contains("`same` proves"), "{text}");
    }

    #[test]
    fn without_firmware_the_runbook_says_so() {
        let text = rendered(qemu(), &sample::blocked(), "");
        assert!(text.contains("There is nothing to bring up: op:0 LSTM"), "{text}");
        assert!(!text.contains("qemu-system-arm") && text.contains("call me"));
    }
}
