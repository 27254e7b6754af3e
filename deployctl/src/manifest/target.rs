//! The `target` nodes: boards, and the limits that hold on one of them in place of the deployment's.
//!
//! Knows which limits a target may have of its own and what they replace; what a limit is, [`super::limits`] and
//! [`super::gates`] know.

use std::collections::BTreeMap;

use super::catalog::Catalog;
use super::decode::{Grammar, Node, Report, Times};
use super::error::suggest;
use super::gates::{self, Gates};
use super::hardware::Board;
use super::limits;
use super::types::{Arena, Manifest, Model, OwnLimits, Spanned, Target};
use super::value::Value;
use super::waiver::Waiver;

pub(super) const TARGET: Grammar =
    Grammar { arguments: 1, children: &[("arena", Times::Once), ("gates", Times::Once)], ..Grammar::NOTHING };
pub(super) const EXAMPLE: &str = "target \"mps2-an386\"";

/// Reads the boards that `nodes` name; each may stand once.
pub(super) fn targets(nodes: &[Node<'_>], catalog: &Catalog, report: &Report) -> Option<Vec<Target>> {
    let mut seen: Vec<String> = Vec::new();
    let mut targets = Some(Vec::new());
    for node in nodes {
        let value = node.need_argument(0, "a board's name", EXAMPLE);
        let target = value.and_then(|value| {
            let target = target(&value, catalog, report)?;
            if seen.contains(&target.name.value) {
                value.refuse(format!("`{}` is a target twice", target.name.value), "second one", "keep one of them");
            }
            seen.push(target.name.value.clone());
            Some(target)
        });
        targets = targets.zip(target).map(|(mut targets, target)| {
            targets.push(target);
            targets
        });
    }
    targets
}

fn target(value: &Value<'_>, catalog: &Catalog, report: &Report) -> Option<Target> {
    let name = value.text()?;
    match Board::load(&name, catalog) {
        Some(Ok(board)) => {
            let name = Spanned { value: name, span: value.span() };
            Some(Target { name, board, own: OwnLimits::default() })
        }
        Some(Err(errors)) => {
            errors.into_problems().into_iter().for_each(|problem| report.add(problem));
            None
        }
        None => {
            let known = suggest(&name, catalog.boards());
            let help = format!("{known}; a file `manifests/boards/NAME.kdl` adds one");
            value.refuse(format!("there is no board `{name}`"), "not known", help);
            None
        }
    }
}

/// Reads the limits that a `target` node has of its own; what it leaves out is as in the deployment's `arena` and `gates`.
pub(super) fn own_limits(
    node: &Node<'_>,
    arena: Option<&Arena>,
    gates: Option<&Gates>,
    model: Option<&Model>,
) -> Option<OwnLimits> {
    let own_arena = match node.child("arena", &limits::ARENA) {
        Some(child) => arena.and_then(|arena| limits::arena_of_target(&child, arena)).map(Some),
        None => Some(None),
    };
    let own_gates = match node.child("gates", &gates::GATES) {
        Some(child) => gates::gates(&child, gates.map(|gates| gates.owner.as_str())).map(Some),
        None => Some(None),
    };
    if let (Some(Some(gates)), Some(model)) = (&own_gates, model) {
        gates::check_output(gates, model, node.report);
    }
    Some(OwnLimits { arena: own_arena?, gates: own_gates? })
}

/// Path under which a limit of a target's own is known.
pub(super) fn prefix(board: &str) -> String {
    format!("target.{board}.")
}

fn named_waivers<'a>(prefix: &str, gates: &'a Gates) -> Vec<(String, &'a Waiver)> {
    let named = |waiver: &'a Spanned<Waiver>| (format!("{prefix}gates.waive.{}", waiver.value.gate), &waiver.value);
    gates.waivers.iter().map(named).collect()
}

impl Manifest {
    fn own(&self, board: &str) -> Option<&OwnLimits> {
        self.targets.iter().find(|target| target.board.name == board).map(|target| &target.own)
    }

    /// The `arena` that holds on a board.
    pub fn arena_on(&self, board: &str) -> &Arena {
        self.own(board).and_then(|own| own.arena.as_ref()).unwrap_or(&self.arena)
    }

    /// The limits that hold on a board. Its waivers are in [`Self::waivers_on`].
    pub fn gates_on(&self, board: &str) -> Gates {
        let whole = self.gates.clone();
        let Some(own) = self.own(board).and_then(|own| own.gates.clone()) else { return whole };
        Gates {
            flash: own.flash.or(whole.flash),
            ram: own.ram.or(whole.ram),
            stack: own.stack.or(whole.stack),
            latency: own.latency.or(whole.latency),
            hop: own.hop.or(whole.hop),
            startup: own.startup.or(whole.startup),
            accuracy: own.accuracy.or(whole.accuracy),
            waivers: Vec::new(),
            owner: own.owner,
        }
    }

    /// The waivers that hold on a board, each with its path: the board's own, then those of the deployment for other gates.
    pub fn waivers_on(&self, board: &str) -> Vec<(String, &Waiver)> {
        let own = self.own(board).and_then(|own| own.gates.as_ref());
        let mut waivers = own.map(|gates| named_waivers(&prefix(board), gates)).unwrap_or_default();
        let others = named_waivers("", &self.gates);
        let is_own = |gate: &str| own.is_some_and(|own| own.waivers.iter().any(|one| one.value.gate == gate));
        waivers.extend(others.into_iter().filter(|(_, waiver)| !is_own(&waiver.gate)));
        waivers
    }

    /// Where the limits of a board stand that are its own: the deployment's path, and the board's.
    pub fn own_paths(&self, board: &str) -> BTreeMap<String, String> {
        let Some(own) = self.own(board) else { return BTreeMap::new() };
        let mut paths = Vec::new();
        paths.extend(own.arena.is_some().then(|| "arena.budget".to_owned()));
        if let Some(gates) = &own.gates {
            let limits = [
                ("flash", gates.flash.is_some()),
                ("ram", gates.ram.is_some()),
                ("stack", gates.stack.is_some()),
                ("latency", gates.latency.is_some()),
                ("hop", gates.hop.is_some()),
                ("startup", gates.startup.is_some()),
                ("accuracy", gates.accuracy.is_some()),
            ];
            paths.extend(limits.into_iter().filter(|(_, is_own)| *is_own).map(|(name, _)| format!("gates.{name}")));
            paths.extend(gates.waivers.iter().map(|waiver| format!("gates.waive.{}", waiver.value.gate)));
        }
        paths.into_iter().map(|path| (path.clone(), prefix(board) + &path)).collect()
    }
}
