//! The rest of a product's firmware, as far as the model feels it: interrupts that take time, stack and memory, and a task.
//!
//! An interrupt uses as much stack as it was told, looks after a piece of the memory that the manifest leaves to other firmware,
//! and keeps the core busy. The task looks after all of that memory between two inferences, and holds as much stack while the
//! model runs.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use harness::board::TIMERS;
use harness::load::{Load, Timer};

use super::{services, timer};

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

/// Interrupts in a row that ended when the next one was waiting already.
static ROW: AtomicU32 = AtomicU32::new(0);

/// So many of them are no coincidence.
const STORM: u32 = 1_000;

/// What the next phase is made from.
static PHASE: AtomicU32 = AtomicU32::new(FIRST_PHASE);
const FIRST_PHASE: u32 = 0x9e37_79b9;

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
    services::renew();
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

/// Gives the task its turn between two inferences.
pub(super) fn serve_task() {
    if loaded().next().is_some() {
        services::look_after_all();
    }
}

/// Does `work` while the task holds its stack.
pub(super) fn within_task(work: &mut dyn FnMut()) {
    let mark = 0_u32;
    match loaded().map(|(_, load)| load.stack.load(Ordering::Relaxed) as usize).max() {
        None | Some(0) => work(),
        Some(bytes) => services::on_stack((&raw const mark).addr(), bytes, work),
    }
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
    services::look_after_a_piece();
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
