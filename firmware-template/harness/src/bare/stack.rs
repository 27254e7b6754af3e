//! The stack's end, and its high-water mark.
//!
//! Where the core can, the end is guarded: by a limit for the stack pointer (Armv8-M Mainline), or by memory without access (Armv7-M with
//! an MPU). The mark is by paint: `cortex-m-rt` paints everything between the end of static data and the top of the
//! stack before `main`; what has lost its colour has been used.

use cortex_m::register::msp;
use cortex_m_rt::STACK_PAINT_VALUE as PAINT;

/// Words at the stack's end that must never be touched.
const LIMIT_WORDS: usize = 8;

/// Words with their paint behind which no more use of the stack is looked for: 4 KiB.
const GAP_WORDS: usize = 1024;

unsafe extern "C" {
    /// First word of the stack's memory, where it must not grow beyond.
    static mut _stack_end: u32;
    /// End of the stack's memory, where it starts.
    static _stack_start: u32;
}

/// Memory without access at the stack's end, where the core may have an MPU for that; a power of two, and aligned to itself.
const GUARD_BYTES: usize = if cfg!(armv7m) { 256 } else { 0 };

/// QEMU asks for the first byte of a page when semihosting reads or writes any of it.
const PAGE_BYTES: usize = 1024;

// What is told of a failure depends on these, so that the file says them: symbols that are numbers, and take no memory.
core::arch::global_asm!(
    ".global _stack_guard_bytes",
    ".set _stack_guard_bytes, {stack}",
    ".global _stack_page_bytes",
    ".set _stack_page_bytes, {page}",
    ".global _arena_guard_bytes",
    ".set _arena_guard_bytes, {arena}",
    stack = const GUARD_BYTES,
    page = const PAGE_BYTES,
    arena = const harness::arena::GUARD_BYTES,
);

/// First byte of that memory; not the first of a page, or semihosting could not reach the page's rest, where the stack may be.
fn guard() -> usize {
    let end = (&raw const _stack_end).addr();
    if GUARD_BYTES == 0 {
        return end.next_multiple_of(8);
    }
    let first = end.next_multiple_of(GUARD_BYTES);
    if first.is_multiple_of(PAGE_BYTES) { first + GUARD_BYTES } else { first }
}

/// First word that the stack may use.
fn end() -> *mut u32 {
    let end = &raw mut _stack_end;
    end.wrapping_byte_add(guard() + GUARD_BYTES - end.addr())
}

/// Has the core look after the stack's end, where it can.
#[cfg(armv7m)]
pub(super) fn protect(mpu: &mut cortex_m::peripheral::MPU) {
    const NEVER_EXECUTE: u32 = 1 << 28;
    const ENABLE: u32 = 1;
    const DEFAULT_ELSEWHERE: u32 = 1 << 2;
    if mpu._type.read() >> 8 & 0xff == 0 {
        return;
    }
    // Size is two to the power of this plus one; no access is all bits of `AP` zero (ARMv7-M Architecture Reference Manual, B3.5.9).
    let size = (GUARD_BYTES.trailing_zeros() - 1) << 1;
    // SAFETY: the region is at the stack's end, where nothing else lies, and elsewhere the memory map stays as it is. Off while a
    // fault is handled.
    unsafe {
        mpu.rnr.write(0);
        mpu.rbar.write(guard() as u32);
        mpu.rasr.write(NEVER_EXECUTE | size | ENABLE);
        mpu.ctrl.write(DEFAULT_ELSEWHERE | ENABLE);
    }
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}

/// Has the core look after the stack's end, where it can.
#[cfg(armv8m_main)]
pub(super) fn protect(_: &mut cortex_m::peripheral::MPU) {
    // SAFETY: the stack pointer is far above its end.
    unsafe { cortex_m::register::msplim::write(end().addr() as u32) };
}

/// Has the core look after the stack's end, where it can: this one cannot.
#[cfg(not(any(armv7m, armv8m_main)))]
pub(super) fn protect(_: &mut cortex_m::peripheral::MPU) {}

