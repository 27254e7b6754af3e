//! Answers of tools to questions such as `-vV`, remembered by the stamps of the files that they depend on.
//!
//! One small JSON file in the home folder. It is only ever a shortcut: without it, or with it damaged, the tools are asked.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::ToolError;

/// Remembered answers.
#[derive(Debug)]
pub struct Memo {
    path: Option<Utf8PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    changed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    stamps: Vec<Stamp>,
    text: String,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Utf8Path) -> Option<Self> {
        let data = std::fs::metadata(path).ok()?;
        Some(Self {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }

    /// A file as young as the memo may change once more without a new stamp.
    fn is_settled(&self, now: i64) -> bool {
        const SECONDS: i64 = 2;
        self.modified.0.max(self.changed.0) + SECONDS < now
    }
}

impl Memo {
    /// Reads the memo of a home folder; an absent or damaged one is empty.
    pub fn open(path: Utf8PathBuf) -> Self {
        let answers =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { path: Some(path), state: Mutex::new(State { answers, changed: false }) }
    }

    /// Remembers within the process only.
    pub fn in_memory() -> Self {
        Self { path: None, state: Mutex::default() }
    }

    /// The remembered answer to `question`, where `files` are as they were then and `holds` agrees; else what `ask` says,
    /// remembered where `holds` agrees.
    pub(super) fn answer(
        &self,
        question: &str,
        files: &[&Utf8Path],
        holds: impl Fn(&str) -> bool,
        ask: impl FnOnce() -> Result<String, ToolError>,
    ) -> Result<String, ToolError> {
        let stamps: Vec<Stamp> = files.iter().filter_map(|path| Stamp::of(path)).collect();
        let remembered = self.state.lock().ok().and_then(|state| state.answers.get(question).cloned());
        if let Some(answer) = remembered.filter(|answer| answer.stamps == stamps && holds(&answer.text)) {
            return Ok(answer.text);
        }
        let text = ask()?;
        if let (true, Ok(mut state)) = (holds(&text), self.state.lock()) {
            state.answers.insert(question.to_owned(), Answer { stamps, text: text.clone() });
            state.changed = true;
        }
        Ok(text)
    }

    /// Writes what is new, without what depends on files younger than two seconds. A memo that cannot be written costs time
    /// at the next start, and nothing else.
    pub fn save(&self) -> std::io::Result<()> {
        let (Some(path), Ok(mut state)) = (&self.path, self.state.lock()) else { return Ok(()) };
        let Some(folder) = path.parent().filter(|_| state.changed) else { return Ok(()) };
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let now = file.as_file().metadata()?.mtime();
        let settled: BTreeMap<&String, &Answer> = state
            .answers
            .iter()
            .filter(|(_, answer)| answer.stamps.iter().all(|stamp| stamp.is_settled(now)))
            .collect();
        serde_json::to_writer(&mut file, &settled)?;
        file.persist(path).map_err(|error| error.error)?;
        state.changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn ask(memo: &Memo, file: &Utf8Path, answer: &str) -> String {
        memo.answer("q", &[file], |_| true, || Ok(answer.to_owned())).unwrap()
    }

    #[test]
    fn remembers_until_a_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = Utf8PathBuf::try_from(folder.path().join("tool")).unwrap();
        std::fs::write(&file, "1").unwrap();
        let memo = Memo::in_memory();
        assert_eq!(ask(&memo, &file, "first"), "first");
        assert_eq!(ask(&memo, &file, "second"), "first");
        std::fs::write(&file, "22").unwrap();
        assert_eq!(ask(&memo, &file, "third"), "third");
    }

    #[test]
    fn does_not_keep_what_depends_on_a_young_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8PathBuf::try_from(folder.path().join(name)).unwrap();
        std::fs::write(at("tool"), "1").unwrap();
        let old = SystemTime::now() - Duration::from_mins(1);
        std::fs::File::open(at("tool")).unwrap().set_times(FileTimes::new().set_modified(old)).unwrap();
        let memo = Memo::open(at("memo.json"));
        ask(&memo, &at("tool"), "young");
        memo.save().unwrap();
        // The change time cannot be set back: the file is young whatever its modification time says.
        assert_eq!(ask(&Memo::open(at("memo.json")), &at("tool"), "asked again"), "asked again");

        let program = Utf8Path::new("/bin/sh");
        let memo = Memo::open(at("memo.json"));
        ask(&memo, program, "settled");
        memo.save().unwrap();
        assert_eq!(ask(&Memo::open(at("memo.json")), program, "asked again"), "settled");
        std::fs::write(at("memo.json"), "damaged").unwrap();
        assert_eq!(ask(&Memo::open(at("memo.json")), program, "asked again"), "asked again");
    }
}
