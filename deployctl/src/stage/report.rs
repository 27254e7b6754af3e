//! Stage `report`: `gate-report.md` and `.html` for people, `gate-report.json` for programs, `JUnit` and SARIF for continuous
//! integration. The only stage that knows manifest lines.
//!
//! # `gate-report.json`, schema `deployctl/gate-report/1`
//!
//! Within version 1 fields may be added, never removed, renamed or given another meaning. A quantity is
//! `{"value": NUMBER, "unit": "bytes" | "instructions" | "count" | "ratio"}`; margins and shares are ratios, 0.1 for 10 %.
//! Verdicts are, from good to bad, `not_applicable`, `pass`, `waived` (would not pass, and its owner has waived it
//! until a date), `thin` (within the limit, not within the margin), `unknown` (not measured), `fail`. `null` means: not there.
//!
//! | field | what it is |
//! |---|---|
//! | `schema` | `deployctl/gate-report/1` |
//! | `verdict` | the worst verdict of all gates; only `pass`, `waived` or `not_applicable` may be promoted |
//! | `verdict_text` | the same for people, as is every other `…_text` |
//! | `deployment` | `name`, `version`, `owner`, `summary` |
//! | `manifest`, `target_line` | the manifest, relative to the project's root, and its line that names the board |
//! | `target` | `board`, `summary`, `core`, `evidence` (how it was run, in words) |
//! | `model` | `name` and `value`: the file's name and digest |
//! | `tools` | list of `name`, `value`: tools and sources with version or digest |
//! | `identity` | `model`, the build's own digests (`build digest`, loadable images), then `tools` |
//! | `gates` | list, in the order of a bring-up; each has |
//! | `gates[].name` | all of [`crate::manifest::GATE_NAMES`], in this order |
//! | `gates[].title` | the name for people |
//! | `gates[].verdict` | how it came out |
//! | `gates[].limit`, `.value` | quantities; a `value` may be there without a `limit` |
//! | `gates[].margin`, `.margin_required` | (limit − value) / limit, and the least that is asked for |
//! | `gates[].manifest`, `.line` | the manifest node that sets the limit, and its line, from 1 |
//! | `gates[].detail` | the reason in a sentence, with the next step where it did not pass |
//! | `metrics` | object, quantities by name, as `deployctl metrics` lists them; what was not measured is not in it |
//! | `operators` | `library`, `macs`, `off_library` (share of the MACs), `rows` |
//! | `operators.rows[]` | `index`, `label` (what it is called: `3`, or `3.body.0` in a loop), `name`, `output`, `shape`, `macs`, `share`, `library`, `symbol`, `path`, `reason`, `advice`, `finding` (`standing`: `unsupported`, `known_bad`, `slow`; `why`; `ways`, each with `kind`, `what`, `effort`, `risk`, `upkeep`; or null), `code_bytes`, `instructions` (the most that it took by itself; of a hop's operator, in one hop), `digest` (of the output tensor for vector 0) |
//! | `memory` | the memory plan as in `memory.json`; `null` where there is none |
//! | `code` | `kernels` (`symbol`, `bytes`), `operators` (bytes of all operator functions), `count`, `total` |
//! | `blocked` | why there is no firmware |
//! | `vectors` | `source`, `count`, `distinct` (outputs), `runs` |
//! | `warnings` | list of sentences |
//! | `provenance` | list of `name`, `value`: where the model comes from, then what its file says of itself |
//! | `crates` | list of `name`, `version`, `licence` |
//! | `features` | the training side's features against ours, step by step, and golden elements; `null` where nothing stands around the model |
//! | `load` | the run under load, as in `load.json`; `null` where no services interrupt |
//! | `measurement` | what the target did, as in `measurement.json` |

use std::collections::BTreeMap;

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;
use serde_json::{Value, json};

use super::artifact;
use super::dossier::{Dossier, Papers, Subject, by_name};
use super::given::{Given, Written, pictures, written};
use crate::frame::{Frame, Link, Sheet};
use crate::render;

mod junit;
mod sarif;

pub use sarif::{Mistake, of_mistakes};

/// The pages of a target, in the order of their links.
pub(super) const PAGES: [(&str, &str); 2] =
    [(artifact::REPORT_PAGE, "Gate report"), (artifact::RUNBOOK_PAGE, "Runbook")];

/// Version of the schema of `gate-report.json`.
const SCHEMA: &str = "deployctl/gate-report/1";

/// Who and what the report is about.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Deployment, board, tools.
    pub subject: Subject,
    /// The manifest, relative to the project's root.
    pub manifest: String,
    /// The manifest's line that names the board.
    pub target_line: usize,
    /// Line of each manifest path that a gate names.
    pub lines: BTreeMap<String, usize>,
    /// Whether there are steps around the model.
    pub parity: bool,
    /// The template's text.
    pub template: String,
    /// How the page looks.
    pub frame: Frame,
}

/// What the stage makes of a dossier.
struct Rendered {
    markdown: String,
    page: String,
    values: Value,
    junit: String,
    sarif: Value,
}

impl Stage for Report {
    fn name(&self) -> &'static str {
        "report"
    }

    fn version(&self) -> u32 {
        6
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        self.papers(job)?.iter().try_for_each(|(name, bytes)| job.write(name, bytes))?;
        Ok(())
    }
}

