//! `probe run`: one session with firmware on a board. What a build starts for a board behind a probe, as it starts an emulator for
//! others: the session on standard input, the transcript on standard output.
//!
//! What keeps it from being played is one line on standard error and an exit code of its own, for the process that asked.

use std::io::{Read, Write};
use std::time::Duration;

use deployctl_probe::{Failure, Image, Limits, Target, gdb, play};

use super::{Done, Surroundings};
use crate::cli::{Probe, ProbeAction, ProbeRun};

/// Plays the session, and gives the process's exit code: the firmware's own, or [`Failure::EXIT`].
pub(super) fn run(args: &Probe, around: &Surroundings) -> Done {
    let ProbeAction::Run(args) = &args.action;
    Done::Session(session(args, around).unwrap_or_else(|failure| {
        // Whoever asked reads it; one that has gone away reads nothing.
        drop(writeln!(std::io::stderr(), "{}", failure.line()));
        Failure::EXIT
    }))
}

fn session(args: &ProbeRun, around: &Surroundings) -> Result<u8, Failure> {
    let mut session = Vec::new();
    std::io::stdin().lock().read_to_end(&mut session).map_err(|error| Failure::Pipe { problem: error.to_string() })?;
    let image = Image::open(around.path(&args.image).as_std_path())?;
    let limits = Limits::of(Duration::from_secs(args.time_limit.into()));
    let mut out = std::io::stdout().lock();
    let mut play_on = |target: &mut dyn Target| play(target, &image, &session, &mut out, limits);
    match &args.gdb {
        Some(address) => play_on(&mut gdb::Server::connect(address)?),
        None => attached(args, around, &mut play_on),
    }
}

/// On a board of this machine.
#[cfg(feature = "probe")]
fn attached(
    args: &ProbeRun,
    around: &Surroundings,
    play_on: &mut dyn FnMut(&mut dyn Target) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    use deployctl_probe::hardware::{Board, Lister, choose, list};
    let lister = Lister::new();
    let probe = choose(&list(&lister), args.probe.as_deref())?;
    let job = args.image.as_str();
    let lease = || super::leased::take(&probe.serial, job, args.no_wait, around);
    let _lease = (!args.leased).then(lease).transpose()?;
    let chip = args.chip.as_deref().unwrap_or_default();
    play_on(&mut Board::attach(&lister, &probe.serial, chip)?)
}

/// On a board of this machine, which this build cannot reach.
#[cfg(not(feature = "probe"))]
fn attached(
    _: &ProbeRun,
    _: &Surroundings,
    _: &mut dyn FnMut(&mut dyn Target) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    Err(Failure::NoSupport)
}
