//! `deploy.lock`: what a deployment was last fetched and built with. One entry a line, sorted, grouped by deployment.
//!
//! ```text
//! # deploy.lock 1
//! kws file models/kws.tflite 5f0c…
//! kws source cmsis-nn 91ab…
//! kws tool rustc/thumbv7em-none-eabihf 02d4… rustc 1.95.0
//! ```
//!
//! Deployment, kind, name, digest, and a remark for people that is never compared. Blanks and `%` in names are percent-encoded.
//! Knows text and files; does not know what the digests are of.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

/// The file's name, in the project root.
pub const FILE_NAME: &str = "deploy.lock";
const HEADER: &str = "# deploy.lock 1";

/// Kinds of entry, in the file's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What a declared command makes the model from and with, recorded by a build that runs it.
    Convert,
    /// A file of the project, recorded by a build that succeeds.
    File,
    /// A kernel library or the firmware crates, written by `fetch` and changed only by `fetch --update`.
    Source,
    /// A tool's identity, recorded by a build that succeeds.
    Tool,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Convert, Self::File, Self::Source, Self::Tool];

    fn word(self) -> &'static str {
        match self {
            Self::Convert => "convert",
            Self::File => "file",
            Self::Source => "source",
            Self::Tool => "tool",
        }
    }
}

/// A recorded digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Digest, in hex.
    pub digest: String,
    /// A version or the like, for people.
    pub remark: String,
}

impl Pin {
    /// A pin; a remark is one line.
    pub fn new(digest: impl Into<String>, remark: &str) -> Self {
        Self { digest: digest.into(), remark: remark.split_whitespace().collect::<Vec<_>>().join(" ") }
    }
}

/// The entries of one deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group(BTreeMap<(Kind, String), Pin>);

/// A whole `deploy.lock`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile(BTreeMap<String, Group>);

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A line that is no entry.
    #[error("`{path}` line {line}: {what}; take the file from version control, or delete it and run `deployctl fetch`")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} `{path}`: {source}; check the folder's permissions and free space")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// What failed.
        source: std::io::Error,
    },
}

/// One way in which what is differs from what was recorded. `None` on a side: not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Kind of the entry.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What the file says.
    pub recorded: Option<Pin>,
    /// What is.
    pub found: Option<Pin>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = (self.kind.word(), &self.name);
        match (&self.recorded, &self.found) {
            (Some(was), Some(is)) => write!(out, "{kind} `{name}`: recorded {}, found {}", show(was), show(is)),
            (None, Some(is)) => write!(out, "{kind} `{name}`: not recorded, found {}", show(is)),
            (Some(was), None) => write!(out, "{kind} `{name}`: recorded {}, no longer used", show(was)),
            (None, None) => write!(out, "{kind} `{name}`"),
        }
    }
}

fn show(pin: &Pin) -> String {
    let digest = pin.digest.get(..12).unwrap_or(&pin.digest);
    if pin.remark.is_empty() { digest.to_owned() } else { format!("{digest} ({})", pin.remark) }
}

impl Group {
    /// Records an entry.
    pub fn insert(&mut self, kind: Kind, name: impl Into<String>, pin: Pin) {
        self.0.insert((kind, name.into()), pin);
    }

    /// What is recorded.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Pin> {
        self.0.get(&(kind, name.to_owned()))
    }

    /// All entries, sorted.
    pub fn entries(&self) -> impl Iterator<Item = (Kind, &str, &Pin)> {
        self.0.iter().map(|((kind, name), pin)| (*kind, name.as_str(), pin))
    }

    /// Replaces all entries of the given kinds by those of `new`: a build replaces files and tools, `fetch` sources.
    pub fn replace(&mut self, kinds: &[Kind], new: &Self) {
        self.0.retain(|(kind, _), _| !kinds.contains(kind));
        let new = new.0.iter().filter(|((kind, _), _)| kinds.contains(kind));
        self.0.extend(new.map(|(key, pin)| (key.clone(), pin.clone())));
    }

    /// How `found` differs from these recorded entries; `--locked` refuses if anything comes. Remarks do not count.
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        let mut keys: Vec<_> = self.0.keys().chain(found.0.keys()).collect();
        keys.sort();
        keys.dedup();
        let digest = |pin: Option<&Pin>| pin.map(|pin| pin.digest.clone());
        keys.into_iter()
            .map(|key| (key, self.0.get(key), found.0.get(key)))
            .filter(|(_, recorded, found)| digest(*recorded) != digest(*found))
            .map(|((kind, name), recorded, found)| Difference {
                kind: *kind,
                name: name.clone(),
                recorded: recorded.cloned(),
                found: found.cloned(),
            })
            .collect()
    }
}

