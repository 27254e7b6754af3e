//! A console in memory that a debug probe reads and writes while the core runs: SEGGER's Real Time Transfer, one channel each
//! way.
//!
//! The layout is SEGGER's (J-Link User Guide, UM08001, chapter 16), so that any tool that speaks RTT finds it by its mark. A
//! reader that is slow makes the firmware wait, and nothing is lost. What a session ends with is one byte more than SEGGER
//! knows: [`END`], then the digit of the exit code.

use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering};

/// Begins the last two bytes of a session: no line has it.
const END: u8 = 0x04;

/// Bytes of each channel; one of them stays free.
const BYTES: usize = 1024;

/// What a probe looks for. It stands in memory once everything else does, and nowhere in flash.
const MARK: [u8; 16] = *b"SEGGER RTT\0\0\0\0\0\0";

/// A ring of bytes. The writer owns `written`, the reader `read`; they are equal where it is empty.
#[repr(C)]
struct Channel {
    name: AtomicPtr<u8>,
    bytes: AtomicPtr<AtomicU8>,
    size: AtomicU32,
    written: AtomicU32,
    read: AtomicU32,
    flags: AtomicU32,
}

impl Channel {
    const fn new() -> Self {
        Self {
            name: AtomicPtr::new(core::ptr::null_mut()),
            bytes: AtomicPtr::new(core::ptr::null_mut()),
            size: AtomicU32::new(0),
            written: AtomicU32::new(0),
            read: AtomicU32::new(0),
            flags: AtomicU32::new(0),
        }
    }

    fn open(&self, ring: &'static Ring) {
        self.name.store(c"harness".as_ptr().cast_mut().cast(), Ordering::Relaxed);
        self.bytes.store(ring.as_ptr().cast_mut(), Ordering::Relaxed);
        self.size.store(BYTES as u32, Ordering::Relaxed);
    }

    fn offsets(&self) -> (usize, usize) {
        let offset = |place: &AtomicU32| place.load(Ordering::Acquire) as usize % BYTES;
        (offset(&self.written), offset(&self.read))
    }
}

type Ring = [AtomicU8; BYTES];

/// What a probe finds.
#[repr(C)]
struct Control {
    mark: [AtomicU8; MARK.len()],
    ups: AtomicU32,
    downs: AtomicU32,
    up: Channel,
    down: Channel,
}

#[unsafe(export_name = "_SEGGER_RTT")]
static CONTROL: Control = Control {
    mark: [const { AtomicU8::new(0) }; MARK.len()],
    ups: AtomicU32::new(0),
    downs: AtomicU32::new(0),
    up: Channel::new(),
    down: Channel::new(),
};

static UP: Ring = [const { AtomicU8::new(0) }; BYTES];
static DOWN: Ring = [const { AtomicU8::new(0) }; BYTES];

/// Makes the console known, once after each reset.
pub(super) fn open() {
    if CONTROL.ups.load(Ordering::Relaxed) != 0 {
        return;
    }
    CONTROL.up.open(&UP);
    CONTROL.down.open(&DOWN);
    CONTROL.ups.store(1, Ordering::Relaxed);
    CONTROL.downs.store(1, Ordering::Relaxed);
    // A probe that finds the beginning finds the rest: the first letter comes last.
    for (place, byte) in CONTROL.mark.iter().zip(MARK).rev() {
        place.store(byte, Ordering::Release);
    }
}

/// Waits for bytes, and takes as many as there are and fit.
pub(super) fn read(buffer: &mut [u8]) -> usize {
    let (mut written, read) = CONTROL.down.offsets();
    while written == read {
        core::hint::spin_loop();
        (written, _) = CONTROL.down.offsets();
    }
    let waiting = (written + BYTES - read) % BYTES;
    let count = waiting.min(buffer.len());
    for (index, byte) in buffer.iter_mut().take(count).enumerate() {
        *byte = DOWN[(read + index) % BYTES].load(Ordering::Relaxed);
    }
    CONTROL.down.read.store(((read + count) % BYTES) as u32, Ordering::Release);
    count
}

/// Puts bytes where the probe finds them, and waits for room.
pub(super) fn write(bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (written, read) = CONTROL.up.offsets();
        let room = (read + BYTES - written - 1) % BYTES;
        let (now, later) = rest.split_at(room.min(rest.len()));
        for (index, byte) in now.iter().enumerate() {
            UP[(written + index) % BYTES].store(*byte, Ordering::Relaxed);
        }
        CONTROL.up.written.store(((written + now.len()) % BYTES) as u32, Ordering::Release);
        rest = later;
    }
}

/// Says that this was all, and stays.
pub(super) fn end(code: i32) -> ! {
    write(&[END, b'0' + u8::from(code != 0)]);
    loop {
        core::hint::spin_loop();
    }
}
