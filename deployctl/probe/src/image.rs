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
mod tests {
    use super::*;

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