impl Lockfile {
    /// Reads the lock file of a project; one that is not there is empty.
    pub fn read(path: &Utf8Path) -> Result<Self, LockError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(LockError::Io { action: "read", path: path.to_owned(), source }),
        }
    }

    /// Reads the text of a lock file; `path` is for messages.
    pub fn parse(path: &Utf8Path, text: &str) -> Result<Self, LockError> {
        let mut all = Self::default();
        for (at, line) in text.lines().enumerate() {
            let error = |what: String| LockError::Syntax { path: path.to_owned(), line: at + 1, what };
            if at == 0 && line != HEADER {
                return Err(error(format!("the first line is not `{HEADER}`")));
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (deployment, kind, name, pin) = parse_entry(line).map_err(error)?;
            let group = all.0.entry(deployment).or_default();
            if group.0.insert((kind, name.clone()), pin).is_some() {
                return Err(error(format!("{} `{name}` is there twice", kind.word())));
            }
        }
        Ok(all)
    }

    /// The entries of a deployment; none is an empty group.
    pub fn group(&self, deployment: &str) -> Group {
        self.0.get(deployment).cloned().unwrap_or_default()
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for (deployment, group) in &self.0 {
            for (kind, name, pin) in group.entries() {
                let (deployment, name) = (encode(deployment), encode(name));
                // Writing to a string cannot fail.
                let _ = write!(text, "{deployment} {} {name} {}", kind.word(), pin.digest);
                text.push_str(if pin.remark.is_empty() { "" } else { " " });
                text.push_str(&pin.remark);
                text.push('\n');
            }
        }
        text
    }

    /// Replaces the group of one deployment.
    pub fn set_group(&mut self, deployment: &str, group: Group) {
        self.0.insert(deployment.to_owned(), group);
        self.0.retain(|_, group| !group.0.is_empty());
    }

    /// Replaces the group of one deployment in the file as it is now, and leaves all others, as [`Lockfile::update`] does.
    pub fn write_group(path: &Utf8Path, deployment: &str, group: &Group) -> Result<(), LockError> {
        Self::update(path, |all| all.set_group(deployment, group.clone()))
    }

    /// Edits the file as it is now; atomic, and not touched where nothing changes. Two builds in one project take turns.
    pub fn update(path: &Utf8Path, edit: impl FnOnce(&mut Self)) -> Result<(), LockError> {
        let io = |source| LockError::Io { action: "write", path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        let folder_handle = File::open(folder).map_err(io)?;
        folder_handle.lock().map_err(io)?;
        let before = Self::read(path)?;
        let mut all = before.clone();
        edit(&mut all);
        if all == before && path.exists() {
            return Ok(());
        }
        let mut file = tempfile::Builder::new().prefix(".deploy.lock.").tempfile_in(folder).map_err(io)?;
        file.write_all(all.to_text().as_bytes()).and_then(|()| set_readable(file.as_file())).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(path).map_err(|error| io(error.error))?;
        folder_handle.sync_all().map_err(io)
    }
}

/// A temporary file is private to its owner; this one is for version control.
fn set_readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn parse_entry(line: &str) -> Result<(String, Kind, String, Pin), String> {
    let mut words = line.splitn(5, ' ');
    let mut word = |what: &str| words.next().filter(|word| !word.is_empty()).ok_or_else(|| format!("no {what}"));
    let deployment = decode(word("deployment")?)?;
    let kind = word("kind")?;
    let kind = Kind::ALL
        .into_iter()
        .find(|known| known.word() == kind)
        .ok_or_else(|| format!("`{kind}` is not `file`, `source` or `tool`"))?;
    let name = decode(word("name")?)?;
    let digest = word("digest")?;
    if digest.len() < 16 || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(format!("`{digest}` is not a digest"));
    }
    Ok((deployment, kind, name, Pin::new(digest, words.next().unwrap_or_default())))
}

fn encode(name: &str) -> String {
    let mut text = String::new();
    for part in name.chars() {
        if part.is_whitespace() || part.is_control() || matches!(part, '%' | '#') {
            let mut bytes = [0; 4];
            for byte in part.encode_utf8(&mut bytes).bytes() {
                let _ = write!(text, "%{byte:02x}");
            }
        } else {
            text.push(part);
        }
    }
    text
}

