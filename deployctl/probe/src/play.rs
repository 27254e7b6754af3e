//! A session, from the image in a file to the last byte of the transcript.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::rtt::{self, Console};
use crate::{Failure, Image, Target};

/// What the harness sends behind its last line, before the digit of its exit code.
const END: u8 = 0x04;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the start of the firmware to its last byte.
    pub session: Duration,
    /// From the start of the firmware to its console.
    pub console: Duration,
    /// Between two looks at a console that has nothing new: each takes a few cycles of the bus from the core.
    pub pause: Duration,
}

impl Limits {
    /// With so much time for a session.
    pub fn of(session: Duration) -> Self {
        Self { session, console: Duration::from_secs(5), pause: Duration::from_millis(5) }
    }
}

/// Puts `image` on `target`, plays `session`, and writes what comes back to `transcript`. Gives the firmware's exit code.
pub fn play<T: Target + ?Sized>(
    target: &mut T,
    image: &Image,
    session: &[u8],
    transcript: &mut dyn Write,
    limits: Limits,
) -> Result<u8, Failure> {
    target.load(image)?;
    target.reset()?;
    rtt::forget(target, image.console)?;
    target.run()?;
    let begun = Instant::now();
    let console = open(target, image, begun, limits)?;
    let mut tail = Tail::default();
    let mut rest = session;
    loop {
        target.begin()?;
        let bytes = console.read(target)?;
        let sent = console.write(target, rest)?;
        target.end()?;
        rest = &rest[sent..];
        let idle = bytes.is_empty() && sent == 0;
        let (text, code) = tail.take(bytes);
        transcript
            .write_all(&text)
            .and_then(|()| transcript.flush())
            .map_err(|error| Failure::Pipe { problem: error.to_string() })?;
        if let Some(code) = code {
            return Ok(code);
        }
        if begun.elapsed() > limits.session {
            return Err(Failure::TimedOut { seconds: limits.session.as_secs(), last: tail.last() });
        }
        if idle {
            thread::sleep(limits.pause);
        }
    }
}

/// Waits for the console.
fn open<T: Target + ?Sized>(target: &mut T, image: &Image, begun: Instant, limits: Limits) -> Result<Console, Failure> {
    loop {
        target.begin()?;
        let found = Console::find(target, image.console)?;
        target.end()?;
        if let Some(console) = found {
            return Ok(console);
        }
        if begun.elapsed() > limits.console {
            return Err(Failure::NoConsole { seconds: limits.console.as_secs() });
        }
        thread::sleep(limits.pause);
    }
}

/// The end of what has come.
#[derive(Default)]
struct Tail {
    /// The last line, as far as it has come, or the last whole one.
    line: Vec<u8>,
    whole: bool,
    /// The end began with the last byte.
    ending: bool,
}

/// Longest line that is remembered.
const LONGEST: usize = 200;

impl Tail {
    /// What of these bytes is transcript, and the exit code where they end it.
    fn take(&mut self, mut bytes: Vec<u8>) -> (Vec<u8>, Option<u8>) {
        if std::mem::take(&mut self.ending) {
            return (Vec::new(), Some(bytes.first().map_or(1, |digit| digit.wrapping_sub(b'0'))));
        }
        let end = bytes.iter().position(|&byte| byte == END);
        let code = end.and_then(|end| bytes.get(end + 1)).map(|digit| digit.wrapping_sub(b'0'));
        self.ending = end.is_some() && code.is_none();
        bytes.truncate(end.unwrap_or(bytes.len()));
        for &byte in &bytes {
            if std::mem::take(&mut self.whole) {
                self.line.clear();
            }
            if byte == b'\n' {
                self.whole = true;
            } else if self.line.len() < LONGEST {
                self.line.push(byte);
            }
        }
        (bytes, code)
    }

