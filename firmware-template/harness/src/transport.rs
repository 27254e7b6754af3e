//! Lines over a port: reading with check words verified, writing with check words added.
//!
//! Knows bytes and lines; does not know what they mean.

use core::fmt::{self, Write};

use crate::digest;
use crate::protocol::{DIGITS, Failure};

/// Longest line, newline included. A chunk of a tensor takes a little over half of it.
pub const LINE_BYTES: usize = 1024;

/// How bytes travel between host and board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// By semihosting, which stops the core for each piece: an emulator's way.
    Semihosting,
    /// Through memory that a debug probe reads and writes while the core runs (SEGGER's RTT).
    Rtt,
}

/// Where bytes come from and go to.
pub trait Port {
    /// Waits for bytes and reads at least one; zero where the session has ended.
    fn read(&mut self, buffer: &mut [u8]) -> usize;

    /// Writes all bytes.
    fn write(&mut self, bytes: &[u8]);
}

/// Splits what a port delivers into lines.
pub struct LineReader {
    buffer: [u8; LINE_BYTES],
    start: usize,
    end: usize,
}

impl LineReader {
    /// Nothing read yet.
    pub const fn new() -> Self {
        Self { buffer: [0; LINE_BYTES], start: 0, end: 0 }
    }

    /// The next line's text, verified against its check word, which is removed.
    pub fn next<'l>(&'l mut self, port: &mut impl Port) -> Result<&'l str, Failure<'static>> {
        let mut scanned = self.start;
        let newline = loop {
            if let Some(length) = self.buffer[scanned..self.end].iter().position(|&byte| byte == b'\n') {
                break scanned + length;
            }
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            scanned = self.end;
            if self.end == LINE_BYTES {
                return Err(Failure::Protocol("a line is too long"));
            }
            match port.read(&mut self.buffer[self.end..]) {
                0 => return Err(Failure::Protocol("the session ended without `bye`")),
                count => self.end += count,
            }
        };
        let line = self.start..newline;
        self.start = newline + 1;
        verified(&self.buffer[line]).ok_or(Failure::Protocol("a line does not agree with its check word"))
    }
}

impl Default for LineReader {
    fn default() -> Self {
        Self::new()
    }
}

/// The text before ` *CHECKWORD`.
fn verified(line: &[u8]) -> Option<&str> {
    let (text, check) = line.split_at_checked(line.len().checked_sub(10)?)?;
    let check = core::str::from_utf8(check.strip_prefix(b" *")?).ok()?;
    let word = u32::from_str_radix(check, 16).ok()?;
    if digest::line(text) == word { core::str::from_utf8(text).ok() } else { None }
}

/// Bytes that the check word and the newline take.
const TAIL_BYTES: usize = 11;

/// Room to compose a line in.
pub struct LineBuffer {
    bytes: [u8; LINE_BYTES],
    len: usize,
}

impl LineBuffer {
    /// Empty.
    pub const fn new() -> Self {
        Self { bytes: [0; LINE_BYTES], len: 0 }
    }

    /// Composes a line, adds its check word and sends it. Text that does not fit is cut off.
    pub fn send(&mut self, port: &mut impl Port, text: fmt::Arguments<'_>) {
        self.len = 0;
        // Writing fails only where the line is full; what fits is sent.
        let _ = self.write_fmt(text);
        let (text, tail) = self.bytes.split_at_mut(self.len);
        let check = digest::line(text);
        tail[..2].copy_from_slice(b" *");
        for (place, digit) in tail[2..10].iter_mut().enumerate() {
            *digit = DIGITS[(check >> (28 - 4 * place)) as usize & 15];
        }
        tail[10] = b'\n';
        port.write(&self.bytes[..self.len + TAIL_BYTES]);
    }
}

impl Default for LineBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for LineBuffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let slot = self.bytes[..LINE_BYTES - TAIL_BYTES].get_mut(self.len).ok_or(fmt::Error)?;
            *slot = match byte {
                b' '..=b'~' => byte,
                b'\n' => b' ',
                _ => b'?',
            };
            self.len += 1;
        }
        Ok(())
    }
}

/// Answers to the host, line by line.
pub struct Replies<'a, P> {
    /// Where they go.
    pub port: &'a mut P,
    /// Where they are composed.
    pub line: &'a mut LineBuffer,
}

impl<P: Port> Replies<'_, P> {
    /// Sends one line.
    pub fn send(&mut self, text: fmt::Arguments<'_>) {
        self.line.send(self.port, text);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;

    /// Delivers a few bytes at a time, and keeps what was written.
    struct Wire {
        coming: Vec<u8>,
        piece: usize,
        sent: Vec<u8>,
    }

    impl Port for Wire {
        fn read(&mut self, buffer: &mut [u8]) -> usize {
            let count = self.piece.min(buffer.len()).min(self.coming.len());
            buffer[..count].copy_from_slice(&self.coming[..count]);
            self.coming.drain(..count);
            count
        }

        fn write(&mut self, bytes: &[u8]) {
            self.sent.extend_from_slice(bytes);
        }
    }

    fn wire(text: &str, piece: usize) -> Wire {
        Wire { coming: text.into(), piece, sent: Vec::new() }
    }

    fn sent(texts: &[&str]) -> String {
        let (mut line, mut wire) = (LineBuffer::new(), wire("", 1));
        texts.iter().for_each(|text| line.send(&mut wire, format_args!("{text}")));
        String::from_utf8(wire.sent).unwrap()
    }

    #[test]
    fn what_is_sent_can_be_read_however_it_is_cut_into_pieces() {
        let long = "7f".repeat(480);
        let texts = ["hello 00", &long, "step", &long, "bye"];
        for piece in [1, 3, 1000, usize::MAX] {
            let (mut reader, mut wire) = (LineReader::new(), wire(&sent(&texts), piece));
            for text in texts {
                assert_eq!(reader.next(&mut wire), Ok(text));
            }
            assert!(reader.next(&mut wire).is_err());
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let good = sent(&["input 0 0 7f"]);
        for index in 0..good.len() - 1 {
            let mut bad = good.clone().into_bytes();
            bad[index] ^= 1;
            let mut wire = wire(core::str::from_utf8(&bad).unwrap(), 7);
            assert!(LineReader::new().next(&mut wire).is_err(), "byte {index}");
        }
    }

    #[test]
    fn endless_lines_are_refused() {
        let mut wire = wire(&"x".repeat(LINE_BYTES + 1), 100);
        assert_eq!(LineReader::new().next(&mut wire), Err(Failure::Protocol("a line is too long")));
    }

    #[test]
    fn text_is_cut_to_a_line_and_kept_printable() {
        let text = sent(&[&format!("pänic\n{}", "x".repeat(2 * LINE_BYTES))]);
        assert_eq!(text.len(), LINE_BYTES);
        assert!(text.starts_with("p??nic x"));
        assert_eq!(LineReader::new().next(&mut wire(&text, 100)).unwrap().len(), LINE_BYTES - TAIL_BYTES);
    }
}
