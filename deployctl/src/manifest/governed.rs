//! The governed values of a manifest: those whose change needs an agreement; and where in the text each stands.
//!
//! Knows which values are governed and how they are written down; does not know who agreed to what.

use std::collections::BTreeMap;

use super::gates::{Gates, Limit};
use super::target;
use super::types::{Arena, Bytes, Manifest, Override, Policy, Spanned};
use super::units::write_percent;

/// A governed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Governed {
    /// Path, as the manifest nests it: `arena.budget`, `gates.flash.max`.
    pub param: String,
    /// The value in base units, as text; equal texts are equal values.
    pub value: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it stands, in bytes of the manifest's text.
    pub start: usize,
}

/// All governed values, in the order of the manifest's grammar.
pub fn governed(manifest: &Manifest) -> Vec<Governed> {
    let mut list = List { found: Vec::new(), prefix: String::new() };
    list.arena(&manifest.arena);
    list.kernels(manifest);
    list.parity(manifest);
    list.services(manifest);
    list.gates(&manifest.gates);
    for target in &manifest.targets {
        list.prefix = target::prefix(&target.board.name);
        target.own.arena.iter().for_each(|arena| list.arena(arena));
        target.own.gates.iter().for_each(|gates| list.gates(gates));
    }
    list.found
}

/// Line, from 1, of each manifest path that a gate may name.
pub fn lines(manifest: &Manifest) -> BTreeMap<String, usize> {
    let line = |start: usize| manifest.text[..start.min(manifest.text.len())].matches('\n').count() + 1;
    let mut lines = BTreeMap::from([
        ("deployment.version".to_owned(), line(manifest.name.span.start)),
        ("kernels.policy".to_owned(), line(manifest.kernels.library.span.start)),
        ("model".to_owned(), line(manifest.model.written.span.start)),
        ("regression.vectors".to_owned(), line(manifest.regression.vectors.span.start)),
    ]);
    let convert = manifest.convert.as_ref();
    lines.extend(convert.map(|convert| ("convert".to_owned(), line(convert.written.span.start))));
    for one in governed(manifest) {
        // A gate names the node: `gates.flash` is where `gates.flash.max` is.
        let node = one.param.rsplit_once('.').map_or(one.param.as_str(), |(node, _)| node).to_owned();
        lines.insert(one.param, line(one.start));
        lines.entry(node).or_insert(line(one.start));
    }
    lines
}

struct List {
    found: Vec<Governed>,
    /// What stands before a path: the target whose own limits these are.
    prefix: String,
}

impl List {
    fn add(&mut self, param: impl Into<String>, value: impl Into<String>, owner: &str, start: usize) {
        let param = format!("{}{}", self.prefix, param.into());
        self.found.push(Governed { param, value: value.into(), owner: owner.to_owned(), start });
    }

    fn arena(&mut self, arena: &Arena) {
        let start = arena.budget.span.start;
        self.add("arena.budget", bytes(arena.budget.value), &arena.owner, start);
        self.add("arena.headroom", write_percent(arena.headroom), &arena.owner, start);
    }

    fn kernels(&mut self, manifest: &Manifest) {
        let (kernels, start) = (&manifest.kernels, manifest.kernels.library.span.start);
        self.add("kernels.library", kernels.library.value.clone(), &kernels.owner, start);
        let policy = match kernels.policy {
            Policy::Require => "require",
            Policy::Prefer => "prefer",
            Policy::Forbid => "forbid",
        };
        self.add("kernels.policy", policy, &kernels.owner, start);
        if kernels.policy == Policy::Require {
            let share = write_percent(kernels.max_mac_share);
            self.add("kernels.fallback.max-mac-share", share, &kernels.owner, start);
        }
        for Spanned { value: Override { operator, kernel, scratch, .. }, span } in &kernels.overrides {
            let scratch = if scratch.0 == 0 { String::new() } else { format!(", scratch {}", bytes(*scratch)) };
            self.add(format!("kernels.use.{operator}"), format!("{kernel}{scratch}"), &kernels.owner, span.start);
        }
    }

    fn parity(&mut self, manifest: &Manifest) {
        let Some(parity) = manifest.preprocess.as_ref().and_then(|steps| steps.parity.as_ref()) else { return };
        let most = &parity.max_lsb;
        self.add("preprocess.parity.max-lsb", most.value.to_string(), &manifest.owner, most.span.start);
    }

    fn services(&mut self, manifest: &Manifest) {
        let Some(services) = &manifest.services else { return };
        let (owner, start) = (services.owner.as_str(), services.span.start);
        let sizes = [("ram", services.ram), ("flash", services.flash), ("stack", services.stack)];
        for (name, size) in sizes.into_iter().filter(|(_, size)| size.0 > 0) {
            self.add(format!("services.{name}"), bytes(size), owner, start);
        }
        self.add("services.cpu", write_percent(services.cpu), owner, start);
    }

    fn gates(&mut self, gates: &Gates) {
        let owner = gates.owner.as_str();
        self.limit("flash", gates.flash.as_ref(), owner, |max| bytes(*max));
        self.limit("ram", gates.ram.as_ref(), owner, |max| bytes(*max));
        self.limit("stack", gates.stack.as_ref(), owner, |max| bytes(*max));
        self.limit("latency", gates.latency.as_ref(), owner, ToString::to_string);
        self.limit("hop", gates.hop.as_ref(), owner, ToString::to_string);
        self.limit("startup", gates.startup.as_ref(), owner, ToString::to_string);
        if let Some(Spanned { value, span }) = &gates.accuracy {
            let output = value.output.as_ref().map_or_else(String::new, |output| format!(" of {output}"));
            self.add("gates.accuracy.metric", value.metric() + &output, owner, span.start);
            self.add("gates.accuracy.min", write_percent(value.min), owner, span.start);
            self.add("gates.accuracy.margin", write_percent(value.margin), owner, span.start);
        }
        for Spanned { value, span } in &gates.waivers {
            let text = format!("until {}: {}", value.until, value.reason);
            self.add(format!("gates.waive.{}", value.gate), text, &value.owner, span.start);
        }
    }

    fn limit<T>(&mut self, gate: &str, limit: Option<&Spanned<Limit<T>>>, owner: &str, write: impl Fn(&T) -> String) {
        let Some(Spanned { value, span }) = limit else { return };
        self.add(format!("gates.{gate}.max"), write(&value.max), owner, span.start);
        self.add(format!("gates.{gate}.margin"), write_percent(value.margin), owner, span.start);
        if let Some(growth) = value.growth {
            self.add(format!("gates.{gate}.growth"), write_percent(growth), owner, span.start);
        }
        if let Some(percentile) = value.percentile {
            self.add(format!("gates.{gate}.percentile"), percentile.number().to_string(), owner, span.start);
        }
    }
}

fn bytes(bytes: Bytes) -> String {
    format!("{} bytes", bytes.0)
}
