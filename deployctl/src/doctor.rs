//! What a machine needs for a set of manifests, what of that it lacks, and what installs it.
//!
//! Needs come from manifests alone and installation steps from checks alone; between them, [`Looker`] asks the machine. A
//! manifest whose only target is the host needs cargo, a C linker and the firmware crates. Knows tools and sources by name;
//! prints nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{Manifest, Policy, Runner, Source, plain};

mod install;
mod look;

pub use install::{InstallError, Installer, Step, steps};
pub use look::Looker;

const ARM_PACKAGES: &[&str] = &["gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "libstdc++-arm-none-eabi-newlib"];

/// Something that a machine must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// cargo and rustc.
    Rust,
    /// A C compiler and linker for the host.
    HostCompiler,
    /// Rust's library for a target triple.
    RustTarget(String),
    /// The C compiler and C library for Cortex-M.
    ArmCompiler,
    /// The emulator.
    Emulator,
    /// python3 with pip.
    Pip,
    /// git.
    Git,
    /// What a manifest's command starts.
    Command(String),
    /// What looks for undeclared reads of such commands; builds go on without it.
    Strace,
    /// A kernel library's sources.
    Sources(String),
    /// The crates that firmware is made of.
    FirmwareCrates,
}

/// An item with the stages that need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub item: Item,
    /// Names of stages or commands, in pipeline order.
    pub stages: Vec<&'static str>,
}

/// What installs an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Debian packages.
    Packages(&'static [&'static str]),
    /// `rustup target add`.
    RustTarget(String),
    /// `deployctl fetch`.
    Fetch,
    /// Something that a person must do.
    Person(&'static str),
}

/// An item that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, and who needs it.
    pub need: Need,
    /// The version that was found, or why there is none.
    pub found: Result<String, String>,
    /// What installs it.
    pub remedy: Remedy,
}

/// What these manifests need, sorted; `sources` are the kernel libraries that are not fetched yet.
pub fn needs(manifests: &[Manifest], missing_sources: &BTreeMap<String, Source>) -> Vec<Need> {
    let mut all: BTreeMap<Item, Vec<&'static str>> = BTreeMap::new();
    all.insert(Item::Rust, vec!["compile"]);
    all.insert(Item::HostCompiler, vec!["compile"]);
    all.insert(Item::FirmwareCrates, vec!["compile"]);
    for manifest in manifests {
        if let Some(convert) = &manifest.convert {
            let program = convert.command.first().cloned().unwrap_or_default();
            let program = if program.contains('/') {
                plain(&manifest.path.parent().unwrap_or(&manifest.root).join(program)).into_string()
            } else {
                program
            };
            all.insert(Item::Command(program), vec!["convert"]);
            all.insert(Item::Strace, vec!["convert"]);
        }
        for target in &manifest.targets {
            if let Some(triple) = &target.board.rust_target {
                all.insert(Item::RustTarget(triple.clone()), vec!["compile"]);
            }
            if matches!(target.board.runner, Runner::Qemu { .. }) {
                all.insert(Item::Emulator, vec!["measure"]);
            }
            // On the host everything runs on reference kernels.
            if target.board.runner != Runner::Host && manifest.kernels.policy != Policy::Forbid {
                all.insert(Item::ArmCompiler, vec!["kernels"]);
                all.insert(Item::HostCompiler, vec!["sizes", "compile"]);
                all.insert(Item::Sources(manifest.kernels.source.name.clone()), vec!["sizes", "kernels"]);
            }
        }
    }
    let used: BTreeSet<Item> = all.keys().cloned().collect();
    for (name, source) in missing_sources.iter().filter(|(name, _)| used.contains(&Item::Sources((*name).clone()))) {
        match source {
            Source::Pypi { .. } => drop(all.insert(Item::Pip, vec!["fetch"])),
            Source::Git { .. } => drop(all.insert(Item::Git, vec!["fetch"])),
            Source::Path { .. } => drop(all.remove(&Item::Sources(name.clone()))),
            Source::Archive { .. } | Source::Crate { .. } => {}
        }
    }
    all.into_iter().map(|(item, stages)| Need { item, stages }).collect()
}

/// Looks for every need; `look` gives a version, or why there is none.
pub fn check(needs: Vec<Need>, look: impl Fn(&Item) -> Result<String, String>) -> Vec<Check> {
    let check = |need: Need| Check { found: look(&need.item), remedy: need.item.remedy(), need };
    needs.into_iter().map(check).collect()
}

impl Item {
    /// Its name for people.
    pub fn name(&self) -> String {
        match self {
            Self::Rust => "cargo and rustc".to_owned(),
            Self::HostCompiler => "host C compiler and linker".to_owned(),
            Self::RustTarget(triple) => format!("Rust target {triple}"),
            Self::ArmCompiler => "Arm C compiler and newlib".to_owned(),
            Self::Emulator => "qemu-system-arm".to_owned(),
            Self::Pip => "python3 with pip".to_owned(),
            Self::Git => "git".to_owned(),
            Self::Command(program) => program.clone(),
            Self::Strace => "strace".to_owned(),
            Self::Sources(name) => format!("sources of {name}"),
            Self::FirmwareCrates => "firmware crates".to_owned(),
        }
    }

    fn remedy(&self) -> Remedy {
        match self {
            Self::Rust => Remedy::Person("install Rust from https://rustup.rs"),
            Self::HostCompiler => Remedy::Packages(&["gcc", "libc6-dev"]),
            Self::RustTarget(triple) => Remedy::RustTarget(triple.clone()),
            Self::ArmCompiler => Remedy::Packages(ARM_PACKAGES),
            Self::Emulator => Remedy::Packages(&["qemu-system-arm"]),
            Self::Pip => Remedy::Packages(&["python3", "python3-pip"]),
            Self::Git => Remedy::Packages(&["git", "ca-certificates"]),
            Self::Command(program) if matches!(program.as_str(), "python" | "python3") => {
                Remedy::Packages(&["python3"])
            }
            Self::Command(_) => Remedy::Person("install what `convert` starts, or build with `--no-commands`"),
            Self::Strace => Remedy::Packages(&["strace"]),
            Self::Sources(_) | Self::FirmwareCrates => Remedy::Fetch,
        }
    }

    /// Whether a build goes on without it.
    pub fn is_optional(&self) -> bool {
        *self == Self::Strace
    }
}

impl std::fmt::Display for Remedy {
    /// The exact command.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Packages(packages) => write!(out, "apt-get install -y {}", packages.join(" ")),
            Self::RustTarget(triple) => write!(out, "rustup target add {triple}"),
            Self::Fetch => write!(out, "deployctl fetch"),
            Self::Person(what) => write!(out, "{what}"),
        }
    }
}

#[cfg(test)]
mod tests;
