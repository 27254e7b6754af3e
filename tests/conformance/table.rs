//! `docs/reference/operator-table.md`: every operator that LiteRT Micro registers, in which types a full run had it run here with
//! LiteRT Micro's results, on which kernels, and what is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use deployctl::library::{Features, Kernel, reference, select};
use deployctl::model::{Step, lower, read};

use crate::archive::Case;
use crate::compare::{Outcome, ULP};

/// Operators that LiteRT Micro registers, as `registered.py` finds them in its package.
const REGISTERED: &str = include_str!("registered.txt");
/// What is left out as a whole, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "DECODE",
        "compressed weights that are unpacked at run time: LiteRT Micro's own tool makes them, no converter does",
    ),
    ("ETHOSU", "a command stream for Arm's Ethos-U NPU, made by its compiler Vela; none of the boards has one"),
];
/// Cores by what their instructions let CMSIS-NN choose.
const CORES: [Features; 3] =
    [Features { dsp: false, mve: false }, Features { dsp: true, mve: false }, Features { dsp: true, mve: true }];

const OPENING: &str = "\
# Operator table

Every operator that LiteRT Micro `0.dev20261023182759` registers, generated from a full run of the
[conformance test](conformance.md) and compared with every run. A type (of the first operand, then of weights and result where
they are others) stands here if models of it were run and all gave LiteRT Micro's result: integers in every byte, float32 too or
within the units in the last place that are named; what feeds back into itself within 10⁻⁵. Under CMSIS-NN are the functions that some core runs one of these
models on. [Operators](operators.md) has the conditions and notes.
";

/// What a run shows of one operator.
#[derive(Default)]
struct Row {
    models: usize,
    types: BTreeMap<String, u32>,
    kernels: BTreeSet<String>,
    library: BTreeSet<String>,
}

impl Row {
    fn add(&mut self, step: &Step) {
        let library = CORES.iter().filter_map(|&features| select(step, features).ok());
        self.library.extend(library.map(|kernel| kernel.symbol).filter(|symbol| symbol.starts_with("arm_")));
        let Kernel { symbol, .. } = reference(step);
        if !symbol.is_empty() {
            self.kernels.insert(symbol);
        }
    }

    fn line(&self, name: &str) -> String {
        let types = self.types.iter().map(|(types, &ulp)| match ulp {
            0 => types.clone(),
            ulp if ulp > ULP => format!("{types} (10⁻⁵)"),
            ulp => format!("{types} ({ulp} ULP)"),
        });
        let code =
            |names: &BTreeSet<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let types: Vec<String> = types.collect();
        format!(
            "| `{name}` | {} | {} | {} | {} |",
            self.models,
            types.join(", "),
            code(&self.kernels),
            code(&self.library)
        )
    }

    /// What this row has and the page's has not.
    fn missing_in(&self, line: &str) -> Vec<&str> {
        let cells: Vec<&str> = line.split(" | ").collect();
        let in_cell = |cell: usize, word: &str| {
            let words = cells.get(cell).unwrap_or(&"").trim_end_matches(" |").split(", ");
            words.map(|word| word.split(" (").next().unwrap_or(word).trim_matches('`')).any(|other| other == word)
        };
        let columns = [
            (2, self.types.keys().collect::<Vec<_>>()),
            (3, self.kernels.iter().collect()),
            (4, self.library.iter().collect()),
        ];
        columns
            .into_iter()
            .flat_map(|(cell, words)| words.into_iter().filter(move |word| !in_cell(cell, word)))
            .map(String::as_str)
            .collect()
    }
}

/// What a run shows of all operators.
#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<String, Row>,
}

impl Table {
    /// Adds a case that was run by the reference kernels.
    pub(crate) fn add(&mut self, case: &Case, outcome: &Outcome) {
        let Outcome::Ran(figures) = outcome else { return };
        let model = read(&case.model).unwrap();
        let steps = lower(&model.graph, &model.weights);
        let mut counted = BTreeSet::new();
        // Of operators in blocks nothing is compared but what leaves the block.
        for (figures, step) in figures.iter().zip(steps.iter().flatten()).take(model.graph.main().end) {
            let name = &model.graph.operators[step.operator.0].name;
            let row = self.rows.entry(name.clone()).or_default();
            row.models += usize::from(counted.insert(name));
            row.add(step);
            let types = figures.name.split_once(' ').map_or("", |(_, types)| types).replace(' ', " → ");
            let ulp = row.types.entry(types).or_default();
            *ulp = figures.ulp.max(*ulp);
        }
    }

    fn page(&self, refusals: &Path) -> String {
        let mut page =
            format!("{OPENING}\n| operator | models | types | reference kernels | CMSIS-NN |\n|---|---|---|---|---|\n");
        for name in registered().filter(|name| left_out(name).is_none()) {
            page += &self.rows[name].line(name);
            page.push('\n');
        }
        page += "\n## Left out\n\n| operator | why |\n|---|---|\n";
        for (name, why) in LEFT_OUT {
            let _ = writeln!(page, "| `{name}` | {why} |");
        }
        page += "\n## Refused by their parameters\n\nOf models that LiteRT Micro runs, by operator and type:\n\n";
        for line in fs::read_to_string(refusals).unwrap().lines() {
            let (what, why) = line.split_once(": ").unwrap();
            let _ = writeln!(page, "- `{}` {why}", what.trim());
        }
        page
    }

    /// Fails where an operator is neither run nor left out with a reason, or both.
    fn is_complete(&self) {
        let silent = |name: &&str| left_out(name).is_some() == self.rows.contains_key(*name);
        let silent: Vec<&str> = registered().filter(silent).collect();
        assert!(silent.is_empty(), "either run it or leave it out with a reason: {silent:?}");
        let unknown: Vec<&String> = self.rows.keys().filter(|name| !registered().any(|known| known == *name)).collect();
        assert!(unknown.is_empty(), "run here, and not in registered.txt: {unknown:?}");
    }

    /// Fails where the run shows something that the page does not say.
    pub(crate) fn is_on(&self, page: &Path) {
        self.is_complete();
        let text = fs::read_to_string(page).unwrap();
        for (name, row) in &self.rows {
            let start = format!("| `{name}` |");
            let line = text.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
            let missing = row.missing_in(line);
            assert!(missing.is_empty(), "{}: `{name}` lacks {missing:?}: {HOW}", page.display());
        }
    }

    /// Fails where the page is not what the run shows; `DEPLOYCTL_BLESS` writes it anew.
    pub(crate) fn is_exactly(&self, page: &Path, refusals: &Path) {
        self.is_complete();
        if std::env::var_os("DEPLOYCTL_BLESS").is_some() {
            fs::write(page, self.page(refusals)).unwrap();
            return;
        }
        assert!(fs::read_to_string(page).unwrap_or_default() == self.page(refusals), "{}: {HOW}", page.display());
    }
}

const HOW: &str = "run the full test with DEPLOYCTL_BLESS=1";

fn registered() -> impl Iterator<Item = &'static str> {
    REGISTERED.lines()
}

fn left_out(name: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(left, _)| *left == name).map(|(_, why)| *why)
}
