//! A board file to a checked [`Board`].
//!
//! Knows clocks, caches, boot blocks and runners, and leaves memory to [`regions`]; does not know whether the tools that they need are installed.

use super::catalog::Entry;
use super::decode::{Grammar, Node, Report, Times, check_children};
use super::error::{Errors, is_misspelt};
use super::hardware::{Board, BootBlock, Cache, Clock, PerTick, Runner, Security};
use super::header;
use super::parse;
use super::regions::{self, MEMORY};
use super::syntax::Syntax;
use super::timer::{self, Timer};
use super::units;
use super::value::Value;
use crate::library::Features;

const FILE: Grammar = Grammar {
    arguments: 0,
    properties: &[],
    children: &[
        ("board", Times::Once),
        ("summary", Times::Once),
        ("core", Times::Once),
        ("rust-target", Times::Once),
        ("c-flags", Times::Once),
        ("memory", Times::Once),
        ("clock", Times::Once),
        ("cache", Times::Often),
        ("timer", Times::Often),
        ("boot-block", Times::Once),
        ("runner", Times::Once),
    ],
    later: &[],
};
const TEXT: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const TEXTS: Grammar = Grammar { arguments: 64, ..Grammar::NOTHING };
const CORE: Grammar = Grammar { arguments: 1, properties: &["dsp", "mve", "fpu", "starts"], ..Grammar::NOTHING };
const CLOCK: Grammar = Grammar { arguments: 1, properties: &["to", "source", "full"], ..Grammar::NOTHING };
const CACHE: Grammar = Grammar { arguments: 1, properties: &["on"], ..Grammar::NOTHING };
const RUNNER: Grammar =
    Grammar { arguments: 1, properties: &["machine", "instructions-per-tick", "chip"], ..Grammar::NOTHING };
const FPUS: [(&str, &str); 3] =
    [("fpv4-sp-d16", "fpv4-sp-d16"), ("fpv5-sp-d16", "fpv5-sp-d16"), ("fpv5-d16", "fpv5-d16")];
const STATES: [(&str, Security); 2] = [("secure", Security::Secure), ("non-secure", Security::NonSecure)];

/// Reads the board called `name` from its file.
pub(super) fn read(name: &str, entry: &Entry, syntax: &Syntax) -> Result<Board, Errors> {
    let parsed = parse::parse(&entry.bytes, &entry.shown, syntax)?;
    let report = Report::new(parsed.text);
    let nodes = parsed.document.nodes();
    if !header::check(nodes, "board", &report) {
        return report.finish(&entry.shown, None);
    }
    check_children(nodes, "a board", &FILE, &report);
    let board = File { nodes, report: &report }.board(name);
    report.finish(&entry.shown, board)
}

struct File<'a> {
    nodes: &'a [kdl::KdlNode],
    report: &'a Report,
}

impl<'a> File<'a> {
    fn board(&self, name: &str) -> Option<Board> {
        let core = self.need("core", &CORE, "core \"cortex-m4f\" dsp=#true");
        let runner_node = self.need("runner", &RUNNER, "runner \"host\"");
        let runner = runner_node.as_ref().and_then(runner);
        let summary = self.need("summary", &TEXT, "summary \"…\"");
        let rust_target = self.find("rust-target", &TEXT);
        let c_flags = self.find("c-flags", &TEXTS);
        let memory_node = self.find("memory", &MEMORY);
        let memory = memory_node.as_ref().map(regions::read);
        let clock = self.find("clock", &CLOCK);
        let block_node = self.find("boot-block", &TEXT);
        let caches = self.caches();
        let timers = self.timers();
        let parts = [("rust-target", rust_target), ("c-flags", c_flags), ("memory", memory_node), ("clock", clock)];
        self.check_parts(runner.as_ref(), runner_node.as_ref(), &parts);
        let others = [
            ("cache", Node::find(self.nodes, "cache", &CACHE, self.report)),
            ("timer", Node::find(self.nodes, "timer", &timer::TIMER, self.report)),
            ("boot-block", block_node),
        ];
        check_absent(runner.as_ref(), &others);
        let feature = |name| core.and_then(|core| core.property(name)).map_or(Some(false), |value| value.flag());
        let features = Features { dsp: feature("dsp")?, mve: feature("mve")? };
        let fpu = core.and_then(|core| core.property("fpu"));
        let fpu = fpu.map_or(Some(None), |value| value.choice(&FPUS, &[]).map(Some));
        let starts = core.and_then(|core| core.property("starts"));
        let starts = starts.map_or(Some(None), |value| value.choice(&STATES, &[]).map(Some));
        let c_flags_read = optional(c_flags, texts).map(Option::unwrap_or_default);
        let rust_target_read = optional(rust_target, one_text);
        if let (Some(core), Some(fpu), Some(flags), Some(target)) = (core, fpu, &c_flags_read, &rust_target_read) {
            check_fpu(&core, fpu, flags, target.as_deref());
        }
        Some(Board {
            name: name.to_owned(),
            summary: one_text(summary?)?,
            core: one_text(core?)?,
            features,
            fpu: fpu?.map(str::to_owned),
            starts: starts?,
            rust_target: rust_target_read?,
            c_flags: c_flags_read?,
            memory: memory.unwrap_or(Some(Vec::new()))?,
            clock: optional(clock, clock_of)?,
            caches: caches?,
            timers: timers?,
            boot_block: optional(block_node, boot_block)?,
            runner: runner?,
        })
    }

