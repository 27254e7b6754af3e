//! `approvals.kdl`: who agreed to which governed value, one entry after another, the newest last.
//!
//! Knows the file's grammar, the digest that ties an entry to what it approves, and the text that is signed; does not know who
//! may approve, how signatures are checked, or what day it is.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::decode::{Grammar, Node, Report, Times, check_children};
use super::error::Errors;
use super::files::existing;
use super::syntax::Syntax;
use super::waiver::{Date, date};
use super::write::quoted;
use super::{header, parse};

/// Name of the file, in the project's root.
pub const APPROVALS: &str = "approvals.kdl";
/// Largest file that is read: some thousands of signed entries.
const MOST_BYTES: usize = 2 * 1024 * 1024;

const FILE: Grammar = Grammar {
    children: &[("approvals", Times::Once), ("require-signature", Times::Once), ("approval", Times::Often)],
    ..Grammar::NOTHING
};
const ENTRY: Grammar = Grammar {
    arguments: 2,
    children: &[
        ("from", Times::Once),
        ("to", Times::Once),
        ("by", Times::Once),
        ("reason", Times::Once),
        ("date", Times::Once),
        ("digest", Times::Once),
        ("signature", Times::Once),
    ],
    ..Grammar::NOTHING
};
const TEXT: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const EXAMPLE: &str = "approval \"kws\" \"arena.budget\" { … }";
const BY_HAND: &str =
    "`deployctl approve` writes entries: take this one as it was from version control, or remove it and approve again";

/// All entries of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// In the file's order. The day counts first, then this order: see [`Approvals::heads`].
    pub entries: Vec<Approval>,
    /// The file of those who may sign, in `ssh-keygen`'s form, where entries must be signed.
    pub allowed_signers: Option<Utf8PathBuf>,
}

/// One agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The deployment.
    pub deployment: String,
    /// Path of the governed value.
    pub param: String,
    /// What was approved before; absent where nothing was.
    pub from: Option<String>,
    /// What is approved; absent where the manifest has the value no longer.
    pub to: Option<String>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub date: Date,
    /// An SSH signature of [`Approval::message`], in base64.
    pub signature: Option<String>,
    /// Line of the entry in the file, from 1.
    pub line: usize,
}

impl Approvals {
    /// Reads the file in a project's root; no entries where there is no file.
    ///
    /// # Errors
    ///
    /// Every mistake of the file, entries whose digest is of other values included.
    pub fn read(root: &Utf8Path, syntax: &Syntax) -> Result<Self, Errors> {
        let path = root.join(APPROVALS);
        if !path.exists() {
            return Ok(Self::default());
        }
        Self::from_bytes(&parse::read_up_to(&path, APPROVALS, MOST_BYTES)?, &path, syntax)
    }

    /// As [`Approvals::read`], of a text that need not be in the file at `path`.
    pub(super) fn from_bytes(bytes: &[u8], path: &Utf8Path, syntax: &Syntax) -> Result<Self, Errors> {
        let parsed = parse::parse_up_to(bytes, APPROVALS, syntax, MOST_BYTES)?;
        let report = Report::new(parsed.text);
        let nodes = parsed.document.nodes();
        if !header::check(nodes, "approvals", &report) {
            return report.finish(APPROVALS, None);
        }
        check_children(nodes, "a file of approvals", &FILE, &report);
        let signers = Node::find(nodes, "require-signature", &TEXT, &report).map_or(Some(None), |node| {
            let value = node.need_argument(0, "a file", "require-signature \"allowed_signers\"")?;
            existing(&value, path).map(Some)
        });
        let entries = Node::find_all(nodes, "approval", &ENTRY, &report);
        let entries: Option<Vec<_>> = entries.iter().map(entry).collect();
        let approvals = entries.zip(signers).map(|(entries, allowed_signers)| Self { entries, allowed_signers });
        report.finish(APPROVALS, approvals)
    }

    /// Whether anything was ever approved for a deployment.
    pub fn know(&self, deployment: &str) -> bool {
        self.entries.iter().any(|entry| entry.deployment == deployment)
    }

    /// The newest entries about a value: those of its last day that no later entry continues, in the file's order. An entry
    /// continues another if it is `from` what that one approves. Where branches were merged there may be several.
    pub fn heads(&self, deployment: &str, param: &str) -> Vec<&Approval> {
        let about = |entry: &&Approval| entry.deployment == deployment && entry.param == param;
        let all: Vec<&Approval> = self.entries.iter().filter(about).collect();
        let last = all.iter().map(|entry| entry.date).max();
        let of_day: Vec<&Approval> = all.into_iter().filter(|entry| Some(entry.date) == last).collect();
        let is_head = |(at, entry): &(usize, &&Approval)| of_day[at + 1..].iter().all(|later| later.from != entry.to);
        of_day.iter().enumerate().filter(is_head).map(|(_, entry)| *entry).collect()
    }

    /// The newest entry about a value; of several the last in the file.
    pub fn newest(&self, deployment: &str, param: &str) -> Option<&Approval> {
        self.heads(deployment, param).pop()
    }

