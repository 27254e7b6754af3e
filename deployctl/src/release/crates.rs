//! The crates of a `Cargo.lock`: names, versions, checksums. Reads the few lines that Cargo writes and knows no other TOML.

/// A crate as Cargo locked it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Locked<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    /// Where it comes from; absent for a crate of the workspace.
    pub(super) source: Option<&'a str>,
    /// SHA-256 of the `.crate` file.
    pub(super) checksum: Option<&'a str>,
}

/// All crates of a lock file, in its order.
pub(super) fn locked(lock: &str) -> Vec<Locked<'_>> {
    let mut crates = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
            line.strip_prefix('"')?.strip_suffix('"')
        };
        crates.push(Locked {
            name: value("name").unwrap_or_default(),
            version: value("version").unwrap_or_default(),
            source: value("source"),
            checksum: value("checksum"),
        });
    }
    crates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firmware_s_crates_are_read() {
        let lock = crate::builtin::get("firmware-template/Cargo.lock").unwrap();
        let lock = std::str::from_utf8(lock.bytes).unwrap();
        let crates = locked(lock);
        assert_eq!(crates.len(), lock.matches("[[package]]").count());
        let cortex = crates.iter().find(|one| one.name == "cortex-m-rt").unwrap();
        assert!(cortex.source.unwrap().starts_with("registry+") && cortex.checksum.unwrap().len() == 64);
        let app = crates.iter().find(|one| one.name == "app").unwrap();
        assert_eq!((app.source, app.checksum), (None, None));
        assert!(crates.iter().all(|one| !one.name.is_empty() && !one.version.is_empty()));
    }
}
