//! `CODEOWNERS`: who owns a file of the repository, as GitHub reads it.
//!
//! Knows the three places and the patterns; does not know what the owners' names mean.

use camino::{Utf8Path, Utf8PathBuf};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

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
    paths: GlobSet,
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
        self.rules.iter().rev().find(|rule| rule.paths.is_match(path)).map_or(&[], |rule| rule.owners.as_slice())
    }
}

/// A line: a pattern, then owners up to a comment.
fn rule(line: &str) -> Option<Rule> {
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let paths = globs(words.next()?)?;
    Some(Rule { paths, owners: words.map(str::to_owned).collect() })
}

/// A pattern as git's ignore files have it: bound to the root where it has a slash before its end, and of a folder meaning
/// everything in it.
fn globs(pattern: &str) -> Option<GlobSet> {
    let body = pattern.trim_end_matches('/');
    let anchored = body.contains('/');
    let body = body.trim_start_matches('/');
    if body.is_empty() {
        return None;
    }
    let base = if anchored || body == "**" { body.to_owned() } else { format!("**/{body}") };
    let mut set = GlobSetBuilder::new();
    let glob = |glob: &str| GlobBuilder::new(glob).literal_separator(true).build().ok();
    if !pattern.ends_with('/') {
        set.add(glob(&base)?);
    }
    // `docs/*` means what lies in it, and no deeper.
    if !anchored || !body.ends_with("/*") {
        set.add(glob(&format!("{base}/**"))?);
    }
    set.build().ok()
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
