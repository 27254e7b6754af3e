//! What a kernel library's file in `manifests/kernels` selects, where that is too little for this version: the stages that
//! compile and link the library say which file it is, and what the built-in one has beyond it.
//!
//! Does not know what the stages do; in no key.

use std::collections::{BTreeMap, BTreeSet};

use super::Runtime;
use crate::error::{Error, Kind};
use crate::manifest::{Catalog, Library};
use crate::tool::{Invocation, Output, ToolError};

/// Names of functions that are shown.
const SHOWN: usize = 5;

/// A kernel library's file, and how it compares with the built-in one of its name.
#[derive(Clone, Debug, Default)]
pub struct LibraryFile {
    name: String,
    /// Lines of the built-in file that make a difference; absent where there is no built-in file of this name.
    beyond: Option<Vec<String>>,
}

impl LibraryFile {
    /// The file that `library` was read from.
    pub fn of(library: &Library) -> Self {
        let builtin = Library::load(&library.name, &Catalog::builtin()).and_then(Result::ok);
        Self { name: library.name.clone(), beyond: builtin.map(|builtin| beyond(library, &builtin)) }
    }

    /// Runs a compiler or linker on what the file selects. `what` did not come about where it complains; `help` is for a tool
    /// that does not run at all.
    pub(super) fn run(
        &self,
        runtime: &Runtime,
        invocation: &Invocation,
        what: &str,
        help: &str,
    ) -> Result<Output, Error> {
        invocation.run(&runtime.supervisor).map_err(|error| match &error {
            ToolError::Failed { output, .. } => self
                .lacking(what, &output.stderr.text())
                .unwrap_or_else(|| self.unbuilt(&format!("{what} cannot be built: {error}"))),
            _ => Error::caused(Kind::Tool, &error, help),
        })
    }

    /// The failure, where a linker's words name functions of the library that are nowhere.
    pub(super) fn lacking(&self, what: &str, words: &str) -> Option<Error> {
        let names = undefined(words);
        let first: Vec<&str> = names.iter().copied().take(SHOWN).collect();
        let more = match names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{what} calls `{}`{more}, and no C file that `{}` selects defines that",
            first.join("`, `"),
            self.path()
        );
        (!names.is_empty()).then(|| self.unbuilt(&message))
    }

    fn unbuilt(&self, message: &str) -> Error {
        let differs = self.beyond.as_ref().is_some_and(|beyond| !beyond.is_empty());
        let help = match &self.beyond {
            None => {
                "compare its `include` lines with those of the built-in `manifests/kernels/cmsis-nn.kdl`, which this \
                     version is written for; reference/manifest has them"
                    .to_owned()
            }
            Some(beyond) if beyond.is_empty() => format!(
                "`{}` selects what this version is written for: are the sources those that its `versions` says? \
                 `deployctl fetch` brings the pinned ones",
                self.path()
            ),
            Some(beyond) => format!(
                "the project's `{}` stands for the built-in file of that name, which says also: {}; write that into the \
                 project's file, or remove it to use the built-in one",
                self.path(),
                beyond.join(" ")
            ),
        };
        Error::plain(if differs { Kind::Manifest } else { Kind::Tool }, message, help)
    }

    fn path(&self) -> String {
        format!("manifests/kernels/{}.kdl", self.name)
    }
}

/// What `builtin` selects and `own` does not, and what `own` leaves out and `builtin` does not, as a file would say it.
fn beyond(own: &Library, builtin: &Library) -> Vec<String> {
    let lines = |node: &str, from: &[String], without: &[String]| -> Vec<String> {
        let missing = from.iter().filter(|text| !without.contains(text));
        missing.map(|text| format!("`{node} \"{text}\"`")).collect()
    };
    let define = |(name, value): (&String, &Option<String>)| {
        value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}"))
    };
    let defines = |of: &BTreeMap<String, Option<String>>| of.iter().map(define).collect::<Vec<_>>();
    let mut beyond = lines("include", &builtin.include, &own.include);
    beyond.extend(lines("include-dirs", &builtin.include_dirs, &own.include_dirs));
    beyond.extend(lines("define", &defines(&builtin.defines), &defines(&own.defines)));
    let excluded = lines("exclude", &own.exclude, &builtin.exclude);
    beyond.extend(excluded.into_iter().map(|line| format!("no {line}")));
    beyond
}

/// Functions of the library that GNU's linker, or LLVM's, did not find.
fn undefined(words: &str) -> BTreeSet<&str> {
    const BEFORE: [&str; 2] = ["undefined reference to `", "undefined symbol: "];
    let found = BEFORE.iter().flat_map(|before| words.split(before).skip(1));
    let names = found.filter_map(|rest| rest.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).next());
    names.filter(|name| name.starts_with("arm_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builtin() -> Library {
        Library::load("cmsis-nn", &Catalog::builtin()).unwrap().unwrap()
    }

    #[test]
    fn what_the_linker_misses_is_named_with_the_file_and_the_lines_it_lacks() {
        let mut own = builtin();
        own.include.retain(|glob| !glob.contains("SVDF"));
        own.exclude.push("**/*softmax*".to_owned());
        let gnu = "/usr/bin/ld: /tmp/ccd.o: in function `main':\nsizes.c:(.text+0x1): undefined reference to `arm_svdf_s8'\n\
                   sizes.c:(.text+0x9): undefined reference to `arm_svdf_s8'\ncollect2: error: ld returned 1 exit status\n";
        let error = LibraryFile::of(&own).lacking("the program", gnu).unwrap();
        assert_eq!(
            error.to_string(),
            "the program calls `arm_svdf_s8`, and no C file that `manifests/kernels/cmsis-nn.kdl` selects defines that"
        );
        let help = miette::Diagnostic::help(&*error.diagnostic).unwrap().to_string();
        for words in ["`include \"Source/SVDFunctions/*.c\"` no `exclude \"**/*softmax*\"`;", "remove it to use"] {
            assert!(help.contains(words), "no `{words}` in {help}");
        }
    }

    #[test]
    fn many_names_are_counted_and_other_failures_are_not_the_files() {
        let llvm = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| format!("rust-lld: error: undefined symbol: arm_f{n}\n")).concat();
        let file = LibraryFile::of(&builtin());
        let error = file.lacking("the firmware", &llvm).unwrap();
        assert!(error.to_string().contains("`arm_f4` and 3 more"), "{error}");
        let help = miette::Diagnostic::help(&*error.diagnostic).unwrap().to_string();
        assert!(help.contains("are the sources those"), "{help}");
        assert!(file.lacking("the firmware", "rust-lld: error: undefined symbol: main").is_none());
    }

    #[test]
    fn a_library_of_another_name_is_compared_with_the_one_that_is_there() {
        let own = Library { name: "ours".to_owned(), ..builtin() };
        let error = LibraryFile::of(&own).lacking("it", "undefined symbol: arm_x").unwrap();
        assert!(error.to_string().contains("`manifests/kernels/ours.kdl`"), "{error}");
        assert!(
            miette::Diagnostic::help(&*error.diagnostic)
                .unwrap()
                .to_string()
                .contains("the built-in `manifests/kernels/cmsis-nn")
        );
    }
}
