//! `--measure`: new evidence from real boards. Plays with a board what stages ask for, until they ask for no more.
//!
//! The stages are those of every build: they read a recording, which begins empty and grows here by each session that they want.
//! Nothing is kept of what could not be played.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{Engine, Options};

use super::watch::failed;
use super::workshop::Workshop;
use super::{evidence, leased};
use crate::cli::Measuring;
use crate::error::{Error, Kind};
use crate::gate::evidence::Footprint;
use crate::manifest::{Board, Manifest, Moment, Runner};
use crate::plan::{self, Materials};
use crate::runner::Recording;
use crate::runner::probe::{Reach, Unplayed, played};
use crate::runner::recording::{Played, SCHEMA};
use crate::stage::{Runtime, artifact};
use crate::ui::Event;

/// How often a session is tried where cables and power may be at fault.
const TRIES: usize = 3;

/// Sessions of a stage beyond which something goes in circles.
const MOST: usize = 100;

/// Everything that is built, of which one target is measured at a time.
pub(super) struct Observing<'a> {
    pub(super) asked: &'a Measuring,
    pub(super) manifests: &'a [Manifest],
    pub(super) runtime: &'a Runtime,
    pub(super) options: &'a Options,
    pub(super) workshop: &'a Workshop<'a>,
}

/// Which board of which manifest.
#[derive(Clone, Copy)]
struct Place<'a> {
    manifest: usize,
    target: usize,
    board: &'a Board,
    chip: &'a str,
}

impl<'a> Observing<'a> {
    /// Measures every target that is behind a probe, and adds the evidence to the project and to `materials`.
    pub(super) fn run(&self, materials: &mut [Materials]) -> Result<(), Error> {
        let places = self.places()?;
        let reach = self.reach()?;
        let serial = reach.probe.clone().unwrap_or_else(|| "unnamed".to_owned());
        let job = self.manifests[places[0].manifest].path.as_str();
        let _lease = leased::take(&serial, job, self.asked.no_wait, self.workshop.around)
            .map_err(|failure| Error::plain(Kind::Target, failure.to_string(), "nothing was measured"))?;
        for place in places {
            self.measure(place, &reach, materials)?;
        }
        Ok(())
    }

