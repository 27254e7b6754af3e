//! The governed nodes `arena` and `kernels`: values that have an owner. The third, `gates`, has a module of its own.
//!
//! Knows limits as people write them; does not compare them with anything.

use camino::Utf8Path;

use super::catalog::Catalog;
use super::decode::{Grammar, Node, Report, Times};
use super::error::suggest;
use super::own;
use super::types::{Arena, Bytes, Kernels, Library, Override, OwnCrate, Policy, Ratio, Spanned};
use super::units;
use super::value::Value;

pub(super) const ARENA: Grammar = Grammar { properties: &["budget", "headroom", "owner"], ..Grammar::NOTHING };
pub(super) const KERNELS: Grammar = Grammar {
    arguments: 1,
    properties: &["policy", "owner"],
    children: &[("fallback", Times::Once), ("use", Times::Often)],
    later: &[],
};
const FALLBACK: Grammar = Grammar { arguments: 1, properties: &["max-mac-share"], ..Grammar::NOTHING };
const USE: Grammar = Grammar { arguments: 1, properties: &["kernel", "scratch", "reason"], ..Grammar::NOTHING };
const OWNER_EXAMPLE: &str = "owner=\"ml-platform@example.com\"";
pub(super) const KERNELS_EXAMPLE: &str = "kernels \"cmsis-nn\" policy=\"require\" owner=\"ml-platform@example.com\"";
/// What firmware falls back to; not a library that is fetched.
const REFERENCE: &str = "reference";

/// Reads the `arena` node.
pub(super) fn arena(node: &Node<'_>) -> Option<Arena> {
    let budget = budget(node);
    let headroom = share(node, "headroom");
    let owner = owner(node);
    Some(Arena { budget: budget?, headroom: headroom?, owner: owner? })
}

/// Reads the `arena` node of a `target`: what it does not say is as in the deployment's.
pub(super) fn arena_of_target(node: &Node<'_>, whole: &Arena) -> Option<Arena> {
    let budget = budget(node);
    let headroom = if node.property("headroom").is_some() { share(node, "headroom") } else { Some(whole.headroom) };
    let owner = node.property("owner").map_or_else(|| Some(whole.owner.clone()), |value| value.text());
    Some(Arena { budget: budget?, headroom: headroom?, owner: owner? })
}

fn budget(node: &Node<'_>) -> Option<Spanned<Bytes>> {
    let value = node.need_property("budget", "budget=\"24KiB\"")?;
    let bytes = value.quantity(true, "24KiB", units::bytes)?;
    if bytes.0 == 0 || bytes.0 > u64::from(u32::MAX) {
        value.refuse("an arena of this size is not possible", "out of range", "write a size between 1 B and 4 GiB");
        return None;
    }
    Some(Spanned { value: bytes, span: value.span() })
}

/// An owner that must be stated.
pub(super) fn owner(node: &Node<'_>) -> Option<String> {
    node.need_property("owner", OWNER_EXAMPLE)?.text()
}

/// A percentage; zero where it is not stated.
pub(super) fn share(node: &Node<'_>, key: &'static str) -> Option<Ratio> {
    match node.property(key) {
        Some(value) => value.quantity(false, "10%", units::percent),
        None => Some(Ratio(0.0)),
    }
}

/// Reads the `kernels` node.
pub(super) fn kernels(node: &Node<'_>, manifest: &Utf8Path, catalog: &Catalog, report: &Report) -> Option<Kernels> {
    let library = node.need_argument(0, "a kernel library's name", KERNELS_EXAMPLE);
    let library = library.and_then(|value| library_of(&value, catalog, report));
    let policy = node.need_property("policy", "policy=\"require\"").and_then(|value| {
        value.choice(&[("require", Policy::Require), ("prefer", Policy::Prefer), ("forbid", Policy::Forbid)], &[])
    });
    let fallback = node.child("fallback", &FALLBACK);
    if let (Some(fallback), Some(Policy::Prefer | Policy::Forbid)) = (&fallback, policy) {
        let help = "remove it, or write `policy=\"require\"`, the only policy that limits falling back";
        fallback.refuse("`fallback` has no meaning under this policy", "no meaning", help);
    }
    let max_mac_share = fallback.map_or(Some(Ratio(0.0)), |fallback| fallback_share(&fallback));
    let name = library.as_ref().map(|(name, _)| name.value.as_str());
    let overrides: Vec<_> = node.children("use", &USE).iter().map(|node| override_of(node, name, manifest)).collect();
    refuse_doubles(node, &overrides);
    let overrides = overrides.into_iter().collect::<Option<Vec<_>>>();
    let owner = owner(node);
    let defects = match catalog.defects() {
        Ok(defects) => Some(defects),
        Err(errors) => {
            errors.into_problems().into_iter().for_each(|problem| report.add(problem));
            None
        }
    };
    let (library, source) = library?;
    Some(Kernels {
        library,
        defects: defects?,
        source,
        policy: policy?,
        max_mac_share: max_mac_share?,
        overrides: overrides?,
        owner: owner?,
    })
}

