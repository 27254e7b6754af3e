//! `audit`: many candidate models on many boards at once. Needs no compilers, no store and no sources.

mod fit;
mod table;

use std::collections::BTreeMap;
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::boards::named;
use super::init;
use super::survey::{Question, Subject, Survey};
use super::{Done, Surroundings};
use crate::advice::{self, Finding, Standing};
use crate::cli;
use crate::error::{Error, Kind};
use crate::gate::evidence::AuditRow;
use crate::library::{InstructionPath, SUPPORTED_REVISIONS, version};
use crate::manifest::{Board, Catalog, Library, Runner};
use crate::model::short_name;
use crate::ui::Event;
use fit::Fit;

pub(super) fn run(args: &cli::Audit, around: &Surroundings) -> Result<Done, Error> {
    let catalog = Catalog::open(&around.root()).map_err(|errors| Error::new(Kind::Manifest, errors))?;
    let manifest_error = |errors| Error::new(Kind::Manifest, errors);
    let boards = match args.boards.as_slice() {
        [] => Board::all(&catalog).map_err(manifest_error)?,
        names => names.iter().map(|name| named(name, &catalog)).collect::<Result<_, _>>()?,
    };
    let library = init::library(&args.kernels, &catalog)?;
    let defects = catalog.defects().map_err(manifest_error)?;
    let asked = Asked { revision: version(&library.versions), library, defects, boards };
    asked.note(around);

    let (mut answers, mut findings, mut failed) = (Vec::new(), Vec::new(), None);
    for model in &args.models {
        let label = label(model, &args.models);
        match asked.about(model, &label, &around.path(model)) {
            Ok((answered, found)) => {
                answers.extend(answered);
                findings.extend(found);
            }
            Err(error) => keep(&mut failed, error, around),
        }
    }
    findings.extend(of_cores(&asked.boards, &answers));
    for (fields, text) in table::lines(&answers) {
        around.ui.show(&Event::Line { fields, text });
    }
    for finding in &findings {
        around.ui.show(&Event::Line { fields: finding.fields(), text: finding.text() });
    }
    failed.map_or(Ok(Done::Ok), Err)
}

/// What a table calls a model: its file's stem where no other model has the same, else its path.
fn label(model: &Utf8Path, all: &[Utf8PathBuf]) -> String {
    match model.file_stem() {
        Some(stem) if all.iter().filter(|other| other.file_stem() == Some(stem)).count() == 1 => stem.to_owned(),
        _ => model.to_string(),
    }
}

/// What is to be said of cores, whatever the model.
fn of_cores(boards: &[Board], answers: &[Answer]) -> Option<Found> {
    let computes = |board: &Board| answers.iter().any(|one| one.board == board.name && one.survey.audit.macs() > 0);
    let plain = boards.iter().filter(|board| board.runner != Runner::Host && computes(board));
    let plain: Vec<(&Board, Finding)> =
        plain.filter_map(|board| Some((board, advice::core(board.features)?))).collect();
    let (_, finding) = plain.first()?.clone();
    let boards = plain.iter().map(|(board, _)| board.name.clone()).collect();
    Some(Found { model: None, label: "all models".to_owned(), boards, row: None, finding })
}

/// Shows all errors but the one with the highest exit code, which is the command's.
fn keep(failed: &mut Option<Error>, error: Error, around: &Surroundings) {
    let shown = match failed.take() {
        None => {
            *failed = Some(error);
            return;
        }
        Some(earlier) if earlier.kind.exit_code() >= error.kind.exit_code() => {
            *failed = Some(earlier);
            error
        }
        Some(earlier) => {
            *failed = Some(error);
            earlier
        }
    };
    around.ui.fail(&shown);
}

/// What all models are asked.
struct Asked {
    boards: Vec<Board>,
    library: Library,
    revision: Option<u32>,
    defects: Vec<crate::library::Defect>,
}

/// One model on one board.
struct Answer {
    model: String,
    label: String,
    board: String,
    core: String,
    kernels: String,
    operators: usize,
    constants: u64,
    survey: Rc<Survey>,
    fit: Fit,
}

/// An operator that does not stand well, on all boards where that is so for one reason; no operator where it is the core.
struct Found {
    /// Absent where it is so for all.
    model: Option<String>,
    label: String,
    boards: Vec<String>,
    row: Option<AuditRow>,
    finding: Finding,
}

impl Asked {
    /// What holds for all answers.
    fn note(&self, around: &Surroundings) {
        let (name, versions) = (&self.library.name, &self.library.versions);
        let text = match self.revision {
            Some(revision) if SUPPORTED_REVISIONS.contains(&revision) => return,
            Some(_) => format!(
                "`{name}` states {versions}, for which scratch sizes are not known: arenas with scratch memory are left \
                 out; `deployctl build` asks the library itself"
            ),
            None => format!(
                "`{name}` states no version such as `V.12.5.1` in `versions`: scratch sizes and published defects are \
                 left out; add it to the library's file"
            ),
        };
        around.ui.show(&Event::Note { text });
    }