    fn places(&self) -> Result<Vec<Place<'a>>, Error> {
        let wanted = |board: &Board| self.asked.board.as_ref().is_none_or(|wanted| *wanted == board.name);
        let mut places = Vec::new();
        for (index, manifest) in self.manifests.iter().enumerate() {
            for (target, found) in manifest.targets.iter().enumerate() {
                if let (Runner::Probe { chip }, true) = (&found.board.runner, wanted(&found.board)) {
                    places.push(Place { manifest: index, target, board: &found.board, chip });
                }
            }
        }
        if places.is_empty() {
            let message =
                "none of these targets is a board behind a probe, so there is nothing to measure with `--measure`";
            let help =
                "hosts and emulators are measured by every build; `deployctl boards` lists what is behind a probe";
            return Err(Error::plain(Kind::Usage, message, help));
        }
        Ok(places)
    }

    /// The process that reaches boards: the user's program, or this one with a probe of this machine.
    fn reach(&self) -> Result<Reach, Error> {
        let refused = |text: String| Error::plain(Kind::Target, text, "nothing was measured, and nothing was recorded");
        if let Some(program) = &self.asked.probe_program {
            let program = self.workshop.around.path(program);
            return Ok(Reach { program, is_own: false, probe: self.asked.probe.clone() });
        }
        let serial = serial(self.asked.probe.as_deref()).map_err(|failure| refused(failure.to_string()))?;
        let own = self.workshop.supervisor.helper().map(Utf8Path::to_owned);
        let program =
            own.ok_or_else(|| refused("this program cannot start itself, which reaching a board takes".into()))?;
        Ok(Reach { program, is_own: true, probe: Some(serial) })
    }

    fn measure(&self, place: Place, reach: &Reach, materials: &mut [Materials]) -> Result<(), Error> {
        let manifest = &self.manifests[place.manifest];
        let failed =
            |error: &std::io::Error| Error::caused(Kind::Store, error, "a recording grows in a temporary folder");
        let scratch = tempfile::tempdir().map_err(|error| failed(&error))?;
        let scratch = Utf8PathBuf::from_path_buf(scratch.path().to_owned())
            .map_err(|_| failed(&std::io::Error::other("its name is not in UTF-8")))
            .map(|path| (path, scratch))?;
        let folder = scratch.0.join("evidence");
        fs::create_dir(&folder).map_err(|error| failed(&error))?;
        let mut recording = Recording {
            schema: SCHEMA.to_owned(),
            taken: Moment::of_unix_seconds(self.workshop.around.now).to_string(),
            deployment: manifest.name.value.clone(),
            board: place.board.name.clone(),
            board_file: evidence::board_digest(place.board),
            chip: place.chip.to_owned(),
            probe: reach.probe.clone().unwrap_or_else(|| "unnamed".to_owned()),
            via: (!reach.is_own).then(|| reach.program.file_name().unwrap_or_default().to_owned()),
            harness: String::new(),
            sessions: Vec::new(),
        };
        let image = scratch.0.join(artifact::HARNESS);
        for stage in ["measure", "load"] {
            for _ in 0..MOST {
                let file = folder.join("recording.json");
                fs::write(&file, recording.to_json()).map_err(|error| failed(&error))?;
                let observed = evidence::observed(manifest, place.board, &folder, self.workshop)?;
                materials[place.manifest].targets[place.target].observed = observed;
                let Some((script, harness)) = self.wanted(place, stage, materials, &image)? else { break };
                recording.harness = harness;
                recording.sessions.push(self.play(place, reach, &script, &image)?);
            }
        }
        let folder = evidence::folder(manifest, place.board);
        if recording.sessions.is_empty() {
            let text = format!(
                "`{}` on `{}` has no firmware to measure; the gate report says why",
                manifest.name.value, place.board.name
            );
            self.workshop.ui.show(&Event::Note { text });
        } else {
            let path = evidence::add(&recording, &folder)?;
            let shown = path.strip_prefix(&self.workshop.around.cwd).unwrap_or(&path);
            let text = format!("evidence: `{shown}`, to be committed with what it is of");
            self.workshop.ui.show(&Event::Note { text });
        }
        materials[place.manifest].targets[place.target].observed =
            evidence::observed(manifest, place.board, &folder, self.workshop)?;
        Ok(())
    }

    /// The session that a stage wants to be played, with the digest of the harness, which is put at `image`; `None` where it wants none.
    fn wanted(
        &self,
        place: Place,
        stage: &str,
        materials: &[Materials],
        image: &Utf8Path,
    ) -> Result<Option<(Vec<u8>, String)>, Error> {
        let ui = self.workshop.ui;
        let mut plan = plan::plan(self.manifests, materials, self.runtime);
        let name = |stage: &str| format!("{}/{}/{stage}", self.manifests[place.manifest].name.value, place.board.name);
        let Some(last) = plan.graph.find(&name(stage)) else { return Ok(None) };
        plan.graph.keep_to(last);
        let engine = Engine::new(&self.workshop.store, self.options.clone());
        let mut outcome = engine.build(&plan.graph, &|_| {}).map_err(|failure| failed(failure, ui))?;
        let Ok(script) = outcome.artifact(last, artifact::WANTED) else { return Ok(None) };
        let Some(compile) = plan.graph.find(&name("compile")) else { return Ok(None) };
        let mut read = |path: &str| {
            let found = engine.artifact(&plan.graph, &mut outcome, compile, path, &|_| {});
            found.map_err(|failure| failed(failure, ui))
        };
        let footprint: Footprint = serde_json::from_slice(&read(artifact::FOOTPRINT)?)
            .map_err(|error| Error::caused(Kind::Internal, &error, "the footprint cannot be read"))?;
        fs::write(image, read(artifact::HARNESS)?).map_err(|error| {
            Error::caused(Kind::Store, &error, "firmware is put in a temporary folder for the board")
        })?;
        Ok(Some((script, footprint.harness_image)))
    }

    /// Plays a session; what may be the cables' or the power's fault is tried again.
    fn play(&self, place: Place, reach: &Reach, script: &[u8], image: &Utf8Path) -> Result<Played, Error> {
        let name = &place.board.name;
        let (command, limit) = reach.command(place.chip, image, self.runtime.target_limit);
        for attempt in 1.. {
            // A laboratory's program may ask for keys and settings of the user's.
            let env = &self.workshop.around.env;
            let ended = self.runtime.start_in(env, &command, script, limit).map_err(|error| {
                let help = "`--probe-program` names an executable file; without it, boards of this machine are reached";
                Error::caused(Kind::Target, &error, help)
            })?;
            let transcript = String::from_utf8_lossy(&ended.stdout);
            match played(&ended).and_then(|code| of_this_image(&transcript).map(|()| code)) {
                Ok(code) => {
                    let text = format!("{name}: played a session, {} lines", transcript.lines().count());
                    self.workshop.ui.show(&Event::Note { text });
                    return Ok(Played::new(script, code, &ended.stdout));
                }
                Err(unplayed) if unplayed.is_worth_another_try() && attempt < TRIES => {
                    let text = format!("{name}: {unplayed}; trying again ({attempt} of {TRIES})");
                    self.workshop.ui.show(&Event::Note { text });
                }
                Err(Unplayed { code, text }) => {
                    let message = format!("infrastructure failed on `{name}` ({code}): {text}");
                    let help =
                        "nothing was recorded, and the verdict is as it was; docs/reference/probes has every code";
                    return Err(Error::plain(Kind::Target, message, help));
                }
            }
        }
        Err(Error::plain(Kind::Internal, "a session was neither played nor given up", "please report this"))
    }
}

/// A board that runs another image than the one that was written says nothing about this one.
fn of_this_image(transcript: &str) -> Result<(), Unplayed> {
    let Some(line) = transcript.lines().find(|line| line.starts_with("error wrong-image ")) else { return Ok(()) };
    Err(Unplayed {
        code: "stale-image".to_owned(),
        text: format!(
            "the board runs firmware of another build than was written to it (`{line}`); see that nothing else writes it, and that it \
             starts from the flash that its board file names"
        ),
    })
}

/// The serial number of the probe that is meant.
#[cfg(feature = "probe")]
fn serial(wanted: Option<&str>) -> Result<String, deployctl_probe::Failure> {
    use deployctl_probe::hardware::{Lister, choose, list};
    choose(&list(&Lister::new()), wanted).map(|probe| probe.serial)
}

/// The serial number of the probe that is meant: this build knows no probes.
#[cfg(not(feature = "probe"))]
fn serial(_: Option<&str>) -> Result<String, deployctl_probe::Failure> {
    Err(deployctl_probe::Failure::NoSupport)
}
