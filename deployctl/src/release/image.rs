//! Firmware for flashing tools: Intel HEX and raw binary, from the segments of an ELF file.
//!
//! Knows both formats; does not know ELF.

use std::fmt::Write as _;

use crate::elf::Loadable;

/// Most bytes of a raw binary: firmware whose pieces lie in memories far apart has none.
pub(super) const MOST_BINARY: usize = 16 << 20;
/// What erased flash reads.
const ERASED: u8 = 0xff;
/// Data bytes of a line.
const LINE: usize = 16;

/// Types of record.
const DATA: u8 = 0;
const END: u8 = 1;
const UPPER_ADDRESS: u8 = 4;
const START_ADDRESS: u8 = 5;

/// Intel HEX with 32-bit addresses: every segment at its load address, then the address where execution begins.
pub(super) fn intel_hex(firmware: &Loadable) -> String {
    let mut text = String::new();
    let mut upper = None;
    for (address, bytes) in &firmware.segments {
        let (mut at, mut left) = (*address, bytes.as_slice());
        while !left.is_empty() {
            let [a, b, c, d] = at.to_be_bytes();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            if upper != Some(high) {
                record(&mut text, UPPER_ADDRESS, 0, &high.to_be_bytes());
                upper = Some(high);
            }
            // A line ends at the next multiple of its length, and so never crosses into another upper address.
            let count = (LINE - usize::from(low) % LINE).min(left.len());
            let (now, later) = left.split_at(count);
            record(&mut text, DATA, low, now);
            // A line has at most 16 bytes, and an image ends where addresses do.
            (at, left) = (at.wrapping_add(u32::try_from(count).unwrap_or_default()), later);
        }
    }
    record(&mut text, START_ADDRESS, 0, &firmware.entry.to_be_bytes());
    record(&mut text, END, 0, &[]);
    text
}

/// `:LLAAAATT…CC`, where all bytes together sum up to zero.
fn record(text: &mut String, kind: u8, address: u16, data: &[u8]) {
    let [high, low] = address.to_be_bytes();
    // A line has at most 16 bytes.
    let head = [u8::try_from(data.len()).unwrap_or(u8::MAX), high, low, kind];
    let sum = head.iter().chain(data).fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    text.push(':');
    for byte in head.iter().chain(data).chain(&[sum.wrapping_neg()]) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push_str("\r\n");
}

/// The bytes from the lowest load address to the highest, gaps as erased flash reads; absent where they would be more than
/// [`MOST_BINARY`].
pub(super) fn binary(firmware: &Loadable) -> Option<Vec<u8>> {
    let begin = firmware.segments.first().map(|(address, _)| *address)?;
    let mut image = Vec::new();
    for (address, bytes) in &firmware.segments {
        let at = usize::try_from(address - begin).ok()?;
        let end = at.checked_add(bytes.len()).filter(|end| *end <= MOST_BINARY)?;
        image.resize(image.len().max(end), ERASED);
        image[at..end].copy_from_slice(bytes);
    }
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firmware(segments: &[(u32, &[u8])]) -> Loadable {
        Loadable { entry: 0x0800_0101, segments: segments.iter().map(|(at, bytes)| (*at, bytes.to_vec())).collect() }
    }

    #[test]
    fn a_line_has_address_length_and_checksum() {
        let text = intel_hex(&firmware(&[(0x0800_0000, b"\x01\x02\x03")]));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, [":020000040800F2", ":03000000010203F7", ":0400000508000101ED", ":00000001FF"]);
        for line in lines {
            let byte = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
            assert_eq!((1..line.len()).step_by(2).map(byte).fold(0_u8, u8::wrapping_add), 0, "{line}");
        }
    }

    #[test]
    fn lines_do_not_cross_into_another_upper_address() {
        let text = intel_hex(&firmware(&[(0x0001_fff9, &[7; 24])]));
        let lines: Vec<&str> = text.lines().map(|line| &line[..9]).collect();
        assert_eq!(lines, [":02000004", ":07FFF900", ":02000004", ":10000000", ":01001000", ":04000005", ":00000001"]);
    }

    #[test]
    fn gaps_read_as_erased_flash() {
        let image = binary(&firmware(&[(0x100, &[1, 2]), (0x104, &[3])])).unwrap();
        assert_eq!(image, [1, 2, 0xff, 0xff, 3]);
        assert_eq!(binary(&firmware(&[(0, &[1]), (0x2000_0000, &[2])])), None);
        assert_eq!(binary(&firmware(&[])), None);
    }
}