impl Report {
    /// All papers of the stage.
    pub fn papers(&self, given: &dyn Given) -> Result<Written, BoxError> {
        let dossier = Dossier::of(&self.subject, &Papers::read(given, self.parity)?);
        let made = self.render(&dossier, pictures(given)?)?;
        let papers = [
            (artifact::REPORT, made.markdown.into_bytes()),
            (artifact::REPORT_PAGE, made.page.into_bytes()),
            (artifact::REPORT_JSON, written(&made.values)?),
            (artifact::JUNIT, made.junit.into_bytes()),
            (artifact::SARIF, written(&made.sarif)?),
        ];
        Ok(papers.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect())
    }

    fn render(&self, dossier: &Dossier, pictures: BTreeMap<String, String>) -> Result<Rendered, BoxError> {
        let mut values = serde_json::to_value(dossier)?;
        if let Some(gates) = values.get_mut("gates").and_then(Value::as_array_mut) {
            for gate in gates {
                gate["line"] = json!(gate["manifest"].as_str().and_then(|path| self.lines.get(path)));
            }
        }
        values["manifest"] = json!(self.manifest);
        values["target_line"] = json!(self.target_line);
        let markdown = render::markdown(artifact::REPORT, &self.template, &values)?;
        let page = self.frame.page(&Sheet {
            markdown: &render::captioned(artifact::REPORT, &self.template, &values)?,
            pictures,
            facts: dossier.facts(),
            pages: Link::pages(&PAGES, artifact::REPORT_PAGE),
            ..Sheet::default()
        })?;
        values["metrics"] = json!(by_name(&dossier.metrics));
        values["schema"] = json!(SCHEMA);
        Ok(Rendered { markdown, page, values, junit: junit::suite(self, dossier), sarif: sarif::log(self, dossier) })
    }

    /// The line that a gate's limit is on, or else the target's.
    fn line(&self, manifest: Option<&str>) -> usize {
        manifest.and_then(|path| self.lines.get(path).copied()).unwrap_or(self.target_line)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::frame;
    use crate::stage::sample;

    pub(super) fn report() -> Report {
        let template = include_str!("../../../templates/gate-report.md").to_owned();
        Report {
            subject: sample::subject(),
            manifest: "manifests/sample.kdl".into(),
            target_line: 9,
            lines: BTreeMap::from([("arena.budget".into(), 24)]),
            parity: false,
            template,
            frame: frame::tests::frame(),
        }
    }

    /// A report of these papers.
    pub(super) fn rendered(papers: &Papers) -> Rendered {
        let pictures = BTreeMap::from([("memory.svg".to_owned(), "<svg></svg>\n".to_owned())]);
        report().render(&Dossier::of(&sample::subject(), papers), pictures).unwrap()
    }

    #[test]
    fn a_small_report() {
        insta::assert_snapshot!(rendered(&sample::papers("model/act/Relu;model/conv")).markdown);
    }

    #[test]
    fn a_page_says_what_the_markdown_says() {
        let page = rendered(&sample::papers("x")).page;
        frame::tests::assert_well_formed(&page);
        for words in [
            "<h1>sample 1.0.0 on mps2-an386: pass</h1>",
            "<dt>evidence</dt><dd>emulated (QEMU, mps2-an386)</dd>",
            "<dt>arena</dt><dd>64 bytes <small>of 128 bytes, 50.0 % left</small></dd>",
            "<caption>Every gate with its limit and its margin</caption>",
            "aria-label=\"memory map\" tabindex=\"0\">\n<svg></svg>",
            "<a href=\"runbook.html\">Runbook</a>",
        ] {
            assert!(page.contains(words), "`{words}` is not in\n{page}");
        }
    }

    #[test]
    fn programs_find_verdict_gates_and_metrics() {
        let values = rendered(&sample::papers("x")).values;
        assert_eq!(values["schema"], "deployctl/gate-report/1");
        assert_eq!(values["verdict"], "pass");
        assert_eq!(values["metrics"]["arena_bytes"], json!({ "value": 64.0, "unit": "bytes" }));
        let arena = values["gates"].as_array().unwrap().iter().find(|gate| gate["name"] == "arena_headroom").unwrap();
        assert_eq!((&arena["verdict"], &arena["line"]), (&json!("pass"), &json!(24)));
    }

    #[test]
    fn hostile_names_stay_within_their_cells() {
        let made = rendered(&sample::papers(sample::HOSTILE));
        sample::assert_tame(&made.markdown);
        frame::tests::assert_well_formed(&made.page);
        assert!(!made.page.contains("<script") && !made.page.contains("javascript:y\""), "{}", made.page);
    }

    #[test]
    fn without_firmware_there_is_still_a_report() {
        let Rendered { markdown: text, values, page, .. } = rendered(&sample::blocked());
        frame::tests::assert_well_formed(&page);
        assert_eq!(values["verdict"], "fail");
        assert!(text.contains("Not planned: op:0 LSTM"), "{text}");
        let way = "keeps state.\n  1. make the state of `x\\|<b>` an input (effort medium, risk low, upkeep low).\n";
        assert!(text.contains(way), "{text}");
        assert_eq!(values["operators"]["rows"][0]["finding"]["ways"][0]["kind"], "export");
        assert!(!text.contains("## Code"));
    }
}
