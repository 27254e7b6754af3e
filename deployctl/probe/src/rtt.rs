//! The host's side of SEGGER's Real Time Transfer: rings of bytes in a target's memory, as the harness lays them out
//! (`firmware-template/harness/src/bare/rtt.rs`).
//!
//! Everything read from the target is checked before it is used: memory may hold anything at all.

use crate::{Failure, Target};

/// What stands at the beginning of a console that is open.
const MARK: [u8; 16] = *b"SEGGER RTT\0\0\0\0\0\0";

/// Bytes of the control block before the channels: mark, number of up channels, number of down channels.
const HEAD: u32 = 24;

/// Bytes of a channel: name, address, size, offset of the writer, offset of the reader, flags.
const CHANNEL: u32 = 24;

/// Where the two offsets are in a channel.
const OFFSETS: u32 = 12;

/// Most channels of a kind that anybody has.
const MOST_CHANNELS: u32 = 32;

/// Largest ring that is believed in.
const MOST_BYTES: u32 = 1 << 20;

/// Makes a console of an earlier start unfindable; what is in RAM outlives a reset.
pub fn forget<T: Target + ?Sized>(target: &mut T, address: u32) -> Result<(), Failure> {
    target.write(address, &[0; MARK.len()])
}

/// An open console: the first channel each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Console {
    up: Channel,
    down: Channel,
}

/// A ring of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Channel {
    /// Of the descriptor.
    address: u32,
    /// Of the bytes.
    ring: u32,
    size: u32,
}

