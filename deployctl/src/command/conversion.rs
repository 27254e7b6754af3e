//! What a declared command is made from, how `deploy.lock` records it, and whether it may run.

use camino::Utf8Path;

use super::workshop::{Workshop, store_error};
use crate::error::{Error, Kind};
use crate::lockfile::{self, Group, Pin};
use crate::manifest::{Convert, Manifest, plain, suggest};
use crate::plan::ConvertMaterials;
use crate::stage::{Content, ConvertSource};
use crate::tool::{Program, Strace, ToolError};

/// What tools leave in folders of sources, and no command reads as such.
const NO_PART: [&str; 2] = ["__pycache__", ".git"];

/// Leaves the project's files where manifests declare commands that make them.
pub(super) fn forbid(manifests: &mut [Manifest]) {
    for convert in manifests.iter_mut().filter_map(|manifest| manifest.convert.as_mut()) {
        convert.forbidden = true;
    }
}

/// Inputs, program and its packages; nothing where no command is declared, or none may run.
pub(super) fn materials(manifest: &Manifest, workshop: &Workshop) -> Result<Option<ConvertMaterials>, Error> {
    let Some(declared) = &manifest.convert else { return Ok(None) };
    if declared.forbidden {
        if manifest.model.path.is_file() {
            return Ok(None);
        }
        let message = format!("there is no `{}`, and `--no-commands` forbids to make it", manifest.model.written.value);
        return Err(Error::plain(Kind::Usage, message, "build without `--no-commands`, or put the file there"));
    }
    let model = plain(&manifest.model.path);
    let wanted = |root: &Utf8Path, path: &Utf8Path| {
        let no_part = path.file_name().is_some_and(|name| NO_PART.contains(&name));
        // The model is what comes out, wherever it is kept.
        !no_part && root.join(path) != model
    };
    let mut inputs = Vec::new();
    for input in &declared.inputs {
        let (path, written) = (&input.value.path, input.value.written.clone());
        let content = if path.is_dir() {
            workshop.store.tree(path, |file| wanted(path, file)).map(Content::Folder)
        } else {
            workshop.store.file(path).map(Content::File)
        };
        let content = content.map_err(|error| store_error(&error))?;
        inputs.push(ConvertSource { place: input.value.place.clone(), content, written });
    }
    let (script, program) = program(manifest, declared, workshop)?;
    named_converter(manifest, declared, &program)?;
    let watcher = workshop.with_tools(|tools| Strace::find(&tools)).ok();
    let home = workshop.around.env.get("HOME").map(Into::into);
    Ok(Some(ConvertMaterials { inputs, script, program, watcher, home }))
}

/// Where the manifest says what is wrong.
fn place(manifest: &Manifest, declared: &Convert) -> String {
    let line = manifest.text[..declared.written.span.start.min(manifest.text.len())].matches('\n').count() + 1;
    format!("`{}` line {line}", manifest.path.strip_prefix(&manifest.root).unwrap_or(&manifest.path))
}

/// The command's first word: a name on the search path, or a path relative to the manifest's folder, perhaps of an input.
fn program(manifest: &Manifest, declared: &Convert, workshop: &Workshop) -> Result<(bool, Program), Error> {
    let word = declared.command.first().map_or("", String::as_str);
    let path = plain(&manifest.path.parent().unwrap_or(&manifest.root).join(word));
    let script = word.contains('/') && declared.inputs.iter().any(|input| path.starts_with(&input.value.path));
    let found = workshop.with_tools(|tools| match (script, word.contains('/')) {
        (true, _) => Program::of_script(&tools, &path),
        (false, true) => Program::find(&tools, path.as_str()),
        (false, false) => Program::find(&tools, word),
    });
    let found = found.map_err(|error| {
        let help = match &error {
            ToolError::Missing { .. } => {
                "install it, or name another program; `--no-commands` builds from the model file in the project"
            }
            _ => "`--no-commands` builds from the model file in the project",
        };
        let message = format!("{}: the command cannot be started: {error}", place(manifest, declared));
        Error::plain(Kind::Tool, message, help)
    })?;
    Ok((script, found))
}

/// A converter that is named is a package of the interpreter, so that its version is known.
fn named_converter(manifest: &Manifest, declared: &Convert, program: &Program) -> Result<(), Error> {
    let (Some(name), Some(python)) = (&declared.provenance.converter, &program.python) else { return Ok(()) };
    if python.package(name).is_some() {
        return Ok(());
    }
    let message = format!(
        "{}: the interpreter `{}` has no package `{name}`, which `provenance` names as the converter",
        place(manifest, declared),
        program.start.first().map_or("", String::as_str)
    );
    let known = suggest(name, python.packages.keys().map(String::as_str));
    Err(Error::plain(Kind::Manifest, message, format!("{known}; or install it for that interpreter")))
}

/// What `deploy.lock` records of a command.
pub(super) fn record(group: &mut Group, declared: &Convert, found: &ConvertMaterials) {
    let mut pin = |name: String, digest: String, remark: &str| {
        group.insert(lockfile::Kind::Convert, name, Pin::new(digest, remark));
    };
    let digest = |text: String| deployctl_cache::Digest::of(text.as_bytes()).to_string();
    pin(
        "command".into(),
        digest(format!("{:?} {:?}", declared.command, declared.environment)),
        &declared.written.value,
    );
    for source in &found.inputs {
        let is = |name: &Option<String>| name.as_deref() == Some(&source.written);
        let remark = match (is(&declared.provenance.source), is(&declared.provenance.calibration)) {
            (true, _) => "source model",
            (_, true) => "calibration data",
            _ => "",
        };
        pin(format!("input/{}", source.place), source.content.digest().to_string(), remark);
    }
    let converter = declared.provenance.converter.as_deref();
    let mut files = found.program.files.clone();
    if let Some(python) = &found.program.python {
        files.push(python.library.clone());
        let converter = converter.and_then(|name| python.package(name));
        for (name, package) in &python.packages {
            let is_converter = converter.is_some_and(|converter| std::ptr::eq(converter, package));
            let remark = if is_converter { format!("{} converter", package.version) } else { package.version.clone() };
            let all = format!("{} {}", package.version, package.digest);
            pin(format!("package/{name}"), digest(all), &remark);
        }
    }
    pin("program".into(), digest(files.join(" ")), &found.program.title());
    if let Some(settings) = &declared.provenance.quantization {
        pin("quantization".into(), digest(settings.clone()), settings);
    }
}