fn decode(text: &str) -> Result<String, String> {
    let error = || format!("`{text}` is not percent-encoded");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).ok_or_else(error)?;
        bytes.push(u8::from_str_radix(code, 16).map_err(|_| error())?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "00112233445566778899aabbccddeeff";
    const B: &str = "ff112233445566778899aabbccddeeff";

    fn group(entries: &[(Kind, &str, &str)]) -> Group {
        let mut group = Group::default();
        for (kind, name, digest) in entries {
            group.insert(*kind, *name, Pin::new(*digest, "remark"));
        }
        group
    }

    #[test]
    fn writes_its_own_group_only_and_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join(FILE_NAME)).unwrap();
        Lockfile::write_group(&path, "vww", &group(&[(Kind::File, "models/v.tflite", A)])).unwrap();
        let kws = group(&[(Kind::Tool, "rustc", A), (Kind::File, "my model.tflite", B), (Kind::Source, "cmsis-nn", A)]);
        Lockfile::write_group(&path, "kws", &kws).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = format!(
            "# deploy.lock 1\nkws file my%20model.tflite {B} remark\nkws source cmsis-nn {A} remark\n\
             kws tool rustc {A} remark\nvww file models/v.tflite {A} remark\n"
        );
        assert_eq!(text, expected);
        assert_eq!(Lockfile::read(&path).unwrap().group("kws"), kws);
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        Lockfile::write_group(&path, "kws", &kws).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before, "an equal file is not written again");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn two_writers_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(folder.path().join(FILE_NAME)).unwrap();
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                let path = &path;
                scope.spawn(move || Lockfile::write_group(path, name, &group(&[(Kind::File, name, A)])).unwrap());
            }
        });
        assert_eq!(Lockfile::read(&path).unwrap().0.len(), 8);
    }

    #[test]
    fn names_every_difference() {
        let recorded = group(&[(Kind::File, "m", A), (Kind::Tool, "gcc", A), (Kind::Tool, "rustc", A)]);
        let found = group(&[(Kind::File, "m", B), (Kind::Tool, "rustc", A), (Kind::Tool, "qemu", A)]);
        let text: Vec<String> = recorded.differences(&found).iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "file `m`: recorded 001122334455 (remark), found ff1122334455 (remark)",
                "tool `gcc`: recorded 001122334455 (remark), no longer used",
                "tool `qemu`: not recorded, found 001122334455 (remark)",
            ]
        );
        assert_eq!(recorded.differences(&recorded), []);
    }

    #[test]
    fn a_build_replaces_files_and_tools_and_keeps_sources() {
        let mut kept = group(&[(Kind::Source, "cmsis-nn", A), (Kind::Tool, "old", A)]);
        kept.replace(&[Kind::File, Kind::Tool], &group(&[(Kind::Tool, "new", B), (Kind::Source, "cmsis-nn", B)]));
        assert_eq!(kept, group(&[(Kind::Source, "cmsis-nn", A), (Kind::Tool, "new", B)]));
    }

    #[test]
    fn says_which_line_is_wrong() {
        for (text, expected) in [
            ("kws file m 00", "line 1: the first line"),
            ("# deploy.lock 1\n\nkws blob m 00", "line 3: `blob` is not"),
            ("# deploy.lock 1\nkws file m", "line 2: no digest"),
            ("# deploy.lock 1\nkws file m xyz", "line 2: `xyz` is not a digest"),
            ("# deploy.lock 1\nkws file %zz 00112233445566778899", "line 2: `%zz` is not percent-encoded"),
            (
                "# deploy.lock 1\nk file m 0011223344556677\nk file m 0011223344556677",
                "line 3: file `m` is there twice",
            ),
            ("# deploy.lock 1\n<<<<<<< HEAD", "line 2: `HEAD` is not"),
        ] {
            let error = Lockfile::parse(Utf8Path::new("deploy.lock"), text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_name_survives(deployment in "\\PC+", names in proptest::collection::vec(".+", 0..5), remark in ".*") {
            let mut group = Group::default();
            for name in names {
                group.insert(Kind::File, name, Pin::new(A, &remark));
            }
            let all = Lockfile([(deployment, group)].into_iter().filter(|(_, group)| !group.0.is_empty()).collect());
            prop_assert_eq!(Lockfile::parse(Utf8Path::new("x"), &all.to_text()).unwrap(), all);
        }

        #[test]
        fn no_text_panics(text in "(# deploy.lock 1\n)?(.*\n){0,4}") {
            drop(Lockfile::parse(Utf8Path::new("x"), &text));
        }
    }
}
