//! The stack's high-water mark, by paint: `cortex-m-rt` paints everything between the end of static data and the top of the
//! stack before `main`; what has lost its colour has been used.

use cortex_m::register::msp;
use cortex_m_rt::STACK_PAINT_VALUE as PAINT;

/// Words at the stack's end that must never be touched.
const LIMIT_WORDS: usize = 8;

unsafe extern "C" {
    /// First word of the stack's memory, where it must not grow beyond.
    static mut _stack_end: u32;
    /// End of the stack's memory, where it starts.
    static _stack_start: u32;
}

fn end() -> *mut u32 {
    &raw mut _stack_end
}

fn start() -> usize {
    (&raw const _stack_start).addr()
}

/// The lowest word below the stack pointer that has lost its paint, or the stack pointer.
fn lowest_used() -> *mut u32 {
    let top = msp::read() as usize;
    let mut word = end();
    // SAFETY: from `_stack_end` to the stack pointer is RAM that the linker script gave to the stack, aligned to words, and
    // painted, so initialized; interrupt frames may be pushed there meanwhile, hence volatile.
    while word.addr() < top && unsafe { word.read_volatile() } == PAINT {
        word = word.wrapping_add(1);
    }
    word
}

/// Bytes between `mark` and the deepest use of the stack since the paint was renewed.
pub(super) fn depth_below(mark: usize) -> usize {
    mark.saturating_sub(lowest_used().addr())
}

/// Whether the last words of the stack were used.
pub(super) fn overflowed() -> bool {
    // SAFETY: as in `lowest_used`; the stack has at least these words.
    (0..LIMIT_WORDS).any(|index| unsafe { end().wrapping_add(index).read_volatile() } != PAINT)
}

/// Paint that is renewed, with the deepest use seen before.
pub(super) struct StackPaint {
    deepest: usize,
}

impl StackPaint {
    pub(super) fn new() -> Self {
        Self { deepest: 0 }
    }

    /// Paints over what was used below the stack pointer; gives the stack pointer.
    pub(super) fn renew(&mut self) -> usize {
        self.total();
        let mark = msp::read() as usize;
        let mut word = lowest_used();
        while word.addr() < mark {
            // SAFETY: below the stack pointer there are only frames of functions that have returned.
            unsafe { word.write_volatile(PAINT) };
            word = word.wrapping_add(1);
        }
        mark
    }

    /// Bytes from the stack's start to its deepest use since reset.
    pub(super) fn total(&mut self) -> usize {
        self.deepest = self.deepest.max(start() - lowest_used().addr());
        self.deepest
    }
}

/// Uses the stack's last word.
#[cfg(feature = "faults")]
pub(super) fn spoil_end() {
    // SAFETY: the word lies in the stack's memory, far below the stack pointer.
    unsafe { end().write_volatile(0) };
}
