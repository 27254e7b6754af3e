//! Linked firmware, read: what lies in which memory, how large each operator and kernel is, and the image that a loader
//! would write. Knows ELF; does not know how the firmware was made.

mod calls;
mod load;

use std::collections::{BTreeMap, BTreeSet};

pub use load::{Loadable, loadable};

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
    /// BLAKE3 of the loadable segments: address, length and bytes of each, in file order. Where the file's header is in a
    /// segment, what it says of the section table, which no loader reads, is taken as zero.
    pub digest: String,
    calls: calls::Calls,
}

impl Image {
    /// Functions that `function` calls, and those that they call, by demangled name. Of Arm images only; calls through
    /// pointers are not seen, nor is what functions call at which the search is to `stop`.
    pub fn reached(&self, function: &str, stop: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        calls::reached(&self.calls, function, stop)
    }
}

/// Reads linked firmware of either word size.
pub fn read(bytes: &[u8]) -> Result<Image, ElfError> {
    let file = object::File::parse(bytes)?;
    let mut image = Image { digest: loadable_digest(&file)?, calls: calls::calls(&file)?, ..Image::default() };
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
            *image.symbols.entry(calls::demangled(name)).or_default() += symbol.size();
        }
    }
    Ok(image)
}

/// A symbol with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Demangled, without its hash.
    pub name: String,
    /// First address; of a function without the bit that says Thumb.
    pub start: u64,
    /// Bytes; 0 where the file does not say.
    pub size: u64,
}

/// Every symbol that has a name and an address, in the order of addresses.
pub fn places(bytes: &[u8]) -> Result<Vec<Place>, ElfError> {
    let file = object::File::parse(bytes)?;
    let mut places = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.is_definition() || symbol.kind() == SymbolKind::Unknown) {
        let Ok(name) = symbol.name() else { continue };
        if name.is_empty() || name.starts_with('$') {
            continue;
        }
        let thumb = u64::from(symbol.kind() == SymbolKind::Text && file.architecture() == object::Architecture::Arm);
        places.push(Place { name: calls::demangled(name), start: symbol.address() & !thumb, size: symbol.size() });
    }
    places.sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
    Ok(places)
}

fn loadable_digest(file: &object::File) -> Result<String, ElfError> {
    let mut hasher = blake3::Hasher::new();
    for segment in file.segments() {
        let mut bytes = segment.data()?.to_vec();
        if segment.file_range().0 == 0 {
            forget_sections(&mut bytes, file.is_64());
        }
        hasher.update(&segment.address().to_le_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Zeroes `e_shoff`, `e_shnum` and `e_shstrndx`: they depend on debugging information, which is not loaded.
fn forget_sections(header: &mut [u8], is_64: bool) {
    let (offset, count) = if is_64 { (0x28..0x30, 0x3c..0x40) } else { (0x20..0x24, 0x30..0x34) };
    for range in [offset, count] {
        if let Some(field) = header.get_mut(range) {
            field.fill(0);
        }
    }
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
    fn places_are_in_order_and_have_what_is_linked() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let places = places(&bytes).unwrap();
        assert!(places.is_sorted_by_key(|place| place.start));
        let read = places.iter().find(|place| place.name == "deployctl::elf::read").unwrap();
        assert!(read.size > 0 && read.start > 0);
    }

    #[test]
    fn where_the_section_table_lies_is_no_part_of_the_image() {
        let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let digest = |bytes: &[u8]| loadable_digest(&object::File::parse(bytes).unwrap()).unwrap();
        let before = digest(&bytes);
        // The section table moves to the end, as it would behind longer debugging information.
        let at = usize::try_from(u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap())).unwrap();
        let table = bytes[at..].to_vec();
        let end = bytes.len().next_multiple_of(8);
        bytes.resize(end, 0);
        bytes.extend(table);
        bytes[0x28..0x30].copy_from_slice(&(end as u64).to_le_bytes());
        assert_eq!(digest(&bytes), before);
        let entry = bytes[0x18];
        bytes[0x18] = !entry;
        assert_ne!(digest(&bytes), before);
    }

    #[test]
    fn what_is_no_elf_is_an_error() {
        for bytes in [&b""[..], b"\x7fELF", b"TFL3 and more"] {
            assert!(read(bytes).is_err());
        }
    }
}
