//! The builds that a log may be of: what `out/` and `releases/` have, or one release that is named.

use cargo_metadata::semver::Version;

use super::super::promote::RELEASES;
use super::super::{Surroundings, verify};
use super::evidence::Evidence;
use crate::cli::{self, Manifests};
use crate::error::{Error, Kind};
use crate::manifest::{Board, Catalog, Manifest};
use crate::release::RELEASE;
use crate::release::about::Release;
use crate::ui::Event;

/// Builds that are known: of the release that is named; else of manifests that are named, else of the project around, those in
/// `out/` and those in `releases/`.
pub(super) fn known(args: &cli::Diagnose, around: &Surroundings) -> Result<Vec<Evidence>, Error> {
    if let Some(bundle) = &args.bundle {
        let found = verify::open(&around.path(bundle))?;
        return of_release(&found, args, &[]);
    }
    let named = Manifests { manifests: args.manifest.iter().cloned().collect() };
    let manifests = match around.manifest_paths(&named) {
        Ok(_) => around.manifests(&named)?,
        // A log alone says something, too.
        Err(error) if args.manifest.is_some() => return Err(error),
        Err(_) => Vec::new(),
    };
    let wanted = |board: &str| args.board.as_deref().is_none_or(|wanted| wanted == board);
    let mut known = Vec::new();
    let mut boards = Vec::new();
    for manifest in &manifests {
        for target in manifest.targets.iter().filter(|target| wanted(&target.board.name)) {
            boards.push(target.board.name.as_str());
            let folder = manifest.root.join("out").join(&manifest.name.value).join(&target.board.name);
            known.extend(Evidence::open(folder, &manifest.name.value, &target.board));
        }
        for release in released(manifest, args, around) {
            if known.iter().all(|one: &Evidence| one.digest != release.digest) {
                known.push(release);
            }
        }
    }
    if let (Some(board), true) = (&args.board, boards.is_empty()) {
        let message = format!("no manifest here has the target `{board}`");
        return Err(Error::plain(Kind::Usage, message, "leave `--board` out: the log says which build it is of"));
    }
    Ok(known)
}

/// Builds of a deployment's releases, the latest first. One that cannot be read is left out: a log is read all the same.
fn released(manifest: &Manifest, args: &cli::Diagnose, around: &Surroundings) -> Vec<Evidence> {
    let folder = manifest.root.join(RELEASES);
    let prefix = format!("{}-", manifest.name.value);
    let mut versions: Vec<Version> = folder
        .read_dir_utf8()
        .into_iter()
        .flatten()
        .filter_map(|entry| Version::parse(entry.ok()?.file_name().strip_prefix(&prefix)?).ok())
        .collect();
    versions.sort();
    let boards: Vec<&Board> = manifest.targets.iter().map(|target| &target.board).collect();
    let of = |version: Version| {
        let folder = folder.join(format!("{prefix}{version}"));
        let found = verify::open(&folder).and_then(|found| of_release(&found, args, &boards));
        found.unwrap_or_else(|error| {
            let text = format!("`{folder}` was not looked at: {error}");
            around.ui.show(&Event::Note { text });
            Vec::new()
        })
    };
    versions.into_iter().rev().flat_map(of).collect()
}

/// Builds of a release, one a board. Of boards that are not known, addresses have no region.
fn of_release(found: &verify::Found, args: &cli::Diagnose, boards: &[&Board]) -> Result<Vec<Evidence>, Error> {
    let missing =
        || Error::plain(Kind::Usage, format!("it has no `{RELEASE}`"), "name one that `deployctl promote` made");
    let bytes = found.files.get(RELEASE).ok_or_else(missing)?;
    let unreadable = |error| Error::caused(Kind::Usage, &error, "was it made by another version of deployctl?");
    let release: Release = serde_json::from_slice(bytes).map_err(unreadable)?;
    let names = release.targets.iter().map(|target| target.board.as_str());
    let wanted = names.filter(|name| args.board.as_deref().is_none_or(|wanted| wanted == *name));
    let regions = |name: &str| {
        let own = boards.iter().find(|board| board.name == name).map(|board| board.memory.clone());
        let built_in = || Some(Board::load(name, &Catalog::builtin())?.ok()?.memory);
        own.or_else(built_in).unwrap_or_default()
    };
    let evidence = |name| Evidence::released(&release, &found.files, name, regions(name));
    Ok(wanted.filter_map(evidence).collect())
}
