//! Installing what is missing: one call a kind, and nothing where nothing is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Check, Remedy};
use crate::tool::{Invocation, SearchPath, Supervisor, ToolError};

/// One step of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A program with its arguments, to be run as root or as the user that it is run by.
    Run {
        /// Name of the program.
        program: &'static str,
        /// Its arguments.
        args: Vec<String>,
        /// Whether it must be root.
        root: bool,
    },
    /// Fetch sources; the command does that itself.
    Fetch,
}

/// Why something cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Only a person can.
    #[error("{item} is missing, and deployctl does not install it: {what}")]
    Person {
        /// What is missing.
        item: String,
        /// What to do.
        what: &'static str,
    },
    /// Packages are root's business.
    #[error("installing packages takes root: run `sudo {command}`, then this command again")]
    Root {
        /// What root must run.
        command: String,
    },
    /// Not a Debian.
    #[error("there is no `apt-get` here: install what Debian calls {packages}, then run `deployctl doctor`")]
    NoPackages {
        /// Debian's names.
        packages: String,
    },
    /// A step failed.
    #[error("cannot install: {0}")]
    Tool(#[from] ToolError),
}

/// The steps that install everything that these checks did not find and builds need, in order. Empty where nothing is missing.
pub fn steps(checks: &[Check]) -> Result<Vec<Step>, InstallError> {
    let (mut packages, mut targets, mut fetch) = (Vec::new(), Vec::new(), false);
    for check in checks.iter().filter(|check| check.found.is_err() && !check.need.item.is_optional()) {
        match &check.remedy {
            Remedy::Packages(more) => packages.extend(more.iter().map(|package| (*package).to_owned())),
            Remedy::RustTarget(triple) => targets.push(triple.clone()),
            Remedy::Fetch => fetch = true,
            // A target cannot be found where there is no rustc, but rustc comes first and stops here.
            Remedy::Person(what) => return Err(InstallError::Person { item: check.need.item.name(), what }),
        }
    }
    let mut steps = Vec::new();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    if !packages.is_empty() {
        steps.push(Step::Run { program: "apt-get", args: words(&["update", "-q"]), root: true });
        let args = [words(&["install", "-y", "-q", "--no-install-recommends"]), packages].concat();
        steps.push(Step::Run { program: "apt-get", args, root: true });
    }
    if !targets.is_empty() {
        steps.push(Step::Run { program: "rustup", args: [words(&["target", "add"]), targets].concat(), root: false });
    }
    steps.extend(fetch.then_some(Step::Fetch));
    Ok(steps)
}

impl std::fmt::Display for Step {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run { program, args, .. } => write!(out, "{program} {}", args.join(" ")),
            Self::Fetch => write!(out, "deployctl fetch"),
        }
    }
}

/// What running steps takes.
pub struct Installer<'a> {
    /// Where `apt-get` and `rustup` are looked for.
    pub path: &'a SearchPath,
    /// What starts them.
    pub supervisor: &'a Supervisor,
    /// The user's environment; it is handed to them whole.
    pub env: &'a BTreeMap<String, String>,
}

impl Installer<'_> {
    /// Runs one step that is not [`Step::Fetch`], which the caller does.
    pub fn run(&self, step: &Step) -> Result<(), InstallError> {
        self.run_as(step, rustix::process::geteuid().is_root())
    }

    pub(super) fn run_as(&self, step: &Step, is_root: bool) -> Result<(), InstallError> {
        let Step::Run { program, args, root } = step else { return Ok(()) };
        let found = self.path.find(program);
        if *root && found.is_err() {
            let packages: Vec<&str> =
                args.iter().skip(1).map(String::as_str).filter(|arg| !arg.starts_with('-')).collect();
            // Without packages this is the step before the one that has them.
            return if packages.is_empty() {
                Ok(())
            } else {
                Err(InstallError::NoPackages { packages: packages.join(" ") })
            };
        }
        if *root && !is_root {
            // Root is asked once, for the step that installs.
            return if args.first().is_some_and(|verb| verb == "update") { Ok(()) } else { Err(root_error(step)) };
        }
        let invocation = Invocation::new(found?).args(args).envs(self.env).env("DEBIAN_FRONTEND", "noninteractive");
        invocation.time_limit(Duration::from_hours(1)).run(self.supervisor)?;
        Ok(())
    }
}

fn root_error(step: &Step) -> InstallError {
    InstallError::Root { command: format!("sh -c 'apt-get update && {step}'") }
}
