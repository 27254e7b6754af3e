//! Firmware that does not fit, from the linker's words to numbers: a result, since no tool is at fault.

use std::collections::BTreeMap;

use crate::manifest::{Region, grouped};

/// Which memory lacks how many bytes; nothing where linking failed for another reason.
pub(super) fn overflow(message: &str, regions: &[Region]) -> Option<String> {
    const WORDS: &str = " will not fit in region '";
    let mut lacking: BTreeMap<&str, u64> = BTreeMap::new();
    for (at, words) in message.match_indices(WORDS) {
        let (region, rest) = message[at + words.len()..].split_once("': overflowed by ")?;
        let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
        // Each section is counted from where the one before it ends: the last one has the sum.
        let most = lacking.entry(region).or_default();
        *most = digits.parse().map_or(*most, |bytes: u64| bytes.max(*most));
    }
    let sentence = |(name, bytes): (&&str, &u64)| {
        let size = regions.iter().find(|region| region.name == **name);
        let size = size.map(|region| format!(" has {} bytes and", grouped(region.size.0))).unwrap_or_default();
        format!("`{name}`{size} lacks {}", grouped(*bytes))
    };
    let lacking: Vec<String> = lacking.iter().map(sentence).collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "the firmware does not fit: {}; take a smaller model or a larger board, `deployctl boards` lists them",
            lacking.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Bytes, RegionKind};

    #[test]
    fn the_linkers_words_become_numbers() {
        let message = "rust-lld: error: section '.rodata' will not fit in region 'FLASH': overflowed by 36 bytes\n\
                       rust-lld: error: section '.bss' will not fit in region 'SRAM': overflowed by 38944 bytes\n\
                       rust-lld: error: section '.uninit' will not fit in region 'SRAM': overflowed by 38948 bytes\n";
        let region = Region {
            name: "SRAM".into(),
            kind: RegionKind::Ram,
            address: 0,
            size: Bytes(16_384),
            memory: None,
            used: true,
            off_at_reset: false,
            wait_states: None,
        };
        let found = overflow(message, &[region]).unwrap();
        assert!(found.contains("`FLASH` lacks 36, `SRAM` has 16,384 bytes and lacks 38,948;"), "{found}");
        assert_eq!(overflow("error: linking with `rust-lld` failed: undefined symbol: main", &[]), None);
    }
}
