//! Other firmware as the model's neighbour: memory of its own that nobody else writes, and stack below the model's.
//!
//! The memory is what the manifest leaves to others (`_services_start` to `_services_end` in `memory.x`). Interrupts look after a
//! piece of it at a time, a task between two inferences after all of it. That the task has not returned while the model runs, as
//! where a main loop calls both, is its stack's part: the model's deepest use and the task's come together.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Whether a word did not hold what had been written there.
static DAMAGED: AtomicBool = AtomicBool::new(false);

/// Byte offset of the piece that the next interrupt looks after. Two interrupts may take the same one.
static CURSOR: AtomicU32 = AtomicU32::new(0);

/// Words of a piece.
const PIECE_WORDS: usize = 8;
/// Bytes of a piece.
const PIECE_BYTES: usize = 4 * PIECE_WORDS;

unsafe extern "C" {
    static mut _services_start: u32;
    static mut _services_end: u32;
}

/// Bytes of the memory, in whole pieces.
pub(super) fn bytes() -> usize {
    let (start, end) = ((&raw const _services_start).addr(), (&raw const _services_end).addr());
    (end - start) / PIECE_BYTES * PIECE_BYTES
}

/// What a word holds.
fn content(word: *const u32) -> u32 {
    !(word.addr() as u32)
}

/// The words of a piece.
fn piece(offset: usize) -> impl Iterator<Item = *mut u32> {
    let first = (&raw mut _services_start).wrapping_byte_add(offset);
    (0..PIECE_WORDS).map(move |index| first.wrapping_add(index))
}

/// Whether a word can be written and read. The caller has it alone.
fn keeps(word: *mut u32, value: u32) -> bool {
    // SAFETY: the linker script leaves this memory to nobody else.
    unsafe {
        word.write_volatile(value);
        word.read_volatile() == value
    }
}

/// Notes that a word was not what it should be.
fn note(right: bool) {
    if !right {
        DAMAGED.store(true, Ordering::Relaxed);
    }
}

/// Writes all of it.
pub(super) fn renew() {
    for offset in (0..bytes()).step_by(PIECE_BYTES) {
        piece(offset).for_each(|word| _ = keeps(word, content(word)));
    }
    DAMAGED.store(false, Ordering::Relaxed);
}

/// An interrupt's part: compares a piece with what was written, writes it again, and goes on to the next.
pub(super) fn look_after_a_piece() {
    let bytes = bytes();
    if bytes == 0 {
        return;
    }
    let offset = CURSOR.load(Ordering::Relaxed) as usize;
    for word in piece(offset) {
        // SAFETY: as in `keeps`; another interrupt writes the same value.
        note(unsafe { word.read_volatile() } == content(word));
        note(keeps(word, content(word)));
    }
    let next = offset + PIECE_BYTES;
    CURSOR.store(if next < bytes { next as u32 } else { 0 }, Ordering::Relaxed);
}

/// The task's part: goes through all of it, compares each word with what was written, and uses it. No interrupt comes while a
/// piece is in use, or it would take that for damage.
pub(super) fn look_after_all() {
    for offset in (0..bytes()).step_by(PIECE_BYTES) {
        cortex_m::interrupt::free(|_| {
            for word in piece(offset) {
                // SAFETY: as in `keeps`.
                note(unsafe { word.read_volatile() } == content(word));
                note(keeps(word, !content(word)) && keeps(word, content(word)));
            }
        });
    }
}

/// Does `work` on top of `bytes` of stack below `from`, in frames of which the last may reach further; they hold their words.
#[inline(never)]
pub(super) fn on_stack(from: usize, bytes: usize, work: &mut dyn FnMut()) {
    const HELD: u32 = 0x7e57_57ac;
    let frame = black_box([HELD; PIECE_WORDS]);
    if from - (&raw const frame).addr() < bytes {
        on_stack(from, bytes, work);
    } else {
        work();
    }
    note(black_box(&frame).iter().all(|&word| word == HELD));
}

/// Whether that memory was overwritten by something else.
pub(super) fn damaged() -> bool {
    DAMAGED.load(Ordering::Relaxed)
}