    /// Values of a deployment that entries are about, in the order in which they first came.
    pub fn params(&self, deployment: &str) -> Vec<&str> {
        let mut params: Vec<&str> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.deployment == deployment) {
            if !params.contains(&entry.param.as_str()) {
                params.push(&entry.param);
            }
        }
        params
    }
}

impl Approval {
    /// What ties the entry to the value that it approves: BLAKE3 over deployment, path and value, each with its length.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"deployctl approval 1\n");
        for text in [Some(&self.deployment), Some(&self.param), self.to.as_ref()].into_iter().flatten() {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The text that is signed: every word of the entry.
    pub fn message(&self) -> String {
        let none = String::new();
        let (from, to) = (self.from.as_ref().unwrap_or(&none), self.to.as_ref().unwrap_or(&none));
        format!(
            "deployctl approval 1\ndeployment: {}\nparam: {}\nfrom: {from}\nto: {to}\nby: {}\nreason: {}\ndate: {}\ndigest: {}\n",
            self.deployment,
            self.param,
            self.by,
            self.reason,
            self.date,
            self.digest()
        )
    }

    /// The entry as the file has it, with a line before it that is empty.
    pub fn text(&self) -> String {
        let mut out = format!("\napproval {} {} {{\n", quoted(&self.deployment), quoted(&self.param));
        let (date, digest) = (self.date.to_string(), self.digest());
        let lines = [
            ("from", self.from.as_ref()),
            ("to", self.to.as_ref()),
            ("by", Some(&self.by)),
            ("reason", Some(&self.reason)),
            ("date", Some(&date)),
            ("digest", Some(&digest)),
            ("signature", self.signature.as_ref()),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                let _ = writeln!(out, "    {name} {}", quoted(value));
            }
        }
        out + "}\n"
    }
}

/// How the file begins.
pub const APPROVALS_HEAD: &str =
    "// Who agreed to which governed value. `deployctl approve` writes it; reference/approvals says how it is read.
approvals version=1
";

