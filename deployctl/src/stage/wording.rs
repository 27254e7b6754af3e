//! What people call the fields of keys. Fields that say the same of many things share a name.

/// The kinds of fields with these names, each once, in the order in which they come first.
pub fn kinds<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for name in names {
        let kind = kind(name).map_or_else(|| name.to_owned(), str::to_owned);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// What a field belongs to, where the field by itself would tell nobody anything.
pub fn kind(name: &str) -> Option<&'static str> {
    let kinds = [
        ("lines.", "lines of the manifest"),
        ("limits.governance", "approvals"),
        ("limits.waivers", "waivers"),
        ("present.governed", "governed values"),
        ("present.interface", "interface"),
    ];
    kinds.into_iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_together_is_named_once() {
        let names = ["limits.budget", "lines.\"arena.budget\"", "lines.gates", "limits.governance.values[10].value"];
        assert_eq!(kinds(names), ["limits.budget", "lines of the manifest", "approvals"]);
    }
}
