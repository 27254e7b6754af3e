//! What a loader writes: the loadable segments at their load addresses.

use object::Endianness;
use object::elf::PT_LOAD;
use object::read::elf::{ElfFile32, FileHeader as _, ProgramHeader as _};

use super::ElfError;

/// Firmware as a loader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loadable {
    /// Where it begins to run.
    pub entry: u32,
    /// Address and bytes of each piece, by address; none is empty.
    pub segments: Vec<(u32, Vec<u8>)>,
}

/// The segments of 32-bit firmware; absent for a program of the host, which is started and not flashed.
pub fn loadable(bytes: &[u8]) -> Result<Option<Loadable>, ElfError> {
    if bytes.get(4) != Some(&object::elf::ELFCLASS32.0) {
        return super::read(bytes).map(|_| None);
    }
    let file = ElfFile32::<Endianness>::parse(bytes)?;
    let endian = file.endian();
    let mut segments = Vec::new();
    for header in file.elf_program_headers() {
        if header.p_type(endian) == PT_LOAD && header.p_filesz(endian) > 0 {
            let contents = header.data(endian, bytes).unwrap_or_default();
            segments.push((header.p_paddr(endian), contents.to_vec()));
        }
    }
    segments.retain(|(_, contents)| !contents.is_empty());
    segments.sort_by_key(|(address, _)| *address);
    Ok(Some(Loadable { entry: file.elf_header().e_entry(endian), segments }))
}
