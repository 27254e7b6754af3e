//! What the project says about its board: the linker's memory map and Cargo's configuration.

use std::fmt::Write as _;

use super::source::string;
use super::{Board, EmitError, Input};
use crate::manifest::{BootBlock, Region, RegionKind};

/// `memory.x`, `None` for the host.
pub(super) fn memory_map(board: &Board) -> Result<Option<String>, EmitError> {
    if board.rust_target.is_none() {
        return Ok(None);
    }
    let width = board.memory.iter().map(|region| region.name.len()).max().unwrap_or(0);
    let mut text =
        format!("/* {}: written by deployctl from the board file. */\nMEMORY\n{{\n", plain("board", &board.name)?);
    for region in &board.memory {
        let name = plain("memory region", &region.name)?;
        let length = region.size.0.saturating_sub(left(board, region));
        let _ = writeln!(text, "  {name:width$} : ORIGIN = {:#010x}, LENGTH = {length}", region.address);
    }
    text += "}\n";
    text += &services(board);
    // The runtime crate places code in FLASH and data in RAM.
    for (kind, wanted) in [(RegionKind::Flash, "FLASH"), (RegionKind::Ram, "RAM")] {
        let used = board.memory.iter().find(|region| region.used && region.kind == kind);
        if let Some(region) = used.filter(|region| region.name != wanted) {
            let _ = writeln!(text, "REGION_ALIAS(\"{wanted}\", {});", region.name);
        }
    }
    if board.boot_block == Some(BootBlock::Rp2350ImageDefinition) {
        text += IMAGE_DEFINITION;
    }
    Ok(Some(text))
}

/// Bytes of a region that belong to other firmware.
fn left(board: &Board, region: &Region) -> u64 {
    match (region.used, region.kind) {
        (false, _) => 0,
        (true, RegionKind::Flash) => board.left.flash,
        (true, RegionKind::Ram) => board.left.ram,
    }
}

/// Where other firmware's RAM is: behind what is in use.
fn services(board: &Board) -> String {
    let region = board.memory.iter().find(|region| region.used && region.kind == RegionKind::Ram);
    let end = region.map_or(0, |region| region.address + region.size.0);
    let (start, end, what) = match board.left.ram {
        0 => (0, 0, "none".to_owned()),
        bytes => (end.saturating_sub(bytes), end, format!("{bytes} bytes at the end of RAM")),
    };
    format!(
        "\n/* Memory that is left to other firmware: {what}. */\n_services_start = {start:#x};\n_services_end = {end:#x};\n"
    )
}

/// Start marker, an item with the image's type, the last item, a loop of this block alone, end marker: RP2350 data sheet,
/// section 5.9.5.1. Without an item that names it, the vector table is the one at the start of the image.
const IMAGE_DEFINITION: &str = "
/* What the RP2350's boot code looks for in the first 4 KiB of flash: an executable image for Arm, secure. */
SECTIONS
{
  .start_block : ALIGN(4)
  {
    LONG(0xffffded3)
    LONG(0x10210142)
    LONG(0x000001ff)
    LONG(0x00000000)
    LONG(0xab123579)
    . = ALIGN(16);
  } > FLASH
} INSERT AFTER .vector_table;
_stext = ADDR(.start_block) + SIZEOF(.start_block);
";

/// `.cargo/config.toml`.
pub(super) fn cargo_config(input: &Input<'_>) -> Result<String, EmitError> {
    let board = input.board;
    let mut text = String::from("# Written by deployctl: where this project is built for and what it is built from.\n");
    if let Some(target) = &board.rust_target {
        let target = plain("Rust target", target)?;
        let _ = write!(text, "\n[build]\ntarget = \"{target}\"\n");
        if let Some(machine) = &board.machine {
            let machine = plain("machine", machine)?;
            let _ = write!(
                text,
                "\n[target.{target}]\nrunner = [\n    \"qemu-system-arm\", \"-M\", \"{machine}\", \"-display\", \"none\", \"-serial\", \"none\", \
                 \"-monitor\", \"none\",\n    \"-icount\", \"shift=0\", \"-semihosting-config\", \"enable=on,target=native\", \"-kernel\",\n]\n",
            );
        }
        if let Some(chip) = &board.chip {
            let chip = plain("chip", chip)?;
            let _ = write!(text, "\n[target.{target}]\nrunner = [\"probe-rs\", \"run\", \"--chip\", \"{chip}\"]\n");
        }
    }
    if let Some(folder) = input.vendor {
        let _ = write!(
            text,
            "\n[source.crates-io]\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = {}\n",
            toml_string(folder)
        );
    }
    Ok(text)
}

/// A TOML basic string. Rust's escapes are TOML's but for the braces of `\u`.
fn toml_string(text: &str) -> String {
    if text.chars().all(|c| matches!(c, ' '..='~')) {
        return string(text);
    }
    let escaped: Vec<String> = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            ' '..='~' => c.to_string(),
            _ => format!("\\U{:08x}", u32::from(c)),
        })
        .collect();
    format!("\"{}\"", escaped.concat())
}

/// The text itself, if it cannot end a string or a line.
pub(super) fn plain<'a>(what: &'static str, text: &'a str) -> Result<&'a str, EmitError> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    if !text.is_empty() && text.chars().all(harmless) {
        return Ok(text);
    }
    Err(EmitError::Unprintable { what, text: text.to_owned() })
}
