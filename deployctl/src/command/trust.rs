//! Whether a manifest's command may run: a manifest from elsewhere could declare anything. Asked once for a manifest and a
//! command; the answer is kept in the user's home of deployctl, and what changes is asked again.

use std::collections::BTreeSet;
use std::io::Write as _;

use deployctl_cache::{Engine, Forecast};

use super::workshop::{Workshop, store_error};
use crate::error::{Error, Kind};
use crate::manifest::{Convert, Manifest};
use crate::plan::Plan;
use crate::ui::Event;

/// Asks for every command that this build would run and that was not allowed before.
pub(super) fn ask(
    manifests: &[Manifest],
    plan: &Plan,
    engine: &Engine,
    allowed: bool,
    workshop: &Workshop,
) -> Result<(), Error> {
    if plan.converts.is_empty() {
        return Ok(());
    }
    let forecasts = engine.plan(&plan.graph).map_err(|error| store_error(&error))?;
    let stages = plan.graph.ids().zip(&forecasts);
    let running: BTreeSet<_> = stages.filter(|(_, forecast)| **forecast != Forecast::Reuse).map(|(id, _)| id).collect();
    // What is not run again need not be asked for.
    let runs = |index: usize| plan.converts.iter().any(|(manifest, id)| *manifest == index && running.contains(id));
    let path = workshop.home.trusted();
    let known: BTreeSet<String> =
        std::fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect();
    let mut more: Vec<String> = Vec::new();
    for (index, manifest) in manifests.iter().enumerate() {
        let Some(convert) = manifest.convert.as_ref().filter(|convert| !convert.forbidden) else { continue };
        let line = line_of(manifest, convert);
        if known.contains(&line) || !runs(index) {
            continue;
        }
        if !allowed && !confirmed(manifest, convert, workshop) {
            let shown = manifest.path.strip_prefix(&workshop.around.cwd).unwrap_or(&manifest.path);
            let message = format!("`{shown}` declares a command that was not allowed yet: {}", convert.written.value);
            let help = "read what it does; `--allow-commands` runs it, now and from now on while it stays as it is; \
                        `--no-commands` builds from the model file in the project";
            return Err(Error::plain(Kind::Usage, message, help));
        }
        more.push(line);
    }
    if more.is_empty() {
        return Ok(());
    }
    let text = more.iter().fold(String::new(), |text, line| text + line + "\n");
    let append = || -> std::io::Result<()> {
        std::fs::create_dir_all(workshop.home.root())?;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(text.as_bytes())
    };
    append().map_err(|error| Error::caused(Kind::Store, &error, format!("`{path}` keeps which commands may run")))
}

/// Asks the person at the terminal; without one the answer is no.
fn confirmed(manifest: &Manifest, convert: &Convert, workshop: &Workshop) -> bool {
    let Some(answers) = &workshop.around.answers else { return false };
    let question = [
        format!("`{}` wants to run on this machine:", manifest.path),
        format!("  {}", convert.written.value),
        "it is not confined: it may do what you may. Run it, and not ask again while it stays as it is? [y/N]"
            .to_owned(),
    ];
    for text in question {
        workshop.ui.show(&Event::Note { text });
    }
    let mut answer = String::new();
    let read = answers.lock().is_ok_and(|mut answers| answers.read_line(&mut answer).is_ok());
    read && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The manifest's path, and what it would run.
fn line_of(manifest: &Manifest, convert: &Convert) -> String {
    let command = format!("{} {:?} {:?}", manifest.path, convert.command, convert.environment);
    format!("{} {}", deployctl_cache::Digest::of(command.as_bytes()), manifest.path)
}
