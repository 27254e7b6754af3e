//! Firmware as a file: what a loader writes, and where its console is.

use std::path::{Path, PathBuf};

use object::elf::PT_LOAD;
use object::read::elf::{ElfFile32, ProgramHeader as _};
use object::{Endianness, Object, ObjectSymbol};

use crate::Failure;

/// The name by which every tool that speaks RTT finds the console.
const CONSOLE: &str = "_SEGGER_RTT";

/// Linked firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The ELF file.
    pub path: PathBuf,
    /// Address and bytes of each piece that is loaded.
    pub segments: Vec<(u32, Vec<u8>)>,
    /// Where the console's control block is.
    pub console: u32,
}

impl Image {
    /// Reads the file.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let wrong = |problem: String| Failure::Image { path: path.display().to_string(), problem };
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(path, &bytes)?.ok_or(Failure::NoSymbol)
    }

    /// `None` where there is no console.
    fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Self>, Failure> {
        let wrong = |problem: String| Failure::Image { path: path.display().to_string(), problem };
        let file = ElfFile32::<Endianness>::parse(bytes).map_err(|error| wrong(error.to_string()))?;
        let endian = file.endian();
        let mut segments = Vec::new();
        for header in file.elf_program_headers() {
            if header.p_type(endian) == PT_LOAD && header.p_filesz(endian) > 0 {
                let contents = header.data(endian, bytes).map_err(|()| wrong("a segment is cut off".to_owned()))?;
                segments.push((header.p_paddr(endian), contents.to_vec()));
            }
        }
        if segments.is_empty() || file.elf_header().e_machine.get(endian) != object::elf::EM_ARM {
            return Err(wrong("it has nothing to load for an Arm core".to_owned()));
        }
        let symbol = file.symbols().find(|symbol| symbol.name() == Ok(CONSOLE));
        let console = symbol.and_then(|symbol| u32::try_from(symbol.address()).ok());
        Ok(console.map(|console| Self { path: path.to_owned(), segments, console }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A linked ELF file: 16 bytes at address 0 in a section, and a symbol with the name of the console at `0x2000_0010`.
    pub(crate) fn elf(symbol: &str) -> Vec<u8> {
        let contents: Vec<u8> = (1..=16).collect();
        let strings = format!("\0{symbol}\0.text\0.symtab\0.strtab\0");
        let name = |of: &str| u32::try_from(strings.find(&format!("\0{of}\0")).unwrap() + 1).unwrap();
        let (text, symbols, table) = (0x60_u32, 0x70_u32, 0x90_u32);
        let sections = (table + u32::try_from(strings.len()).unwrap()).next_multiple_of(4);
        let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let halves =
            |bytes: &mut Vec<u8>, halves: &[u16]| halves.iter().for_each(|half| bytes.extend(half.to_le_bytes()));
        let words = |bytes: &mut Vec<u8>, words: &[u32]| words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        halves(&mut bytes, &[2, 40]);
        words(&mut bytes, &[1, 0, 52, sections, 0x0500_0000]);
        halves(&mut bytes, &[52, 32, 1, 40, 4, 3]);
        words(&mut bytes, &[1, text, 0, 0, 16, 16, 5, 4]);
        bytes.resize(text as usize, 0);
        bytes.extend(contents);
        words(&mut bytes, &[0, 0, 0, 0, name(symbol), 0x2000_0010, 4]);
        halves(&mut bytes, &[0x11, 1]);
        bytes.extend(strings.as_bytes());
        bytes.resize(sections as usize, 0);
        let length = u32::try_from(strings.len()).unwrap();
        words(&mut bytes, &[0; 10]);
        words(&mut bytes, &[name(".text"), 1, 6, 0, text, 16, 0, 0, 4, 0]);
        words(&mut bytes, &[name(".symtab"), 2, 0, 0, symbols, 32, 3, 1, 4, 16]);
        words(&mut bytes, &[name(".strtab"), 3, 0, 0, table, length, 0, 0, 1, 0]);
        bytes
    }

    #[test]
    fn firmware_is_what_is_loaded_and_where_its_console_is() {
        let image = Image::parse(Path::new("x"), &elf(CONSOLE)).unwrap().unwrap();
        assert_eq!((image.segments, image.console), (vec![(0, (1..=16).collect())], 0x2000_0010));
        assert_eq!(Image::parse(Path::new("x"), &elf("main")), Ok(None));
        let good = elf(CONSOLE);
        for length in 0..good.len() {
            drop(Image::parse(Path::new("x"), &good[..length]));
        }
    }

    #[test]
    fn what_is_no_firmware_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("harness.elf");
        for bytes in [&b"#!/bin/sh\n"[..], b"\x7fELF\x01\x01\x01"] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Image::open(&path).unwrap_err().code(), "image");
        }
        assert_eq!(Image::open(&folder.path().join("absent")).unwrap_err().code(), "image");
    }
}
