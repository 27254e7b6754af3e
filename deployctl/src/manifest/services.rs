//! The `services` node: what the rest of a product's firmware takes, so that the model is planned and measured beside it.
//!
//! Knows how much is taken; does not know of what.

use super::decode::{Grammar, Node, Times};
use super::hardware::{Region, RegionKind};
use super::types::{Bytes, Ratio, Services, Target};
use super::units::{self, write_bytes};
use super::value::Value;

pub(super) const SERVICES: Grammar = Grammar {
    properties: &["owner"],
    children: &[("ram", Times::Once), ("flash", Times::Once), ("stack", Times::Once), ("cpu", Times::Once)],
    ..Grammar::NOTHING
};
const ONE: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const EXAMPLE: &str = "services { ram \"8KiB\"; flash \"32KiB\"; stack \"512 B\"; cpu \"20%\" }";
/// The most of a processor that may be taken: what is left must be enough for an inference to end.
const MOST_CPU: f64 = 0.9;

/// Reads it. Without an owner of its own, `deployment_owner` answers for it.
pub(super) fn services(node: &Node<'_>, deployment_owner: Option<&str>, targets: &[Target]) -> Option<Services> {
    let owner = match node.property("owner") {
        Some(value) => value.text(),
        None => deployment_owner.map(str::to_owned),
    };
    let ram = taken(node, "ram", "8KiB", targets, Some(RegionKind::Ram));
    let flash = taken(node, "flash", "32KiB", targets, Some(RegionKind::Flash));
    let stack = taken(node, "stack", "512 B", targets, Some(RegionKind::Ram));
    let cpu = match node.child("cpu", &ONE) {
        Some(node) => node.need_argument(0, "a percentage", "cpu \"20%\"").and_then(|value| cpu(&value)),
        None => Some(Ratio(0.0)),
    };
    let services = Services { ram: ram?, flash: flash?, stack: stack?, cpu: cpu?, owner: owner?, span: node.span() };
    if services.is_nothing() {
        node.refuse(
            "`services` takes nothing",
            "empty",
            format!("write what it takes, such as `{EXAMPLE}`, or remove it"),
        );
        return None;
    }
    if services.stack.0 > 0 && services.cpu.0 <= 0.0 {
        let help = "write `cpu \"1%\"` or more: stack is used while an interrupt runs";
        node.refuse("`stack` without `cpu` is never used", "no `cpu`", help);
        return None;
    }
    Some(services)
}

/// Bytes of a kind of memory, which every target must have more of.
fn taken(
    node: &Node<'_>,
    name: &'static str,
    example: &str,
    targets: &[Target],
    kind: Option<RegionKind>,
) -> Option<Bytes> {
    let Some(child) = node.child(name, &ONE) else { return Some(Bytes(0)) };
    let value = child.need_argument(0, "a size", &format!("{name} \"{example}\""))?;
    let bytes = value.quantity(true, example, units::bytes)?;
    let has = |target: &Target| -> Option<(String, Region)> {
        let region = target.board.used(kind?)?;
        Some((target.name.value.clone(), region.clone()))
    };
    if let Some((board, region)) = targets.iter().filter_map(has).find(|(_, region)| region.size.0 <= bytes.0) {
        let message = format!("the services take all of `{board}`'s {}", region.name);
        let help = format!("it has {}: leave some of it to the model", write_bytes(region.size));
        value.refuse(message, "too much", help);
        return None;
    }
    Some(bytes)
}

fn cpu(value: &Value<'_>) -> Option<Ratio> {
    let share = value.quantity(false, "20%", units::percent)?;
    if share.0 > MOST_CPU {
        value.refuse("nothing is left for the model", "too much", "write a share of at most `\"90%\"`");
        return None;
    }
    Some(share)
}