/// Whether a fault with this status, at a stack pointer `frame`, is that of a stack at its end.
pub(super) fn hit_limit(cfsr: u32, address: Option<u32>, frame: usize) -> bool {
    /// Stacking for an exception, and that of floating-point registers later, met the guard; the stack pointer met its limit.
    const OF_STACK: u32 = 1 << 4 | 1 << 5 | 1 << 20;
    /// Stack pointers this near have pushed into the guard; what is far away has written there by mistake.
    const NEAR: usize = 512;
    let end = end().addr();
    let in_guard = address.is_some_and(|address| (guard()..end).contains(&(address as usize)));
    cfsr & OF_STACK != 0 || frame < end || (in_guard && frame < end + NEAR)
}

fn start() -> usize {
    (&raw const _stack_start).addr()
}

/// Whether a word of the stack's memory still has its paint.
///
/// # Safety
///
/// `word` lies between `_stack_end` and `_stack_start` and is aligned.
unsafe fn painted(word: *const u32) -> bool {
    // SAFETY: the linker script gave that RAM to the stack, and paint initialized it. Interrupt frames may be pushed there
    // meanwhile, hence volatile.
    unsafe { word.read_volatile() == PAINT }
}

/// The lowest word below the stack pointer that has lost its paint, or the stack pointer.
fn lowest_used() -> *mut u32 {
    const BLOCK: usize = 4;
    let top = msp::read() as usize;
    let mut word = end();
    // A large RAM is all paint: by blocks as far as they go, then word by word.
    // SAFETY: every word of a block that ends at or below the stack pointer is the stack's.
    while word.wrapping_add(BLOCK).addr() <= top && (0..BLOCK).all(|index| unsafe { painted(word.wrapping_add(index)) })
    {
        word = word.wrapping_add(BLOCK);
    }
    // SAFETY: a word below the stack pointer is the stack's.
    while word.addr() < top && unsafe { painted(word) } {
        word = word.wrapping_add(1);
    }
    word
}

/// As [`lowest_used`], but looks no further than a gap of [`GAP_WORDS`] with their paint: quick where RAM is large.
fn lowest_used_nearby() -> *mut u32 {
    let top = end().wrapping_byte_add(msp::read() as usize - end().addr());
    let (mut lowest, mut word, mut gap) = (top, top, 0);
    while gap < GAP_WORDS && word > end() {
        word = word.wrapping_sub(1);
        // SAFETY: a word between the stack's end and the stack pointer is the stack's.
        if unsafe { painted(word) } {
            gap += 1;
        } else {
            (lowest, gap) = (word, 0);
        }
    }
    lowest
}

/// Bytes between `mark` and the deepest use of the stack since the paint was renewed. A frame that leaves more than [`GAP_WORDS`]
/// of its words alone may hide what is below it; the total does not miss that.
pub(super) fn depth_below(mark: usize) -> usize {
    mark.saturating_sub(lowest_used_nearby().addr())
}

/// Whether the last words of the stack were used.
pub(super) fn overflowed() -> bool {
    // SAFETY: the stack has at least these words.
    (0..LIMIT_WORDS).any(|index| unsafe { !painted(end().wrapping_add(index)) })
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
        let mut word = lowest_used_nearby();
        self.keep(word);
        let mark = msp::read() as usize;
        while word.addr() < mark {
            // SAFETY: below the stack pointer there are only frames of functions that have returned.
            unsafe { word.write_volatile(PAINT) };
            word = word.wrapping_add(1);
        }
        mark
    }

    /// Bytes from the stack's start to its deepest use since reset.
    pub(super) fn total(&mut self) -> usize {
        self.keep(lowest_used());
        self.deepest
    }

    /// Keeps in mind how deep that is.
    fn keep(&mut self, lowest: *mut u32) {
        self.deepest = self.deepest.max(start() - lowest.addr());
    }
}

/// Uses the whole stack, and more.
#[cfg(feature = "faults")]
#[inline(never)]
pub(super) fn exhaust(depth: u32) {
    let frame = core::hint::black_box([depth; 16]);
    if core::hint::black_box(true) {
        exhaust(depth + 1);
    }
    core::hint::black_box(&frame);
}

/// Uses the stack's last word.
#[cfg(feature = "faults")]
pub(super) fn spoil_end() {
    // SAFETY: the word lies in the stack's memory, far below the stack pointer.
    unsafe { end().write_volatile(0) };
}