    fn caches(&self) -> Option<Vec<Cache>> {
        let nodes = Node::find_all(self.nodes, "cache", &CACHE, self.report);
        let caches: Vec<Option<Cache>> = nodes.into_iter().map(cache).collect();
        caches.into_iter().collect()
    }

    fn timers(&self) -> Option<Vec<Timer>> {
        let nodes = Node::find_all(self.nodes, "timer", &timer::TIMER, self.report);
        let timers: Vec<Option<Timer>> = nodes.iter().map(timer::read).collect();
        for (index, (node, one)) in nodes.iter().zip(&timers).enumerate() {
            let Some(one) = one else { continue };
            if timers[..index].iter().flatten().any(|other| other.line == one.line || other.address == one.address) {
                node.refuse("two timers are the same one", "second one", "each has its own address and its own line");
            }
        }
        timers.into_iter().collect()
    }

    fn find(&self, name: &str, grammar: &Grammar) -> Option<Node<'a>> {
        Node::find(self.nodes, name, grammar, self.report)
    }

    fn need(&self, name: &str, grammar: &Grammar, example: &str) -> Option<Node<'a>> {
        let node = self.find(name, grammar);
        if node.is_none() {
            header::missing(self.nodes, "this board", name, example, self.report);
        }
        node
    }

    /// A host has none of the `parts`; every other board has all of them.
    fn check_parts(&self, runner: Option<&Runner>, node: Option<&Node<'_>>, parts: &[(&str, Option<Node<'_>>)]) {
        let (Some(runner), Some(node)) = (runner, node) else { return };
        for (name, part) in parts {
            match (runner, part) {
                (Runner::Host, Some(part)) => {
                    let message = format!("`{name}` has no meaning on a board that runs on the host");
                    part.refuse(message, "host board", "remove it; cargo's own target and the C linker are used");
                }
                (Runner::Qemu { .. } | Runner::Probe { .. }, None)
                    if !self.nodes.iter().any(|node| is_misspelt(node.name().value(), name)) =>
                {
                    let help = format!("write `{}`", example_of(name));
                    node.refuse(format!("a board with this runner needs `{name}`"), "this runner", help);
                }
                _ => {}
            }
        }
    }
}

fn example_of(part: &str) -> &'static str {
    match part {
        "rust-target" => "rust-target \"thumbv7em-none-eabihf\"",
        "c-flags" => "c-flags \"-mcpu=cortex-m4\" \"-mthumb\"",
        "memory" => {
            "memory { flash \"FLASH\" address=0x0 size=\"4MiB\"; ram \"RAM\" address=0x20000000 size=\"4MiB\" }"
        }
        _ => "clock \"25MHz\"",
    }
}

/// Nothing where the node is absent, else what `read` makes of it: `None` outside is a mistake, inside an absence.
#[expect(clippy::option_option, reason = "absent and mistaken are different")]
fn optional<'a, T>(node: Option<Node<'a>>, read: impl Fn(Node<'a>) -> Option<T>) -> Option<Option<T>> {
    node.map_or(Some(None), |node| read(node).map(Some))
}

pub(super) fn one_text(node: Node<'_>) -> Option<String> {
    node.need_argument(0, "a text", &format!("{} \"…\"", node.name()))?.text()
}

/// All arguments as texts; at least one.
pub(super) fn texts(node: Node<'_>) -> Option<Vec<String>> {
    node.need_argument(0, "at least one text", &format!("{} \"…\"", node.name()))?;
    let texts: Vec<_> = node.arguments().iter().map(Value::text).collect();
    texts.into_iter().collect()
}

fn frequency(value: &Value<'_>) -> Option<u64> {
    let hertz = value.quantity(false, "25MHz", units::hertz)?;
    if hertz == 0 {
        value.refuse("a clock of 0 Hz does not tick", "zero", "write the core clock, such as `\"25MHz\"`");
        return None;
    }
    Some(hertz)
}