    fn about(&self, shown: &Utf8Path, label: &str, path: &Utf8Path) -> Result<(Vec<Answer>, Vec<Found>), Error> {
        let subject = Subject::of(init::read(path)?);
        let constants = subject.constant_bytes();
        // Boards with cores alike have one answer.
        let mut surveys: BTreeMap<(bool, bool, bool), Rc<Survey>> = BTreeMap::new();
        let (mut answers, mut findings): (Vec<Answer>, Vec<Found>) = (Vec::new(), Vec::new());
        for board in &self.boards {
            let question = Question {
                library: &self.library.name,
                library_runs: board.runner != Runner::Host,
                features: board.features,
                revision: self.revision,
                defects: &self.defects,
            };
            let key = (question.library_runs, board.features.dsp, board.features.mve);
            let survey = match surveys.get(&key) {
                Some(known) => known.clone(),
                None => Rc::new(Survey::of(&subject, &question)?),
            };
            surveys.insert(key, survey.clone());
            let fit = Fit::of(board, &survey, constants);
            collect(&mut findings, [shown.as_str(), label], board, &survey);
            answers.push(Answer {
                model: shown.to_string(),
                label: label.to_owned(),
                board: board.name.clone(),
                core: board.core.clone(),
                kernels: self.library.name.clone(),
                operators: subject.graph.operators.len(),
                constants,
                survey,
                fit,
            });
        }
        Ok((answers, findings))
    }
}

/// Adds what is found on a board to what was found on others. The worst stands first, then the largest.
fn collect(findings: &mut Vec<Found>, [model, label]: [&str; 2], board: &Board, survey: &Survey) {
    for (row, finding) in survey.audit.rows.iter().filter_map(|row| Some((row, row.finding.as_ref()?))) {
        let same = |found: &&mut Found| {
            found.row.as_ref().is_some_and(|known| known.operator == row.operator) && found.finding == *finding
        };
        match findings.iter_mut().find(same) {
            Some(found) => found.boards.push(board.name.clone()),
            None => findings.push(Found {
                model: Some(model.to_owned()),
                label: label.to_owned(),
                boards: vec![board.name.clone()],
                row: Some(row.clone()),
                finding: finding.clone(),
            }),
        }
    }
    let macs = |found: &Found| found.row.as_ref().map_or(0, |row| row.macs);
    findings.sort_by_key(|found| std::cmp::Reverse((found.finding.standing, macs(found))));
}

impl Answer {
    /// Positions of operators that stand like that.
    fn standing(&self, standing: Standing) -> Vec<usize> {
        let stands = |row: &&AuditRow| row.finding.as_ref().is_some_and(|found| found.standing == standing);
        self.survey.audit.rows.iter().filter(stands).map(|row| row.operator.0).collect()
    }

    /// Multiply-accumulates on the library with these instructions.
    fn on_library(&self, path: InstructionPath) -> u64 {
        self.macs(|kernel| kernel.library != "reference" && kernel.path == path)
    }

    fn on_reference(&self) -> u64 {
        self.macs(|kernel| kernel.library == "reference")
    }

    fn macs(&self, wanted: impl Fn(&crate::library::Kernel) -> bool) -> u64 {
        let rows = self.survey.audit.rows.iter();
        rows.filter(|row| row.kernel.as_ref().is_some_and(&wanted)).map(|row| row.macs).sum()
    }
}

impl Found {
    fn fields(&self) -> Value {
        let ways: Vec<Value> = self.finding.ways.iter().map(|way| json!(way)).collect();
        json!({
            "row": "finding",
            "model": self.model,
            "boards": self.boards,
            "operator": self.row.as_ref().map(|row| row.operator),
            "label": self.row.as_ref().map(|row| &row.label),
            "name": self.row.as_ref().map(|row| &row.name),
            "output": self.row.as_ref().map(|row| &row.output),
            "macs": self.row.as_ref().map(|row| row.macs),
            "standing": self.finding.standing,
            "why": self.finding.why,
            "ways": ways,
        })
    }

    fn text(&self) -> String {
        let subject = match &self.row {
            Some(row) => format!("op:{} {} (`{}`)", row.label, row.name, short_name(&row.output)),
            None => "all arithmetic".to_owned(),
        };
        let mut text = table::wrapped(
            "",
            &format!(
                "\n{}: {subject} is {} on {}: {}",
                self.label,
                self.finding.standing.name(),
                self.boards.join(", "),
                self.finding.why
            ),
        );
        for (index, way) in self.finding.ways.iter().enumerate() {
            let levels = [way.effort, way.risk, way.upkeep].map(advice::Level::name);
            text.push('\n');
            text += &table::wrapped(
                &format!("  {}. ", index + 1),
                &format!(
                    "{}: {} (effort {}, risk {}, upkeep {})",
                    way.kind.name(),
                    way.what,
                    levels[0],
                    levels[1],
                    levels[2]
                ),
            );
        }
        text
    }
}
