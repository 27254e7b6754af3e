//! `CODEOWNERS`: who owns a file of the repository, as GitHub reads it.
//!
//! Knows the three places and the patterns; does not know what the owners' names mean.

use camino::{Utf8Path, Utf8PathBuf};

/// GitHub's three places; the first that is there counts.
const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
/// Larger files GitHub does not read either.
const MOST_BYTES: u64 = 3 * 1024 * 1024;

/// The rules of a repository.
#[derive(Clone, Debug)]
pub struct Codeowners {
    /// The repository's root.
    root: Utf8PathBuf,
    /// The file, relative to the root.
    pub file: &'static str,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// Folders and names, each perhaps with `*` and `?`; `**` for any number of folders.
    pattern: Vec<String>,
    /// Whether only what lies in the folder is meant, and not a file of that name.
    folder: bool,
    /// Whether what lies deeper is meant as well.
    deep: bool,
    owners: Vec<String>,
}

impl Codeowners {
    /// The rules of the repository around a project; nothing where there are none.
    ///
    /// # Errors
    ///
    /// In words, where the file cannot be read. A line that is no rule is passed over, as GitHub does.
    pub fn find(project: &Utf8Path) -> Result<Option<Self>, String> {
        let root = project.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(project);
        let Some(file) = PLACES.into_iter().find(|place| root.join(place).is_file()) else { return Ok(None) };
        let failed = |error: &dyn std::fmt::Display| format!("`{file}` cannot be read: {error}");
        let size = std::fs::metadata(root.join(file)).map_err(|error| failed(&error))?.len();
        if size > MOST_BYTES {
            return Err(failed(&"it is larger than 3 MiB"));
        }
        let text = std::fs::read_to_string(root.join(file)).map_err(|error| failed(&error))?;
        let rules = text.lines().filter_map(rule).collect();
        Ok(Some(Self { root: root.to_owned(), file, rules }))
    }

    /// Owners of a file; none where no rule names it, or the last that does names nobody.
    pub fn owners(&self, path: &Utf8Path) -> &[String] {
        let Ok(path) = path.strip_prefix(&self.root) else { return &[] };
        let names: Vec<&str> = path.components().map(|part| part.as_str()).collect();
        self.rules.iter().rev().find(|rule| rule.matches(&names)).map_or(&[], |rule| rule.owners.as_slice())
    }
}

/// A line: a pattern, then owners up to a comment. A pattern is as git's ignore files have it: bound to the root where it has a
/// slash before its end, and of a folder meaning everything in it.
fn rule(line: &str) -> Option<Rule> {
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let written = words.next()?;
    let body = written.trim_end_matches('/');
    let anchored = body.contains('/');
    let mut pattern: Vec<String> = body.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    if pattern.is_empty() {
        return None;
    }
    // `docs/*` means what lies in it, and no deeper.
    let deep = !(anchored && pattern.last().is_some_and(|last| last == "*"));
    if !anchored {
        pattern.insert(0, "**".to_owned());
    }
    Some(Rule { pattern, folder: written.ends_with('/'), deep, owners: words.map(str::to_owned).collect() })
}

impl Rule {
    fn matches(&self, names: &[&str]) -> bool {
        let is_path =
            |names: &[&str]| wild(&self.pattern, names, |part| part == "**", |part, name| is_name(part, name));
        let within = || (1..names.len()).any(|end| is_path(&names[..end]));
        (!self.folder && is_path(names)) || (self.deep && within())
    }
}

/// Whether a name is as a pattern of letters, `?` and `*` says.
fn is_name(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    wild(&pattern, &name, |letter| *letter == '*', |letter, other| *letter == '?' || letter == other)
}

/// Whether all of `found` is as `pattern` says, where some of its items stand for any number of things. In steps of at most both
/// lengths multiplied, whatever the pattern: of several items that stand for any number only the last is tried again.
fn wild<P, N>(pattern: &[P], found: &[N], is_any: impl Fn(&P) -> bool, is_one: impl Fn(&P, &N) -> bool) -> bool {
    let (mut at, mut here) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while here < found.len() {
        if at < pattern.len() && is_any(&pattern[at]) {
            again = Some((at, here));
            at += 1;
        } else if at < pattern.len() && is_one(&pattern[at], &found[here]) {
            (at, here) = (at + 1, here + 1);
        } else if let Some((any, from)) = again {
            again = Some((any, from + 1));
            (at, here) = (any + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(is_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(rules: &str, path: &str) -> Vec<String> {
        let keep = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(keep.path()).unwrap();
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::create_dir_all(root.join("products/kws/manifests")).unwrap();
        std::fs::write(root.join("CODEOWNERS"), rules).unwrap();
        let found = Codeowners::find(&root.join("products/kws")).unwrap().unwrap();
        found.owners(&root.join(path)).to_vec()
    }

    #[test]
    fn the_last_rule_that_matches_counts() {
        let rules =
            "# all\n*  @all\n*.kdl @kdl a@example.com # both\n/products/kws/ @kws\n/products/kws/manifests/free.kdl\n";
        assert_eq!(owners(rules, "README.md"), ["@all"]);
        assert_eq!(owners(rules, "products/other/x.kdl"), ["@kdl", "a@example.com"]);
        assert_eq!(owners(rules, "products/kws/manifests/kws.kdl"), ["@kws"]);
        assert!(owners(rules, "products/kws/manifests/free.kdl").is_empty());
    }

    #[test]
    fn patterns_are_those_of_ignore_files() {
        let file = "products/kws/manifests/kws.kdl";
        for pattern in [
            "*",
            "kws.kdl",
            "manifests/",
            "kws",
            "/products",
            "products/*/manifests",
            "**/manifests/*.kdl",
            "/products/**",
        ] {
            assert_eq!(owners(&format!("{pattern} @x"), file), ["@x"], "{pattern}");
        }
        for pattern in ["/kws.kdl", "products/*", "manifest", "*.kd", "kws.kdl/", "docs/", "/"] {
            assert!(owners(&format!("{pattern} @x"), file).is_empty(), "{pattern}");
        }
    }

    #[test]
    fn letters_stand_for_themselves_and_stars_for_any() {
        for (pattern, name) in
            [("*", ""), ("a*c*e", "abcde"), ("?b*", "ab"), ("*.kdl", "a.b.kdl"), ("**", "x"), ("é?", "éa")]
        {
            assert!(is_name(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a*c", "abcd"), ("?", ""), ("a", "A"), ("[ab]", "a"), ("", "a")] {
            assert!(!is_name(pattern, name), "{pattern} {name}");
        }
        // No pattern takes longer than both lengths multiplied.
        assert!(!is_name(&"*a".repeat(2_000), &"a".repeat(1_999)));
    }

    #[test]
    fn githubs_places_in_its_order() {
        let keep = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(keep.path()).unwrap();
        assert!(Codeowners::find(root).unwrap().is_none());
        for (place, file) in [("docs", "docs/CODEOWNERS"), ("", "CODEOWNERS"), (".github", ".github/CODEOWNERS")] {
            std::fs::create_dir_all(root.join(place)).unwrap();
            std::fs::write(root.join(file), "* @x").unwrap();
            assert_eq!(Codeowners::find(root).unwrap().unwrap().file, file);
        }
    }
}
