//! The rest of a product's firmware, as far as the model feels it: interrupts that take time, stack and memory.
//!
//! An interrupt uses as much stack as it was told, looks after a piece of the memory that the manifest leaves to other firmware
//! (`_services_start` to `_services_end` in `memory.x`), and keeps the core busy.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use harness::board::TIMERS;
use harness::load::{Load, Timer};

use super::timer;

/// What an interrupt of a timer does. Set while the timer stands still, but for the count.
struct Work {
    on: AtomicBool,
    cycles: AtomicU32,
    busy: AtomicU32,
    stack: AtomicU32,
    /// Interrupts since what is measured began. The handler adds, and does not interrupt itself; one that comes while the count
    /// is set to zero may be lost.
    count: AtomicU32,
}

static WORK: [Work; TIMERS.len()] = [const {
    Work {
        on: AtomicBool::new(false),
        cycles: AtomicU32::new(0),
        busy: AtomicU32::new(0),
        stack: AtomicU32::new(0),
        count: AtomicU32::new(0),
    }
}; TIMERS.len()];

/// Whether a word of the services' memory did not hold what had been written there.
static DAMAGED: AtomicBool = AtomicBool::new(false);

/// Byte offset of the piece that the next interrupt looks after. Two interrupts may take the same one.
static CURSOR: AtomicU32 = AtomicU32::new(0);

/// Interrupts in a row that ended when the next one was waiting already.
static ROW: AtomicU32 = AtomicU32::new(0);

/// So many of them are no coincidence.
const STORM: u32 = 1_000;

/// What the next phase is made from.
static PHASE: AtomicU32 = AtomicU32::new(FIRST_PHASE);
const FIRST_PHASE: u32 = 0x9e37_79b9;

/// Words of a piece.
const PIECE_WORDS: u32 = 8;

/// An interrupt line.
#[derive(Clone, Copy)]
struct Line(u16);

// SAFETY: the number is a line of the board's interrupt controller by its file, and does not change.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

/// Has a timer interrupt from now on; `false` where the board has no such timer.
pub(super) fn put_on(load: Load) -> bool {
    let Some((timer, work)) = TIMERS.get(load.timer).zip(WORK.get(load.timer)) else { return false };
    timer::stop(*timer);
    renew_services();
    work.cycles.store(load.cycles, Ordering::Relaxed);
    work.busy.store(load.busy, Ordering::Relaxed);
    work.stack.store(load.stack, Ordering::Relaxed);
    work.on.store(true, Ordering::Relaxed);
    let line = Line(timer.line);
    // SAFETY: the session has no critical section that relies on this line being masked or having another priority, and the
    // controller's registers are written by nobody else.
    unsafe {
        let mut nvic = cortex_m::Peripherals::steal().NVIC;
        nvic.set_priority(line, load.priority);
        NVIC::unpend(line);
        NVIC::unmask(line);
    }
    timer::start(*timer, load.period);
    true
}

/// Timers with a load on.
fn loaded() -> impl Iterator<Item = (Timer, &'static Work)> {
    TIMERS.iter().copied().zip(&WORK).filter(|(_, work)| work.on.load(Ordering::Relaxed))
}

/// Waits for another phase of the timers each time, since what is measured would else meet the same interrupts at the same places;
/// then counts interrupts from zero.
pub(super) fn begin() {
    let Some(longest) = loaded().map(|(_, work)| work.cycles.load(Ordering::Relaxed)).max() else { return };
    // Xorshift (Marsaglia 2003): the same session has the same phases.
    let mut phase = PHASE.load(Ordering::Relaxed);
    phase ^= phase << 13;
    phase ^= phase >> 17;
    phase ^= phase << 5;
    PHASE.store(phase, Ordering::Relaxed);
    cortex_m::asm::delay(phase % longest.max(1));
    loaded().for_each(|(_, work)| work.count.store(0, Ordering::Relaxed));
}

/// The number of interrupts since the beginning; `None` where no load is on.
pub(super) fn interrupts() -> Option<u32> {
    loaded().map(|(_, work)| work.count.load(Ordering::Relaxed)).reduce(u32::wrapping_add)
}

/// What came of an interrupt.
pub(super) enum Served {
    /// It is a load's.
    Yes,
    /// It is a load's, and loads leave no time to anybody else.
    Storm,
    /// It is none of a load's.
    No,
}

/// Serves an interrupt.
pub(super) fn interrupt(line: i16) -> Served {
    let served = loaded().find(|(timer, _)| i32::from(line) == i32::from(timer.line));
    let Some((timer, work)) = served else { return Served::No };
    timer::acknowledge(timer);
    work.count.store(work.count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    let mark = 0_u32;
    use_stack((&raw const mark).addr(), work.stack.load(Ordering::Relaxed) as usize);
    look_after_services();
    cortex_m::asm::delay(work.busy.load(Ordering::Relaxed));
    // Where one waits when another ends, nobody else comes in between.
    let waits = loaded().any(|(timer, _)| NVIC::is_pending(Line(timer.line)));
    let row = if waits { ROW.load(Ordering::Relaxed) + 1 } else { 0 };
    ROW.store(row, Ordering::Relaxed);
    if row < STORM { Served::Yes } else { Served::Storm }
}

/// Uses `bytes` of stack below `from`, in frames of which the last may reach further.
#[inline(never)]
fn use_stack(from: usize, bytes: usize) {
    let frame = black_box([0_u32; 8]);
    if from - (&raw const frame).addr() < bytes {
        use_stack(from, bytes);
    }
    black_box(&frame);
}

unsafe extern "C" {
    static mut _services_start: u32;
    static mut _services_end: u32;
}

/// Bytes of the services' memory, in whole pieces.
fn services_bytes() -> u32 {
    let (start, end) = ((&raw const _services_start).addr(), (&raw const _services_end).addr());
    let piece = 4 * PIECE_WORDS as usize;
    u32::try_from((end - start) / piece * piece).unwrap_or(0)
}

/// What a word of that memory holds.
fn content(word: *const u32) -> u32 {
    !(word.addr() as u32)
}

/// The words of a piece.
fn piece(offset: u32) -> impl Iterator<Item = *mut u32> {
    let first = (&raw mut _services_start).wrapping_byte_add(offset as usize);
    (0..PIECE_WORDS as usize).map(move |index| first.wrapping_add(index))
}

/// Writes all of the services' memory.
fn renew_services() {
    for offset in (0..services_bytes()).step_by(4 * PIECE_WORDS as usize) {
        // SAFETY: the linker script leaves this memory to nobody else.
        piece(offset).for_each(|word| unsafe { word.write_volatile(content(word)) });
    }
    DAMAGED.store(false, Ordering::Relaxed);
}

/// Compares a piece with what was written, writes it again, and goes on to the next.
fn look_after_services() {
    let bytes = services_bytes();
    if bytes == 0 {
        return;
    }
    let offset = CURSOR.load(Ordering::Relaxed);
    for word in piece(offset) {
        // SAFETY: as above; another interrupt writes the same value.
        unsafe {
            if word.read_volatile() != content(word) {
                DAMAGED.store(true, Ordering::Relaxed);
            }
            word.write_volatile(content(word));
        }
    }
    let next = offset + 4 * PIECE_WORDS;
    CURSOR.store(if next < bytes { next } else { 0 }, Ordering::Relaxed);
}

/// Whether that memory was overwritten by something else.
pub(super) fn damaged() -> bool {
    DAMAGED.load(Ordering::Relaxed)
}