    /// The last line for people.
    fn last(&self) -> String {
        String::from_utf8_lossy(&self.line).chars().filter(|letter| !letter.is_control()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtt::tests::{BASE, Ram, ram};

    /// Firmware that answers each byte by the same byte, and ends at `.`; one step at each look.
    struct Echo {
        ram: Ram,
        started: bool,
        deaf: bool,
    }

    impl Echo {
        fn word(&mut self, at: u32) -> u32 {
            let mut bytes = [0; 4];
            self.ram.read(BASE + at, &mut bytes).unwrap();
            u32::from_le_bytes(bytes)
        }

        fn set(&mut self, at: u32, value: u32) {
            self.ram.write(BASE + at, &value.to_le_bytes()).unwrap();
        }

        fn say(&mut self, byte: u8) {
            let written = self.word(36);
            self.ram.write(BASE + 128 + written, &[byte]).unwrap();
            self.set(36, (written + 1) % 8);
        }

        fn step(&mut self) {
            let (written, read) = (self.word(60), self.word(64));
            let full = (self.word(36) + 2) % 8 == self.word(40) || (self.word(36) + 1) % 8 == self.word(40);
            if written == read || full || self.deaf {
                return;
            }
            let mut byte = [0];
            self.ram.read(BASE + 160 + read, &mut byte).unwrap();
            self.set(64, (read + 1) % 8);
            if byte[0] == b'.' {
                self.say(END);
                self.say(b'1');
            } else {
                self.say(byte[0]);
            }
        }
    }

    impl Target for Echo {
        fn load(&mut self, _: &Image) -> Result<(), Failure> {
            Ok(())
        }
        fn reset(&mut self) -> Result<(), Failure> {
            Ok(())
        }
        fn run(&mut self) -> Result<(), Failure> {
            // As firmware does: the mark comes last.
            if self.started {
                self.ram.bytes = ram().bytes;
            }
            Ok(())
        }
        fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Failure> {
            self.ram.read(address, bytes)
        }
        fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Failure> {
            self.ram.write(address, bytes)
        }
        fn end(&mut self) -> Result<(), Failure> {
            (0..3).for_each(|_| self.step());
            Ok(())
        }
    }

    fn image() -> Image {
        Image { path: "harness.elf".into(), segments: vec![], console: BASE }
    }

    fn limits() -> Limits {
        let pause = Duration::from_millis(1);
        Limits { session: Duration::from_millis(200), console: Duration::from_millis(50), pause }
    }

    #[test]
    fn a_session_longer_than_the_rings_comes_through() {
        let mut target = Echo { ram: ram(), started: true, deaf: false };
        let mut transcript = Vec::new();
        let session = "all work and no play makes jack a dull boy\n".repeat(20);
        let code = play(&mut target, &image(), format!("{session}.").as_bytes(), &mut transcript, limits());
        assert_eq!((code, String::from_utf8(transcript).unwrap()), (Ok(1), session));
    }

    #[test]
    fn a_console_of_an_earlier_start_is_not_taken_for_one() {
        let mut target = Echo { ram: ram(), started: false, deaf: false };
        let failure = play(&mut target, &image(), b"x.", &mut Vec::new(), limits()).unwrap_err();
        assert_eq!(failure.code(), "no-console");
    }

    #[test]
    fn a_hang_is_told_with_the_last_line() {
        let mut target = Echo { ram: ram(), started: true, deaf: false };
        let failure = play(&mut target, &image(), b"boot\nop 3", &mut Vec::new(), limits()).unwrap_err();
        assert_eq!(failure, Failure::TimedOut { seconds: 0, last: "op 3".into() });
        target.deaf = true;
        let failure = play(&mut target, &image(), b"boot", &mut Vec::new(), limits()).unwrap_err();
        assert!(failure.to_string().contains("the firmware said nothing"), "{failure}");
    }

    #[test]
    fn an_end_may_come_in_two_pieces() {
        let mut tail = Tail::default();
        assert_eq!(tail.take(b"bye\n\x04".to_vec()), (b"bye\n".to_vec(), None));
        assert_eq!(tail.take(b"0".to_vec()), (vec![], Some(0)));
        assert_eq!(tail.last(), "bye");
    }
}