fn damaged(problem: String) -> Failure {
    Failure::Console { problem }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl Console {
    /// The console at `address`; `None` where there is none yet.
    pub fn find<T: Target + ?Sized>(target: &mut T, address: u32) -> Result<Option<Self>, Failure> {
        let mut head = [0; HEAD as usize];
        target.read(address, &mut head)?;
        if head[..MARK.len()] != MARK {
            return Ok(None);
        }
        let (ups, downs) = (word(&head, 16), word(&head, 20));
        if !(1..=MOST_CHANNELS).contains(&ups) || !(1..=MOST_CHANNELS).contains(&downs) {
            return Err(damaged(format!("it has {ups} channels up and {downs} down")));
        }
        let first = address.checked_add(HEAD).ok_or_else(|| damaged("it ends beyond memory".to_owned()))?;
        let after = first.checked_add(ups * CHANNEL).ok_or_else(|| damaged("it ends beyond memory".to_owned()))?;
        Ok(Some(Self { up: Channel::read(target, first)?, down: Channel::read(target, after)? }))
    }

    /// Takes what the target has written.
    pub fn read<T: Target + ?Sized>(&self, target: &mut T) -> Result<Vec<u8>, Failure> {
        let (written, read) = self.up.offsets(target)?;
        if written == read {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        if written < read {
            bytes.extend(self.up.piece(target, read, self.up.size)?);
            bytes.extend(self.up.piece(target, 0, written)?);
        } else {
            bytes.extend(self.up.piece(target, read, written)?);
        }
        target.write(self.up.address + OFFSETS + 4, &written.to_le_bytes())?;
        Ok(bytes)
    }

    /// Gives the target as many bytes as there is room for, and says how many.
    pub fn write<T: Target + ?Sized>(&self, target: &mut T, bytes: &[u8]) -> Result<usize, Failure> {
        let (written, read) = self.down.offsets(target)?;
        let room = (read + self.down.size - written - 1) % self.down.size;
        let bytes = &bytes[..bytes.len().min(room as usize)];
        if bytes.is_empty() {
            return Ok(0);
        }
        let to_end = (self.down.size - written) as usize;
        let (first, second) = bytes.split_at(bytes.len().min(to_end));
        target.write(self.down.ring + written, first)?;
        if !second.is_empty() {
            target.write(self.down.ring, second)?;
        }
        let count = u32::try_from(bytes.len()).unwrap_or(0);
        let written = (written + count) % self.down.size;
        target.write(self.down.address + OFFSETS, &written.to_le_bytes())?;
        Ok(bytes.len())
    }
}

impl Channel {
    fn read<T: Target + ?Sized>(target: &mut T, address: u32) -> Result<Self, Failure> {
        let mut bytes = [0; CHANNEL as usize];
        if address.checked_add(CHANNEL).is_none() {
            return Err(damaged("it ends beyond memory".to_owned()));
        }
        target.read(address, &mut bytes)?;
        let (ring, size) = (word(&bytes, 4), word(&bytes, 8));
        if !(2..=MOST_BYTES).contains(&size) || ring == 0 || ring.checked_add(size).is_none() {
            return Err(damaged(format!("a channel has {size} bytes at {ring:#010x}")));
        }
        Ok(Self { address, ring, size })
    }

    /// Offsets of the writer and of the reader.
    fn offsets<T: Target + ?Sized>(&self, target: &mut T) -> Result<(u32, u32), Failure> {
        let mut bytes = [0; 8];
        target.read(self.address + OFFSETS, &mut bytes)?;
        let (written, read) = (word(&bytes, 0), word(&bytes, 4));
        if written >= self.size || read >= self.size {
            let size = self.size;
            return Err(damaged(format!("a channel of {size} bytes is written at {written} and read at {read}")));
        }
        Ok((written, read))
    }

    /// Bytes of the ring from one offset to another.
    fn piece<T: Target + ?Sized>(&self, target: &mut T, from: u32, to: u32) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; to.saturating_sub(from) as usize];
        if !bytes.is_empty() {
            target.read(self.ring + from, &mut bytes)?;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Image;

    /// Memory without a core.
    pub(crate) struct Ram {
        pub(crate) base: u32,
        pub(crate) bytes: Vec<u8>,
    }

    impl Ram {
        fn range(&self, address: u32, length: usize) -> Result<std::ops::Range<usize>, Failure> {
            let start = address.wrapping_sub(self.base) as usize;
            let end = start.checked_add(length).filter(|end| *end <= self.bytes.len());
            let lost = || Failure::Unplugged { doing: "reading memory", problem: format!("bus fault at {address:#x}") };
            end.map(|end| start..end).ok_or_else(lost)
        }
    }

    impl Target for Ram {
        fn load(&mut self, _: &Image) -> Result<(), Failure> {
            Ok(())
        }

        fn reset(&mut self) -> Result<(), Failure> {
            Ok(())
        }

        fn run(&mut self) -> Result<(), Failure> {
            Ok(())
        }

        fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Failure> {
            let range = self.range(address, bytes.len())?;
            bytes.copy_from_slice(&self.bytes[range]);
            Ok(())
        }

        fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Failure> {
            let range = self.range(address, bytes.len())?;
            self.bytes[range].copy_from_slice(bytes);
            Ok(())
        }
    }

    pub(crate) const BASE: u32 = 0x2000_0000;

    /// A console with rings of eight bytes.
    pub(crate) fn ram() -> Ram {
        let mut ram = Ram { base: BASE, bytes: vec![0; 256] };
        ram.write(BASE, &MARK).unwrap();
        for (at, value) in [(16, 1), (20, 1), (28, BASE + 128), (32, 8), (52, BASE + 160), (56, 8)] {
            ram.write(BASE + at, &u32::to_le_bytes(value)).unwrap();
        }
        ram
    }

    fn set(ram: &mut Ram, at: u32, value: u32) {
        ram.write(BASE + at, &value.to_le_bytes()).unwrap();
    }

    #[test]
    fn bytes_go_around_the_end_both_ways() {
        let mut ram = ram();
        let console = Console::find(&mut ram, BASE).unwrap().unwrap();
        assert_eq!(console.read(&mut ram).unwrap(), b"");
        ram.write(BASE + 128, b"defg__bc").unwrap();
        set(&mut ram, 36, 4);
        set(&mut ram, 40, 6);
        assert_eq!(console.read(&mut ram).unwrap(), b"bcdefg".as_slice()[..6].to_vec());
        assert_eq!(console.read(&mut ram).unwrap(), b"");

        set(&mut ram, 60, 5);
        set(&mut ram, 64, 5);
        assert_eq!(console.write(&mut ram, b"0123456789").unwrap(), 7);
        assert_eq!(&ram.bytes[160..168], b"3456\x00012");
        assert_eq!(console.write(&mut ram, b"789").unwrap(), 0);
    }

    #[test]
    fn a_console_that_is_not_open_is_none() {
        let mut ram = ram();
        forget(&mut ram, BASE).unwrap();
        assert_eq!(Console::find(&mut ram, BASE), Ok(None));
        assert!(Console::find(&mut ram, BASE + 240).is_err());
    }

    #[test]
    fn no_content_of_memory_is_a_panic() {
        for at in (16..72).step_by(4) {
            for value in [0, 1, 7, 8, 9, 0x7fff_ffff, 0x8000_0000, u32::MAX, u32::MAX - 7] {
                let mut ram = ram();
                set(&mut ram, at, value);
                if let Ok(Some(console)) = Console::find(&mut ram, BASE) {
                    let (_, _) = (console.read(&mut ram), console.write(&mut ram, b"0123456789"));
                }
            }
        }
        let mut noise = 1_u32;
        for _ in 0..20_000 {
            let mut ram = ram();
            for byte in &mut ram.bytes[16..] {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if noise >> 29 == 0 {
                    *byte = noise.to_le_bytes()[2];
                }
            }
            if let Ok(Some(console)) = Console::find(&mut ram, BASE) {
                let (_, _) = (console.read(&mut ram), console.write(&mut ram, b"0123456789"));
            }
        }
    }
}