fn entry(node: &Node<'_>) -> Option<Approval> {
    let deployment = node.need_argument(0, "a deployment's name", EXAMPLE).and_then(|value| value.text());
    let param = node.need_argument(1, "the path of a governed value", EXAMPLE).and_then(|value| value.text());
    let needed =
        |name: &str| node.need_child(name, &TEXT, &format!("{name} \"…\""))?.need_argument(0, "a text", "\"…\"");
    let some = |name: &str| match node.child(name, &TEXT) {
        Some(child) => child.need_argument(0, "a text", "\"…\"")?.text().map(Some),
        None => Some(None),
    };
    let (from, to, signature) = (some("from"), some("to"), some("signature"));
    let by = needed("by").and_then(|value| value.text());
    let reason = needed("reason").and_then(|value| value.text());
    let day = needed("date").and_then(|value| date(&value));
    let digest = needed("digest");
    let text = node.report.text();
    let line = text[..node.span().start.min(text.len())].matches('\n').count() + 1;
    let approval = Approval {
        deployment: deployment?,
        param: param?,
        from: from?,
        to: to?,
        by: by?,
        reason: reason?,
        date: day?,
        signature: signature?,
        line,
    };
    let digest = digest?;
    if digest.text()? != approval.digest() {
        let what = format!("the digest is not of `{}` with this value", approval.param);
        digest.refuse(what, "of another value", BY_HAND);
        return None;
    }
    Some(approval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval() -> Approval {
        Approval {
            deployment: "kws".into(),
            param: "arena.budget".into(),
            from: Some("14336 bytes".into()),
            to: Some("15360 bytes".into()),
            by: "ml@example.com".into(),
            reason: "the \"new\" front end\\".into(),
            date: Date::parse("2026-11-23").unwrap(),
            signature: Some("U1NIU0lH".into()),
            line: 4,
        }
    }

    fn read(text: &str) -> Result<Approvals, String> {
        let keep = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(keep.path()).unwrap();
        std::fs::write(root.join(APPROVALS), text).unwrap();
        std::fs::write(root.join("allowed_signers"), "").unwrap();
        Approvals::read(root, &Syntax::default()).map_err(|errors| {
            let all = errors.problems().iter();
            let place = |span: std::ops::Range<usize>| text[span].to_owned();
            all.fold(String::new(), |all, one| {
                all + &format!("{}: {one}; {}\n", one.span().map(place).unwrap_or_default(), one.advice().unwrap_or(""))
            })
        })
    }

    #[test]
    fn what_is_written_reads_back() {
        let removal = Approval { to: None, signature: None, line: 14, from: None, ..approval() };
        let text = format!("{APPROVALS_HEAD}{}{}", approval().text(), removal.text());
        let found = read(&text).unwrap();
        assert_eq!(found.entries, [approval(), removal.clone()]);
        assert_eq!(found.newest("kws", "arena.budget"), Some(&removal));
        assert_eq!((found.know("kws"), found.know("kw"), found.params("kws")), (true, false, vec!["arena.budget"]));
        assert_eq!(found.allowed_signers, None);
        assert_eq!(crate::manifest::format(text.as_bytes(), "a").unwrap(), text, "laid out as `fmt` does");
        let signed = text.replace("version=1\n", "version=1\nrequire-signature \"allowed_signers\"\n");
        assert!(read(&signed).unwrap().allowed_signers.is_some());
    }

    /// Entries of two branches, merged in any order: `day from to` each.
    fn newest(entries: &[(&str, &str, &str)]) -> Vec<String> {
        let entry = |(day, from, to): &(&str, &str, &str)| Approval {
            from: (*from != "-").then(|| (*from).to_owned()),
            to: (*to != "-").then(|| (*to).to_owned()),
            date: Date::parse(day).unwrap(),
            ..approval()
        };
        let approvals = Approvals { entries: entries.iter().map(entry).collect(), allowed_signers: None };
        let heads = approvals.heads("kws", "arena.budget");
        heads.iter().map(|entry| entry.to.clone().unwrap_or_default()).collect()
    }

    #[test]
    fn the_newest_entry_is_that_of_the_last_day_whatever_the_order() {
        let (first, second) = (("2026-11-20", "-", "1"), ("2026-11-23", "1", "2"));
        let other = ("2026-11-22", "1", "3");
        for order in [[first, second, other], [other, first, second], [second, other, first]] {
            assert_eq!(newest(&order), ["2"], "{order:?}");
        }
        assert!(newest(&[]).is_empty());
    }

    #[test]
    fn of_one_day_those_are_newest_that_nothing_continues() {
        let day = |from: &'static str, to: &'static str| ("2026-11-23", from, to);
        assert_eq!(newest(&[day("-", "1"), day("1", "2"), day("2", "1"), day("1", "3")]), ["3"]);
        assert_eq!(newest(&[day("-", "1"), day("1", "2"), day("1", "3")]), ["2", "3"]);
        // A longer branch, in both orders.
        assert_eq!(newest(&[day("1", "2"), day("2", "4"), day("1", "3")]), ["4", "3"]);
        assert_eq!(newest(&[day("1", "3"), day("1", "2"), day("2", "4")]), ["3", "4"]);
        // Both agreed to the same; and someone has settled it.
        assert_eq!(newest(&[day("1", "2"), day("1", "2")]), ["2", "2"]);
        assert_eq!(newest(&[day("1", "2"), day("1", "3"), day("3", "4"), day("2", "4")]), ["4", "4"]);
        assert_eq!(newest(&[day("1", "2"), day("1", "3"), day("2", "3")]), ["3", "3"]);
        assert_eq!(newest(&[day("-", "1"), day("1", "-")]), [""]);
    }

    /// Pinned: entries of earlier versions must still read.
    #[test]
    fn the_digest_is_of_deployment_path_and_value() {
        assert_eq!(approval().digest(), "a039f7b115c8140bfe1e56be79a0fe6b661e0cf433aa090be9ee0835f3fc72e7");
        for other in [
            Approval { deployment: "kwsa".into(), param: "rena.budget".into(), ..approval() },
            Approval { to: Some("15360 byte".into()), ..approval() },
            Approval { to: None, ..approval() },
        ] {
            assert_ne!(other.digest(), approval().digest());
        }
        let later = Approval { by: "x".into(), reason: "y".into(), from: None, ..approval() };
        assert_eq!(later.digest(), approval().digest());
        assert_ne!(later.message(), approval().message());
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let good = format!("{APPROVALS_HEAD}{}", approval().text());
        let wrong = |from: &str, to: &str| read(&good.replace(from, to)).expect_err(to);
        let other = wrong("to \"15360 bytes\"", "to \"16384 bytes\"");
        assert!(other.contains("the digest is not of `arena.budget` with this value; `deployctl approve`"), "{other}");
        let digest = approval().digest();
        assert!(wrong(&digest, &digest.replace(|c: char| c.is_ascii_digit(), "0")).contains("of `arena.budget`"));
        assert!(wrong("version=1", "version=2").contains("version 2"));
        assert!(wrong("2026-11-23", "2026-11-31").contains("not a day"));
        assert!(wrong("    by ", "    bye ").contains("did you mean `by`?"));
        assert!(
            wrong("approval \"kws\" \"arena.budget\"", "approval \"kws\"").contains("the path of a governed value")
        );
        assert!(wrong("version=1", "version=1\nrequire-signature \"nobody\"").contains("no file `nobody`"));
        assert!(!wrong("    reason", "} reason").is_empty());
        assert!(read(&format!("{good}{}", "x".repeat(MOST_BYTES))).unwrap_err().contains("larger than"));
    }

    /// A merge, an editor or a full disk may leave any beginning of it.
    #[test]
    fn no_beginning_of_the_file_is_a_whole_one_with_other_entries() {
        let whole = format!("{APPROVALS_HEAD}{}{}", approval().text(), approval().text());
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            if let Ok(found) = read(&whole[..end]) {
                assert!(found.entries.iter().all(|entry| entry.to.as_deref() == Some("15360 bytes")), "{end}");
                assert!(found.entries.len() < 2 || end + 2 >= whole.len(), "{end}");
            }
        }
    }
}
