//! `boards`: what manifests here can name as a target, and all that is known about one. Needs no tools and no store.

use serde_json::{Value, json};

use super::{Done, Surroundings};
use crate::cli::{self, BoardsAction};
use crate::error::{Error, Kind};
use crate::manifest::{self, Board, Catalog, Region, RegionKind, Runner, Timer, frequency, size};
use crate::ui::Event;

pub(super) fn run(args: &cli::Boards, around: &Surroundings) -> Result<Done, Error> {
    if args.probes {
        return probes(around);
    }
    let catalog = Catalog::open(&around.root()).map_err(|errors| Error::new(Kind::Manifest, errors))?;
    match &args.action {
        None => list(&catalog, around)?,
        Some(BoardsAction::Show { board }) => show(&named(board, &catalog)?, &catalog, around),
    }
    Ok(Done::Ok)
}

/// The debug probes of this machine, with who has them.
#[cfg(feature = "probe")]
fn probes(around: &Surroundings) -> Result<Done, Error> {
    use deployctl_probe::hardware::{Lister, list};
    use deployctl_probe::lease;
    let home = crate::fetch::Home::from_env(&around.env)
        .map_err(|error| Error::caused(Kind::Store, &error, "`DEPLOYCTL_HOME=/some/folder deployctl …`"))?;
    let found = list(&Lister::new());
    for probe in &found {
        let holder = lease::holder(home.leases().as_std_path(), &probe.serial);
        let state = match &holder {
            Some(holder) => format!("in use by {holder}"),
            None if probe.is_accessible => "free".to_owned(),
            None => "this user may not open it: on Linux, udev rules of probe-rs allow it".to_owned(),
        };
        let text = format!("{}  {}  {}  {state}", probe.serial, probe.name, probe.usb);
        let fields = json!({
            "serial": probe.serial, "name": probe.name, "usb": probe.usb, "accessible": probe.is_accessible, "holder": holder,
        });
        around.ui.show(&Event::Line { fields, text });
    }
    if found.is_empty() {
        around.ui.show(&Event::Note { text: deployctl_probe::Failure::NoProbe.to_string() });
    }
    Ok(if found.is_empty() { Done::Nothing } else { Done::Ok })
}

/// The debug probes of this machine, which this build cannot see.
#[cfg(not(feature = "probe"))]
fn probes(_: &Surroundings) -> Result<Done, Error> {
    let help = "or name a program that reaches boards: `deployctl build --measure --probe-program PROGRAM`";
    Err(Error::plain(Kind::Usage, deployctl_probe::Failure::NoSupport.to_string(), help))
}

/// The board of that name.
pub(super) fn named(name: &str, catalog: &Catalog) -> Result<Board, Error> {
    match Board::load(name, catalog) {
        Some(found) => found.map_err(|errors| Error::new(Kind::Manifest, errors)),
        None => Err(Error::plain(
            Kind::Usage,
            format!("there is no board `{name}`"),
            format!(
                "{}; a project adds its own in `manifests/boards/NAME.kdl`",
                manifest::suggest(name, catalog.boards())
            ),
        )),
    }
}

fn list(catalog: &Catalog, around: &Surroundings) -> Result<(), Error> {
    let boards = Board::all(catalog).map_err(|errors| Error::new(Kind::Manifest, errors))?;
    let rows: Vec<[String; 5]> = boards.iter().map(row).collect();
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(widest).collect();
    for (board, row) in boards.iter().zip(&rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let text = cells.collect::<Vec<_>>().join("  ").trim_end().to_owned();
        around.ui.show(&Event::Line { fields: fields(board, catalog), text });
    }
    around.ui.show(&Event::Note { text: "`deployctl boards show BOARD` says everything about one of them".to_owned() });
    Ok(())
}

/// Name, core, flash, RAM, how far it goes.
fn row(board: &Board) -> [String; 5] {
    let room =
        |kind, name: &str| board.used(kind).map_or_else(String::new, |used| format!("{} {name}", size(used.size.0)));
    let core = if board.runner == Runner::Host { "–".to_owned() } else { board.core.clone() };
    let (flash, ram) = (room(RegionKind::Flash, "flash"), room(RegionKind::Ram, "RAM"));
    [board.name.clone(), core, flash, ram, board.reach()]
}

/// All that the file says, and what follows from it.
fn fields(board: &Board, catalog: &Catalog) -> Value {
    let mut fields = json!(board);
    fields["reach"] = json!(board.reach());
    fields["not_bootable"] = json!(board.not_bootable());
    fields["slow_clock"] = json!(board.slow_clock());
    fields["file"] = json!(catalog.board_file(&board.name).map(|entry| &entry.shown));
    fields
}

