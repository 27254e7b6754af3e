//! A program that a manifest names, with what decides what it does: its own bytes, those of the interpreter that runs it, and
//! for Python the packages that it can import.
//!
//! Starts nothing of the project: what a program is, is read from files. Only a `python3` on the search path that is itself a
//! script (pyenv's and the like choose an interpreter) is asked which interpreter it means.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::python::{self, Python};
use super::{ToolError, Toolbox};

/// Scripts name interpreters that are programs, or scripts once more; no chain is longer.
const MOST_SCRIPTS: usize = 4;
/// Most bytes of a script's first line.
const FIRST_LINE: usize = 1024;

/// A program and how it is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The program that the system starts, and arguments before the command's own. In no key.
    #[serde(skip)]
    pub start: Vec<String>,
    /// Digests: of the program, and of scripts on the way to it, without the lines that say where their interpreter lies.
    pub files: Vec<String>,
    /// What Python reads besides, where the program is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub python: Option<Python>,
}

impl Program {
    /// The program at a path, or of that name on the search path.
    pub fn find(tools: &Toolbox<'_>, name: &str) -> Result<Self, ToolError> {
        let path = tools.path.find(name)?;
        let path = if is_shim(&path, name) { asked(tools, &path)? } else { path };
        Self::at(tools, &path, MOST_SCRIPTS)
    }

    /// What runs a script of the project, which is an input: the script itself is not in here, and comes behind `start`.
    pub fn of_script(tools: &Toolbox<'_>, script: &Utf8Path) -> Result<Self, ToolError> {
        let line = first_line(script).ok_or_else(|| no_interpreter(script))?;
        Self::interpreter(tools, script, &line, MOST_SCRIPTS)
    }

    fn at(tools: &Toolbox<'_>, path: &Utf8Path, scripts: usize) -> Result<Self, ToolError> {
        let Some(line) = first_line(path) else {
            return Ok(Self {
                start: vec![path.to_string()],
                files: vec![tools.file_digest(path.as_str(), path)?],
                python: python::of(tools, path)?,
            });
        };
        let mut program = Self::interpreter(tools, path, &line, scripts)?;
        let unreadable = |source| ToolError::Unreadable { tool: path.to_string(), path: path.to_owned(), source };
        let text = std::fs::read(path).map_err(unreadable)?;
        let behind = text.iter().position(|byte| *byte == b'\n').map_or(&[][..], |end| &text[end..]);
        program.start.push(path.to_string());
        program.files.push(blake3::hash(behind).to_hex().to_string());
        Ok(program)
    }

    /// What the first line of a script names: `#!/bin/sh -e` or `#!/usr/bin/env python3`.
    fn interpreter(tools: &Toolbox<'_>, script: &Utf8Path, line: &str, scripts: usize) -> Result<Self, ToolError> {
        let mut words = line.split_whitespace();
        let (Some(first), Some(left)) = (words.next(), scripts.checked_sub(1)) else {
            return Err(no_interpreter(script));
        };
        let rest: Vec<&str> = words.collect();
        let by_name = Utf8Path::new(first).file_name() == Some("env");
        let (name, arguments) = match rest.split_first() {
            Some((name, arguments)) if by_name => (*name, arguments),
            _ => (first, &rest[..]),
        };
        let path = tools.path.find(name)?;
        let path = if is_shim(&path, name) { asked(tools, &path)? } else { path };
        let mut program = Self::at(tools, &path, left)?;
        program.start.extend(arguments.iter().map(|word| (*word).to_owned()));
        Ok(program)
    }

    /// Folders that are in the key with the program: an interpreter's installation and packages.
    pub fn folders(&self) -> impl Iterator<Item = &Utf8Path> {
        self.python.iter().flat_map(|python| &python.folders).map(Utf8PathBuf::as_path)
    }

    /// What people call it: an interpreter by its version, else the program by its file's name.
    pub fn title(&self) -> String {
        let name =
            || self.start.first().and_then(|path| Utf8Path::new(path).file_name()).unwrap_or_default().to_owned();
        self.python.as_ref().map_or_else(name, |python| format!("Python {}", python.version))
    }
}

/// What stands behind `#!` in a file's first line; nothing where the file is no script.
fn first_line(path: &Utf8Path) -> Option<String> {
    use std::io::Read as _;
    let mut start = Vec::new();
    std::fs::File::open(path).ok()?.take(FIRST_LINE as u64).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8(line.to_vec()).ok()
}

fn no_interpreter(script: &Utf8Path) -> ToolError {
    let reason = "its first line does not name an interpreter, as `#!/usr/bin/env python3` does".to_owned();
    ToolError::Start { program: script.to_owned(), reason }
}

/// Whether a Python is a script that chooses one. Only of those that are called by name: nothing of a project is asked.
fn is_shim(path: &Utf8Path, name: &str) -> bool {
    !name.contains('/') && python::is_python(name) && first_line(path).is_some()
}

/// The interpreter that a script on the search path chooses, as it says itself; `-S` keeps packages from running.
fn asked(tools: &Toolbox<'_>, shim: &Utf8Path) -> Result<Utf8PathBuf, ToolError> {
    let known = |name: &str| matches!(name, "HOME" | "PYENV_ROOT" | "PYENV_VERSION");
    let env: BTreeMap<String, String> =
        tools.env.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    let args = ["-I", "-S", "-c", "import sys; print(sys.executable)"];
    // pyenv's choice for the user lies beside the folder of its scripts.
    let choice = shim.parent().and_then(Utf8Path::parent).unwrap_or(shim).join("version");
    let question = format!("{shim} {} {env:?}", args.join(" "));
    let holds = |answer: &str| Utf8Path::new(answer).is_absolute() && Utf8Path::new(answer).is_file();
    let answer = tools.memo.answer(&question, &[shim, &choice], holds, || tools.invoke(shim, &args, &env))?;
    Ok(Utf8PathBuf::from(answer))
}