fn library_of(value: &Value<'_>, catalog: &Catalog, report: &Report) -> Option<(Spanned<String>, Library)> {
    let name = value.text()?;
    match Library::load(&name, catalog) {
        Some(Ok(library)) => Some((Spanned { value: name, span: value.span() }, library)),
        Some(Err(errors)) => {
            errors.into_problems().into_iter().for_each(|problem| report.add(problem));
            None
        }
        None if name == REFERENCE => {
            let help = "write `kernels \"cmsis-nn\" policy=\"forbid\"` to run on reference kernels alone";
            value.refuse("the reference kernels are not a library but what is fallen back to", "not a library", help);
            None
        }
        None => {
            let message = format!("there is no kernel library `{name}`");
            value.refuse(message, "not known", suggest(&name, catalog.libraries()));
            None
        }
    }
}

fn fallback_share(node: &Node<'_>) -> Option<Ratio> {
    let example = "fallback \"reference\" max-mac-share=\"5%\"";
    let kernel = node.need_argument(0, "a name", example).and_then(|value| value.choice(&[(REFERENCE, ())], &[]));
    let share = node.need_property("max-mac-share", example);
    let share = share.and_then(|value| value.quantity(false, "5%", units::percent));
    kernel.and(share)
}

fn override_of(node: &Node<'_>, library: Option<&str>, manifest: &Utf8Path) -> Option<Spanned<Override>> {
    let example = "use \"op:7\" kernel=\"reference\" reason=\"…\"";
    let operator = node.need_argument(0, "an operator", example).and_then(|value| operator(&value));
    let kernel = node.need_property("kernel", example).and_then(|value| {
        let kernel = value.text()?;
        if own::is_folder(&kernel) {
            return Some((kernel, Some(own::read(&value, manifest)?)));
        }
        let known = [Some(REFERENCE), library];
        if library.is_some() && !known.contains(&Some(&kernel)) {
            let known = suggest(&kernel, known.into_iter().flatten());
            let help = format!("{known}; a kernel of your own is a folder, such as `./{kernel}`");
            value.refuse(format!("{} cannot be `{kernel}`", value.what()), "not known", help);
            return None;
        }
        Some((kernel, None))
    });
    let scratch = node.property("scratch").map_or(Some(Bytes(0)), |value| scratch(&value, kernel.as_ref()));
    let reason = node.need_property("reason", example).and_then(|value| value.text());
    let (operator, (kernel, own)) = (operator?, kernel?);
    Some(Spanned { value: Override { operator, kernel, reason: reason?, own, scratch: scratch? }, span: node.span() })
}

/// Scratch memory of a kernel of one's own.
fn scratch(value: &Value<'_>, kernel: Option<&(String, Option<OwnCrate>)>) -> Option<Bytes> {
    if let Some((_, None)) = kernel {
        value.refuse("`scratch` is for kernels of one's own", "no meaning", "remove it: other kernels' is known");
        return None;
    }
    let bytes = value.quantity(true, "2KiB", units::bytes)?;
    if bytes.0 > u64::from(u32::MAX) {
        value.refuse("no arena has so much scratch memory", "out of range", "write a size such as `2KiB`");
        return None;
    }
    Some(bytes)
}

fn operator(value: &Value<'_>) -> Option<String> {
    let text = value.name().filter(|text| !text.is_empty()).or_else(|| value.text())?;
    match text.strip_prefix("op:") {
        Some(position) if !is_position(position) => {
            let help = "write an operator's index, such as `op:7`, its name, such as `SOFTMAX`, or its output tensor";
            value.refuse(format!("`{text}` is not an operator's index"), "here", help);
            None
        }
        _ => Some(text),
    }
}

/// `7`, or `7.body.0` for an operator in a loop or branch.
fn is_position(text: &str) -> bool {
    let is_index = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit()) && word.parse::<u32>().is_ok();
    let is_block = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> = text.split('.').collect();
    let sound = |(at, word): (usize, &&str)| if at % 2 == 0 { is_index(word) } else { is_block(word) };
    words.len() % 2 == 1 && words.iter().enumerate().all(sound)
}

fn refuse_doubles(node: &Node<'_>, overrides: &[Option<Spanned<Override>>]) {
    let nodes = node.children_of("use");
    for (index, one) in overrides.iter().enumerate() {
        let Some(one) = one else { continue };
        let same = |other: &Option<Spanned<Override>>| {
            other.as_ref().is_some_and(|other| other.value.operator == one.value.operator)
        };
        if let (true, Some(node)) = (overrides[..index].iter().any(same), nodes.get(index)) {
            node.refuse(format!("`{}` gets a kernel twice", one.value.operator), "second one", "keep one of them");
        }
        let Some(own) = &one.value.own else { continue };
        let twin = |other: &Option<Spanned<Override>>| {
            let other = other.as_ref().and_then(|other| other.value.own.as_ref());
            other.is_some_and(|other| other.name == own.name && other.folder != own.folder)
        };
        if let (true, Some(node)) = (overrides[..index].iter().any(twin), nodes.get(index)) {
            let help = "give the package in one of the two folders another name";
            node.refuse(format!("two crates are called `{}`", own.name), "second one", help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_position;

    #[test]
    fn positions_name_blocks() {
        assert!(["0", "7", "7.body.0", "3.body.1.then.12"].into_iter().all(is_position));
        assert!(!["", "seven", "+7", "7.", "7.body", "7.body.", "7.0", "7..0", "body.7"].into_iter().any(is_position));
    }
}