fn show(board: &Board, catalog: &Catalog, around: &Surroundings) {
    let mut lines = vec![format!("{}: {}", board.name, board.summary), String::new()];
    for (title, values) in sections(board, catalog) {
        for (index, value) in values.iter().enumerate() {
            let title = if index == 0 { title } else { "" };
            lines.push(format!("  {title:<12}  {value}").trim_end().to_owned());
        }
    }
    around.ui.show(&Event::Line { fields: fields(board, catalog), text: lines.join("\n") });
}

/// Titles, each with its lines; those without a line are left out by the caller's loop.
fn sections(board: &Board, catalog: &Catalog) -> Vec<(&'static str, Vec<String>)> {
    let one = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    let caches = board.caches.iter().map(|cache| format!("{}: {}", cache.name, if cache.on { "on" } else { "off" }));
    vec![
        ("goes", goes(board)),
        ("core", vec![core(board)]),
        ("features", one(features(board))),
        ("memory", memory(&board.memory)),
        ("clock", clock(board)),
        ("caches", caches.collect()),
        ("timers", board.timers.iter().map(timer).collect()),
        ("boot block", one(board.boot_block.map(|block| block.name().to_owned()))),
        ("runner", vec![runner(&board.runner)]),
        ("C flags", one((!board.c_flags.is_empty()).then(|| board.c_flags.join(" ")))),
        ("Rust target", one(board.rust_target.clone())),
        ("file", one(catalog.board_file(&board.name).map(|entry| entry.shown.clone()))),
        ("manifest", vec![format!("target \"{}\"", board.name)]),
    ]
}

fn timer(timer: &Timer) -> String {
    let Timer { kind, address, line, hz } = timer;
    format!("{} at {address:#010x}, interrupt line {line}, {}", kind.name(), frequency(*hz))
}

fn goes(board: &Board) -> Vec<String> {
    let mut lines = vec![match &board.runner {
        Runner::Host => "runs on this computer, on reference kernels".to_owned(),
        Runner::Qemu { .. } => "runs in QEMU, which counts instructions and has no milliseconds".to_owned(),
        Runner::Probe { .. } => "runs behind a debug probe: `deployctl build --measure` measures on it".to_owned(),
    }];
    lines.extend(board.not_bootable().map(|reason| format!("not bootable: {reason}")));
    lines.extend(board.slow_clock().map(|reason| format!("slow clock: {reason}")));
    lines
}

fn core(board: &Board) -> String {
    let starts = board.starts.map(|state| format!(", starts in the {} state", state.name())).unwrap_or_default();
    format!("{}{starts}", board.core)
}

fn features(board: &Board) -> Option<String> {
    if board.runner == Runner::Host {
        return None;
    }
    let fpu = board.fpu.as_ref().map(|fpu| format!("FPU ({fpu})"));
    let have = [board.features.dsp.then(|| "DSP".to_owned()), board.features.mve.then(|| "MVE".to_owned()), fpu];
    let have: Vec<String> = have.into_iter().flatten().collect();
    Some(if have.is_empty() { "none of DSP, MVE, FPU".to_owned() } else { have.join(", ") })
}

fn memory(regions: &[Region]) -> Vec<String> {
    let widest = |text: &dyn Fn(&Region) -> usize| regions.iter().map(text).max().unwrap_or(0);
    let (names, sizes) = (widest(&|region| region.name.len()), widest(&|region| size(region.size.0).len()));
    let line = |region: &Region| {
        let kind = match (region.memory, region.kind) {
            (Some(memory), _) => memory.name(),
            (None, RegionKind::Flash) => "flash",
            (None, RegionKind::Ram) => "RAM",
        };
        let mut about = vec![kind.to_owned()];
        about.extend(region.wait_states.map(|states| format!("{states} wait states")));
        about.extend(region.off_at_reset.then(|| "off at reset".to_owned()));
        about.extend(region.used.then(|| match region.kind {
            RegionKind::Flash => "firmware's code and constants".to_owned(),
            RegionKind::Ram => "firmware's data, stack and arena".to_owned(),
        }));
        let (name, size) = (&region.name, size(region.size.0));
        format!("{name:<names$}  {:#010x}  {size:>sizes$}  {}", region.address, about.join("; "))
    };
    regions.iter().map(line).collect()
}

fn clock(board: &Board) -> Vec<String> {
    let Some(clock) = &board.clock else { return Vec::new() };
    let source = clock.source.as_ref().map(|source| format!(", {source}")).unwrap_or_default();
    let full = clock.full_hz.map(|full| format!("; the core can run at {}", frequency(full))).unwrap_or_default();
    vec![format!("{}{source}{full}", clock.text())]
}

fn runner(runner: &Runner) -> String {
    match runner {
        Runner::Host => "host: a process".to_owned(),
        Runner::Qemu { machine, instructions_per_tick } => {
            format!("qemu: -M {machine}, {instructions_per_tick} instructions a tick")
        }
        Runner::Probe { chip } => format!("probe: {chip}, sessions through memory (RTT)"),
    }
}
