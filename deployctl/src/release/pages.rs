//! Gate report and runbook of a bundle, written again from the evidence in it.

use deployctl_cache::{BoxError, Section, Stage as _};

use super::archive::Files;
use super::keys::{Keys, Stage};
use super::make::parse;
use super::{CheckError, KEYS, Maker, TARGETS};
use crate::stage::{self, Named};

/// A target's papers in a bundle.
pub struct Pages<'a> {
    folder: String,
    keys: Keys,
    files: &'a Files,
}

impl<'a> Pages<'a> {
    /// Those of a board.
    pub fn of(board: &str, files: &'a Files) -> Result<Self, CheckError> {
        let folder = format!("{TARGETS}{board}/");
        let path = format!("{folder}{KEYS}");
        let bytes = files.get(&path).ok_or_else(|| CheckError::Missing { path: path.clone() })?;
        Ok(Self { keys: parse(&path, bytes)?, folder, files })
    }

    /// Whether firmware is linked with a kernel library.
    pub fn links_library(&self) -> bool {
        super::licences::links_library([&self.keys])
    }

    /// Digest of the model and the tools that the report was told.
    pub fn told(&self) -> (String, Vec<Named>) {
        let stage = self.keys.stage("report");
        let field = |name: &str| Some(stage?.field(name)?.value.clone());
        let tool = |at: usize| {
            let value = |part: &str| field(&format!("subject.tools[{at}].{part}"));
            Some(Named { name: value("name")?, value: value("value")? })
        };
        (field("subject.model.value").unwrap_or_default(), (0..).map_while(tool).collect())
    }

    /// Writes report and runbook again and compares them. Gives whether they could be: another version of the program writes
    /// other words.
    pub fn check(
        &self,
        maker: &Maker,
        (report, runbook): &(stage::Report, stage::Runbook),
    ) -> Result<bool, CheckError> {
        let (mut is_own, mut papers) = (true, Files::new());
        let fields = [("report", report.fields().printed()), ("runbook", runbook.fields().printed())];
        for (name, fields) in fields {
            let found = self.stage(name)?.record.fields.iter().filter(|field| field.section == Section::Own);
            is_own &= found.eq(&fields);
        }
        if !is_own && *maker == Maker::this() {
            let what = "report and runbook were told something else than manifest and records say".to_owned();
            return Err(CheckError::Evidence { place: format!("{}{KEYS}", self.folder), what });
        }
        if !is_own {
            return Ok(false);
        }
        let unreadable = |error: BoxError| CheckError::Unreadable { path: self.folder.clone(), why: error.to_string() };
        papers.extend(report.papers(&self.given("report")?).map_err(unreadable)?);
        papers.extend(runbook.papers(&self.given("runbook")?).map_err(unreadable)?);
        for (name, bytes) in papers {
            let path = format!("{}{name}", self.folder);
            if self.files.get(&path) != Some(&bytes) {
                let line = self.files.get(&path).map_or(1, |found| first_line(found, &bytes));
                let what = format!("from line {line} it is not what the evidence makes it");
                return Err(CheckError::Evidence { place: path, what });
            }
        }
        Ok(true)
    }

    fn stage(&self, name: &str) -> Result<&Stage, CheckError> {
        self.keys.stage(name).ok_or_else(|| CheckError::Missing { path: format!("{}{name}", self.folder) })
    }

    fn given(&self, stage: &str) -> Result<Recorded<'_>, CheckError> {
        Ok(Recorded { pages: self, stage: self.stage(stage)? })
    }
}

/// The first line, from 1, in which two texts differ.
fn first_line(found: &[u8], expected: &[u8]) -> usize {
    let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    found[..same].split(|byte| *byte == b'\n').count()
}

/// What a stage was given, in a bundle.
struct Recorded<'a> {
    pages: &'a Pages<'a>,
    stage: &'a Stage,
}

impl Recorded<'_> {
    fn find(&self, input: &str, below: &str) -> Option<Vec<u8>> {
        let given = self.stage.inputs.iter().find(|given| given.name == input)?;
        let folder = given.path.trim_start_matches('/');
        self.pages.files.get(&format!("{}{folder}{below}", self.pages.folder)).cloned()
    }
}

impl stage::Given for Recorded<'_> {
    fn file(&self, input: &str) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.find(input, ""))
    }

    fn file_in(&self, input: &str, path: &str) -> Result<Option<Vec<u8>>, BoxError> {
        Ok(self.find(input, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_difference_is_found() {
        assert_eq!(first_line(b"a\nb\nc", b"a\nb\nd"), 3);
        assert_eq!(first_line(b"a", b"b"), 1);
        assert_eq!(first_line(b"a\n", b"a\nb"), 2);
    }
}
