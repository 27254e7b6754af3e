//! Asks the machine for each item.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::Item;
use crate::fetch::{Fetcher, Want};
use crate::manifest::Source;
use crate::tool::{Gcc, HostLinker, Qemu, Rustc, Strace, Toolbox};

/// What looking for items takes.
pub struct Looker<'a> {
    /// For tools.
    pub tools: Toolbox<'a>,
    /// For sources.
    pub fetcher: Fetcher<'a>,
    /// Kernel libraries by name, with the digest that `deploy.lock` records.
    pub sources: &'a BTreeMap<String, (Source, Option<String>)>,
    /// Text of the firmware's `Cargo.lock`.
    pub firmware_lock: &'a str,
}

impl Looker<'_> {
    /// The version of an item, or why there is none.
    pub fn look(&self, item: &Item) -> Result<String, String> {
        let tools = &self.tools;
        let found = match item {
            Item::Rust => Rustc::find(tools, None).map(|rustc| first_line(&rustc.version)),
            Item::HostCompiler => HostLinker::find(tools).map(|linker| linker.version),
            Item::RustTarget(triple) => Rustc::find(tools, Some(triple)).map(|rustc| first_line(&rustc.version)),
            Item::ArmCompiler => Gcc::find(tools, "arm-none-eabi-", &[]).map(|gcc| gcc.version),
            Item::Emulator => Qemu::find(tools).map(|qemu| qemu.version),
            // A script of the project is an input, and need not be executable.
            Item::Command(program) if Utf8Path::new(program).is_file() => Ok("present".to_owned()),
            Item::Command(program) => tools.path.find(program).map(|_| "present".to_owned()),
            Item::Strace => Strace::find(tools).map(|strace| strace.version),
            Item::Git => tools.path.find("git").map(|_| "present".to_owned()),
            Item::Pip => return self.fetcher.pip_version().map_err(|error| error.to_string()),
            Item::Sources(name) => return self.look_for_sources(name),
            Item::FirmwareCrates => {
                let tree = self.fetcher.locate_firmware(self.firmware_lock, Want::Any);
                return tree
                    .map_err(|error| error.to_string())?
                    .map(|tree| short(&tree.digest))
                    .ok_or_else(not_fetched);
            }
        };
        found.map_err(|error| error.to_string())
    }

    /// Kernel libraries whose sources are not there, for [`super::needs`].
    pub fn missing_sources(&self) -> BTreeMap<String, Source> {
        let missing = self.sources.iter().filter(|(name, _)| self.look_for_sources(name).is_err());
        missing.map(|(name, (source, _))| (name.clone(), source.clone())).collect()
    }

    fn look_for_sources(&self, name: &str) -> Result<String, String> {
        let (source, recorded) = self.sources.get(name).ok_or_else(not_fetched)?;
        let want = recorded.as_deref().map_or(Want::Any, Want::Recorded);
        let tree = self.fetcher.locate(name, source, want).map_err(|error| error.to_string())?;
        tree.map(|tree| short(&tree.digest)).ok_or_else(not_fetched)
    }
}

fn not_fetched() -> String {
    "not fetched".to_owned()
}

fn short(digest: &str) -> String {
    digest.get(..12).unwrap_or(digest).to_owned()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
