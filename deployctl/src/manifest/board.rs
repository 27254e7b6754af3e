//! A board file to a checked [`Board`].
//!
//! Knows memory regions and runners; does not know whether the tools that they need are installed.

use std::ops::RangeInclusive;

use super::catalog::Entry;
use super::decode::{Grammar, Node, Report, Times, check_children};
use super::error::{Errors, is_misspelt};
use super::header;
use super::parse;
use super::syntax::Syntax;
use super::types::{Board, Bytes, PerTick, Region, RegionKind, Runner};
use super::units;
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
        ("runner", Times::Once),
    ],
    later: &[],
};
const TEXT: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const TEXTS: Grammar = Grammar { arguments: 64, ..Grammar::NOTHING };
const CORE: Grammar = Grammar { arguments: 1, properties: &["dsp", "mve"], ..Grammar::NOTHING };
const MEMORY: Grammar = Grammar { children: &[("flash", Times::Often), ("ram", Times::Often)], ..Grammar::NOTHING };
const REGION: Grammar = Grammar { arguments: 1, properties: &["address", "size"], ..Grammar::NOTHING };
const RUNNER: Grammar = Grammar { arguments: 1, properties: &["machine", "instructions-per-tick"], ..Grammar::NOTHING };
const FLASH_EXAMPLE: &str = "flash \"FLASH\" address=0x0 size=\"256KiB\"";
const RAM_EXAMPLE: &str = "ram \"RAM\" address=0x20000000 size=\"64KiB\"";
const ADDRESSES: RangeInclusive<i128> = 0..=0xFFFF_FFFF;

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
        let memory = memory_node.as_ref().map(regions);
        let clock = self.find("clock", &TEXT);
        let parts = [("rust-target", rust_target), ("c-flags", c_flags), ("memory", memory_node), ("clock", clock)];
        self.check_parts(runner.as_ref(), runner_node.as_ref(), &parts);
        let feature = |name| core.and_then(|core| core.property(name)).map_or(Some(false), |value| value.flag());
        let features = Features { dsp: feature("dsp")?, mve: feature("mve")? };
        Some(Board {
            name: name.to_owned(),
            summary: one_text(summary?)?,
            core: one_text(core?)?,
            features,
            rust_target: optional(rust_target, one_text)?,
            c_flags: optional(c_flags, texts)?.unwrap_or_default(),
            memory: memory.unwrap_or(Some(Vec::new()))?,
            clock_hz: optional(clock, hertz)?,
            runner: runner?,
        })
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
                (Runner::Qemu { .. }, None)
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
    let texts: Vec<_> = node.arguments().iter().map(super::value::Value::text).collect();
    texts.into_iter().collect()
}

fn hertz(node: Node<'_>) -> Option<u64> {
    let value = node.need_argument(0, "a frequency", "clock \"25MHz\"")?;
    let hertz = value.quantity(false, "25MHz", units::hertz)?;
    if hertz == 0 {
        value.refuse("a clock of 0 Hz does not tick", "zero", "write the core clock, such as `\"25MHz\"`");
        return None;
    }
    Some(hertz)
}

fn runner(node: &Node<'_>) -> Option<Runner> {
    let kind = node
        .need_argument(0, "a kind", "runner \"qemu\" machine=\"…\" instructions-per-tick=…")?
        .choice(&[("host", "host"), ("qemu", "qemu")], &["probe-rs"])?;
    if kind == "host" {
        for key in ["machine", "instructions-per-tick"] {
            if let Some(value) = node.property(key) {
                value.refuse(format!("`{key}` has no meaning on the host"), "host board", "remove it");
            }
        }
        return Some(Runner::Host);
    }
    let machine = node.need_property("machine", "machine=\"mps2-an386\"").and_then(|value| value.text());
    let ticks = node.need_property("instructions-per-tick", "instructions-per-tick=40");
    let ticks = ticks.and_then(|value| value.thousandths(1..=1_000_000));
    Some(Runner::Qemu { machine: machine?, instructions_per_tick: PerTick(ticks?) })
}

fn regions(memory: &Node<'_>) -> Option<Vec<Region>> {
    let mut found: Vec<(Node<'_>, Option<Region>)> = Vec::new();
    let kinds = [("flash", RegionKind::Flash, FLASH_EXAMPLE), ("ram", RegionKind::Ram, RAM_EXAMPLE)];
    for (name, kind, example) in kinds {
        let nodes = memory.children(name, &REGION);
        if nodes.is_empty() {
            memory.missing(name, example);
        }
        found.extend(nodes.into_iter().map(|node| (node, region(&node, kind))));
    }
    found.sort_by_key(|(node, _)| node.span().start);
    let checked: Vec<(Node<'_>, Region)> =
        found.iter().filter_map(|(node, region)| Some((*node, region.clone()?))).collect();
    for (index, (node, region)) in checked.iter().enumerate() {
        for (_, other) in &checked[..index] {
            check_apart(node, region, other);
        }
    }
    found.into_iter().map(|(_, region)| region).collect()
}

fn check_apart(node: &Node<'_>, region: &Region, other: &Region) {
    if region.name == other.name {
        let message = format!("two memory regions are called `{}`", region.name);
        node.refuse(message, "second one", "give each its own name");
    }
    let (end, other_end) = (region.address + region.size.0, other.address + other.size.0);
    if region.address < other_end && other.address < end {
        let message = format!("`{}` and `{}` overlap", region.name, other.name);
        let help = format!("`{}` lies at {:#x}..{:#x}", other.name, other.address, other_end);
        node.refuse(message, "overlaps", help);
    }
}

fn region(node: &Node<'_>, kind: RegionKind) -> Option<Region> {
    let name = node.need_argument(0, "a name for the linker", RAM_EXAMPLE).and_then(|value| {
        let name = value.text()?;
        let plain = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if !plain || name.starts_with(|first: char| first.is_ascii_digit()) {
            let help = "use capital letters, digits and `_`, such as `RAM` or `SRAM1`";
            value.refuse(format!("`{name}` is no name for a memory region"), "here", help);
            return None;
        }
        Some(name)
    });
    let address = node.need_property("address", "address=0x20000000").and_then(|value| value.integer(ADDRESSES));
    let size = node.need_property("size", "size=\"64KiB\"");
    let bytes = size.and_then(|value| value.quantity(true, "64KiB", units::bytes));
    let (address, size, bytes) = (u64::try_from(address?).ok()?, size?, bytes?);
    if bytes.0 == 0 || bytes.0 > (1 << 32) - address {
        let help = "a region has at least one byte and ends at or below 4 GiB";
        size.refuse("a region of this size cannot lie there", "out of range", help);
        return None;
    }
    Some(Region { name: name?, kind, address, size: Bytes(bytes.0) })
}
