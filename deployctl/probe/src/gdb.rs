//! A GDB server in place of a probe: an emulator's, which proves the way through memory with real firmware, or a debugger's that
//! somebody has put the firmware on a board with.
//!
//! Speaks the few packets of GDB's remote protocol that reading, writing, stopping and going on take. It writes no firmware:
//! what the server has in memory must be the image already. Such servers reach memory only while the core stands.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::{Failure, Image, Target};

/// Longest that a server may think.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest to wait for a server that is only starting.
const START: Duration = Duration::from_secs(5);

/// Bytes of memory in a packet: servers take at least 4,096 characters.
const PIECE: usize = 1024;

/// Longest packet that is read.
const LONGEST: usize = 1 << 16;

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A connection to a server.
pub struct Server {
    wire: Box<dyn Wire>,
    running: bool,
}

fn lost(doing: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::Unplugged { doing, problem: error.to_string() }
}

fn odd(doing: &'static str, answer: &[u8]) -> Failure {
    let answer: String = String::from_utf8_lossy(answer).chars().take(40).collect();
    Failure::Unplugged { doing, problem: format!("the GDB server answers `{answer}`") }
}

impl Server {
    /// Connects to `HOST:PORT`, or to the socket at a path. The core stands from then on.
    pub fn connect(address: &str) -> Result<Self, Failure> {
        let begun = Instant::now();
        loop {
            match Self::dial(address) {
                Ok(wire) => return Ok(Self { wire, running: false }),
                Err(error) if begun.elapsed() > START => return Err(lost("connecting to the GDB server")(error)),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn dial(address: &str) -> io::Result<Box<dyn Wire>> {
        if address.contains('/') {
            let wire = UnixStream::connect(address)?;
            wire.set_read_timeout(Some(PATIENCE))?;
            return Ok(Box::new(wire));
        }
        let wire = TcpStream::connect(address)?;
        wire.set_read_timeout(Some(PATIENCE))?;
        wire.set_nodelay(true)?;
        Ok(Box::new(wire))
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.wire.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        let sum = packet.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let mut text = vec![b'$'];
        text.extend_from_slice(packet);
        text.extend_from_slice(format!("#{sum:02x}").as_bytes());
        self.wire.write_all(&text)?;
        self.wire.flush()
    }

    /// The next packet, acknowledged.
    fn packet(&mut self) -> io::Result<Vec<u8>> {
        while self.byte()? != b'$' {}
        let mut packet = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte if packet.len() < LONGEST => packet.push(byte),
                _ => return Err(io::Error::other("the GDB server sends a packet without an end")),
            }
        }
        let (_, _) = (self.byte()?, self.byte()?);
        self.wire.write_all(b"+")?;
        self.wire.flush()?;
        Ok(packet)
    }

    /// The answer to a packet; that the core has stopped, which may come at any time, is none, nor is a monitor's talk.
    fn ask(&mut self, packet: &[u8]) -> io::Result<Vec<u8>> {
        self.send(packet)?;
        loop {
            let answer = self.packet()?;
            let is_talk = answer.first() == Some(&b'O') && answer != b"OK";
            if !is_talk && !matches!(answer.first(), Some(b'T' | b'S')) {
                return Ok(answer);
            }
        }
    }

    fn halt(&mut self) -> Result<(), Failure> {
        if !self.running {
            return Ok(());
        }
        let lost = lost("stopping the core");
        self.wire.write_all(&[3]).map_err(&lost)?;
        self.wire.flush().map_err(&lost)?;
        loop {
            match self.packet().map_err(&lost)?.first() {
                Some(b'T' | b'S') => break,
                Some(b'W' | b'X') => return Err(odd("stopping the core", b"W: its process has ended")),
                _ => {}
            }
        }
        self.running = false;
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// The bytes that hexadecimal digits stand for; `None` of anything else.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit()) && text.len().is_multiple_of(2);
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    if digits { (0..text.len()).step_by(2).map(byte).collect() } else { None }
}

impl Target for Server {
    fn load(&mut self, image: &Image) -> Result<(), Failure> {
        for (address, bytes) in &image.segments {
            let mut there = vec![0; bytes.len()];
            self.read(*address, &mut there)?;
            if let Some(at) = there.iter().zip(bytes).position(|(there, wanted)| there != wanted) {
                let place = format!("{:#010x} has {:#04x}, not {:#04x}", *address as usize + at, there[at], bytes[at]);
                return Err(Failure::Verify { place });
            }
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Failure> {
        const DOING: &str = "resetting the core";
        self.halt()?;
        let answer = self.ask(format!("qRcmd,{}", hex(b"system_reset")).as_bytes()).map_err(lost(DOING))?;
        if answer == b"OK" { Ok(()) } else { Err(odd(DOING, &answer)) }
    }

    fn run(&mut self) -> Result<(), Failure> {
        if !self.running {
            self.send(b"c").map_err(lost("starting the core"))?;
            self.running = true;
        }
        Ok(())
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        const DOING: &str = "reading memory";
        for (index, piece) in bytes.chunks_mut(PIECE).enumerate() {
            let at = u64::from(address) + (index * PIECE) as u64;
            let answer = self.ask(format!("m{at:x},{:x}", piece.len()).as_bytes()).map_err(lost(DOING))?;
            match unhex(&answer) {
                Some(found) if found.len() == piece.len() => piece.copy_from_slice(&found),
                _ => return Err(odd(DOING, &answer)),
            }
        }
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Failure> {
        const DOING: &str = "writing memory";
        for (index, piece) in bytes.chunks(PIECE).enumerate() {
            let at = u64::from(address) + (index * PIECE) as u64;
            let packet = format!("M{at:x},{:x}:{}", piece.len(), hex(piece));
            let answer = self.ask(packet.as_bytes()).map_err(lost(DOING))?;
            if answer != b"OK" {
                return Err(odd(DOING, &answer));
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.halt()
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.run()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// A server that sends `answers` whatever it is asked, and says what it was asked in the end.
    fn against(answers: &'static [&'static [u8]], act: impl FnOnce(&mut Server)) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gdb");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let (mut wire, _) = listener.accept().unwrap();
            wire.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            for answer in answers {
                let sum = answer.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
                wire.write_all(&[b"+$", *answer, format!("#{sum:02x}").as_bytes()].concat()).unwrap();
            }
            let mut asked = Vec::new();
            drop(wire.read_to_end(&mut asked));
            asked
        });
        let mut client = Server::connect(path.to_str().unwrap()).unwrap();
        act(&mut client);
        drop(client);
        server.join().unwrap()
    }

    #[test]
    fn memory_is_read_and_written_in_packets() {
        let asked = against(&[b"T05thread:01;", b"0a0B", b"OK"], |server| {
            let mut bytes = [0; 2];
            server.read(0x2000_0000, &mut bytes).unwrap();
            assert_eq!(bytes, [10, 11]);
            server.write(0x10, &[255]).unwrap();
        });
        assert_eq!(asked, b"$m20000000,2#4d++$M10,1:ff#11+");
    }

    #[test]
    fn strange_answers_are_errors() {
        for answer in [&b"E14"[..], b"", b"0a", b"0a0b0c", b"zzzz", b"+0+0", b"\xff\xfe0a"] {
            let answers: &'static [&'static [u8]] = Box::leak(Box::new([answer]));
            against(answers, |server| {
                let failure = server.read(0, &mut [0; 2]).unwrap_err();
                assert_eq!(failure.code(), "unplugged", "{answer:?}");
            });
        }
    }

    #[test]
    fn other_firmware_in_memory_is_noticed() {
        against(&[b"0102"], |server| {
            let image = Image { path: "x".into(), segments: vec![(0x100, vec![1, 3])], console: 0 };
            let failure = server.load(&image).unwrap_err();
            assert_eq!(failure, Failure::Verify { place: "0x00000101 has 0x02, not 0x03".into() });
        });
    }
}