fn clock_of(node: Node<'_>) -> Option<Clock> {
    let hz = node.need_argument(0, "a frequency", "clock \"25MHz\"").and_then(|value| frequency(&value));
    let above = |key: &'static str| -> Option<Option<u64>> {
        let Some(value) = node.property(key) else { return Some(None) };
        let found = frequency(&value)?;
        if hz.is_some_and(|hz| found < hz) {
            let message = format!("`{key}` is below the clock itself");
            value.refuse(message, "lower", "the clock at reset comes first, then what is above it");
            return None;
        }
        Some(Some(found))
    };
    let (to_hz, full_hz) = (above("to"), above("full"));
    let source = node.property("source").map_or(Some(None), |value| value.text().map(Some));
    Some(Clock { hz: hz?, to_hz: to_hz?, source: source?, full_hz: full_hz? })
}

fn cache(node: Node<'_>) -> Option<Cache> {
    let name = node.need_argument(0, "what it caches", "cache \"instructions\" on=#false").and_then(|name| name.text());
    let on = node.need_property("on", "on=#false").and_then(|value| value.flag());
    Some(Cache { name: name?, on: on? })
}

fn boot_block(node: Node<'_>) -> Option<BootBlock> {
    let blocks = [BootBlock::Rp2040SecondStage, BootBlock::Rp2350ImageDefinition].map(|block| (block.name(), block));
    node.need_argument(0, "a kind", "boot-block \"rp2350-image-definition\"")?.choice(&blocks, &[])
}

/// A floating-point unit is stated where the ABI passes numbers in it, and is the one that the C flags name.
fn check_fpu(core: &Node<'_>, fpu: Option<&str>, flags: &[String], target: Option<&str>) {
    let named = flags.iter().find_map(|flag| flag.strip_prefix("-mfpu="));
    match (fpu, named) {
        (None, _) if target.is_some_and(|target| target.ends_with("hf")) => {
            let help =
                format!("write `core … fpu=\"{}\"`, or take a Rust target without `hf`", named.unwrap_or(FPUS[0].0));
            core.refuse("`rust-target` passes numbers in a floating-point unit, and `core` has none", "no `fpu`", help);
        }
        (Some(fpu), Some(named)) if fpu != named => {
            let help = format!("write `-mfpu={fpu}` in `c-flags`, or `fpu=\"{named}\"` here");
            core.refuse(format!("`core` has the unit `{fpu}`, and `c-flags` name `{named}`"), "another one", help);
        }
        _ => {}
    }
}

/// A host has no hardware to describe.
fn check_absent(runner: Option<&Runner>, parts: &[(&str, Option<Node<'_>>)]) {
    for (name, part) in parts {
        if let (Some(Runner::Host), Some(part)) = (runner, part) {
            part.refuse(format!("`{name}` has no meaning on a board that runs on the host"), "host board", "remove it");
        }
    }
}

/// The runners, each with the properties that it takes.
const RUNNERS: [(&str, &[&str]); 3] =
    [("host", &[]), ("qemu", &["machine", "instructions-per-tick"]), ("probe", &["chip"])];

fn runner(node: &Node<'_>) -> Option<Runner> {
    let kinds = RUNNERS.map(|(name, takes)| (name, (name, takes)));
    let (kind, takes) = node
        .need_argument(0, "a kind", "runner \"qemu\" machine=\"…\" instructions-per-tick=…")?
        .choice(&kinds, &[])?;
    for key in RUNNERS.iter().flat_map(|(_, keys)| *keys).filter(|key| !takes.contains(key)) {
        if let Some(value) = node.property(key) {
            value.refuse(format!("the runner `{kind}` has no `{key}`"), "of another runner", "remove it");
        }
    }
    match kind {
        "host" => Some(Runner::Host),
        "probe" => {
            let chip = node.need_property("chip", "chip=\"STM32F446RETx\"").and_then(|value| chip(&value));
            Some(Runner::Probe { chip: chip? })
        }
        _ => {
            let machine = node.need_property("machine", "machine=\"mps2-an386\"").and_then(|value| value.text());
            let ticks = node.need_property("instructions-per-tick", "instructions-per-tick=40");
            let ticks = ticks.and_then(|value| value.thousandths(1..=1_000_000));
            Some(Runner::Qemu { machine: machine?, instructions_per_tick: PerTick(ticks?) })
        }
    }
}

/// A chip's name, which people paste into a shell.
fn chip(value: &Value<'_>) -> Option<String> {
    let name = value.text()?;
    if name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')) {
        return Some(name);
    }
    let help = "write it as `probe-rs chip list` does, such as `STM32F446RETx`";
    value.refuse(format!("`{name}` is no name of a chip"), "here", help);
    None
}
