//! Linked firmware, read: what lies in which memory, how large each operator and kernel is, and the image that a loader
//! would write. Knows ELF; does not know how the firmware was made.

use std::collections::BTreeMap;

use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SectionFlags, SectionKind, SymbolKind};

/// An ELF file that cannot be read as linked firmware.
#[derive(Debug, thiserror::Error)]
#[error("not a linked ELF file: {0}")]
pub struct ElfError(#[from] object::read::Error);

/// What linked firmware takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Bytes that a loader writes: code, constants and the initial values of data.
    pub flash_bytes: u64,
    /// Bytes of static RAM: data, zeroed data and what is left as it is.
    pub ram_bytes: u64,
    /// Size of every function and object that has a symbol, by demangled name without its hash. Equal names add up.
    pub symbols: BTreeMap<String, u64>,
    /// BLAKE3 of the loadable segments: address, length and bytes of each, in file order.
    pub digest: String,
}

/// Reads linked firmware of either word size.
pub fn read(bytes: &[u8]) -> Result<Image, ElfError> {
    let file = object::File::parse(bytes)?;
    let mut image = Image { digest: loadable_digest(&file)?, ..Image::default() };
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        if !sh_flags.contains(object::elf::SHF_ALLOC) {
            continue;
        }
        let zeroed = matches!(section.kind(), SectionKind::UninitializedData | SectionKind::UninitializedTls);
        let writable = sh_flags.contains(object::elf::SHF_WRITE);
        image.flash_bytes += if zeroed { 0 } else { section.size() };
        image.ram_bytes += if writable { section.size() } else { 0 };
    }
    for symbol in file.symbols() {
        let sized = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) && symbol.size() > 0;
        if let (true, Ok(name)) = (sized, symbol.name()) {
            *image.symbols.entry(format!("{:#}", rustc_demangle::demangle(name))).or_default() += symbol.size();
        }
    }
    Ok(image)
}

fn loadable_digest(file: &object::File) -> Result<String, ElfError> {
    let mut hasher = blake3::Hasher::new();
    for segment in file.segments() {
        let bytes = segment.data()?;
        hasher.update(&segment.address().to_le_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_linked_firmware_of_a_kind() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let image = read(&bytes).unwrap();
        assert!(image.flash_bytes > 10_000 && image.ram_bytes > 0);
        assert!(image.symbols.keys().any(|name| name == "deployctl::elf::read"), "{}", image.symbols.len());
        assert_eq!(image, read(&bytes).unwrap());
    }

    #[test]
    fn what_is_no_elf_is_an_error() {
        for bytes in [&b""[..], b"\x7fELF", b"TFL3 and more"] {
            assert!(read(bytes).is_err());
        }
    }
}
