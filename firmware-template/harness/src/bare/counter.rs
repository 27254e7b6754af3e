//! SysTick as a counter of ticks: core clock cycles on hardware, a fixed number of instructions on an emulator that counts.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use harness::ticks::{PERIOD, elapsed};

/// How often the counter reached zero since it was started.
static ZEROS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // Only this handler and `start`, with the counter stopped, write; ARMv6-M has no read-modify-write.
    ZEROS.store(ZEROS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The running counter.
pub(super) struct Counter(SYST);

impl Counter {
    pub(super) fn new(mut syst: SYST) -> Self {
        syst.set_clock_source(SystClkSource::Core);
        syst.set_reload(PERIOD - 1);
        syst.enable_interrupt();
        Self(syst)
    }

    /// Starts from zero, in the same phase each time.
    pub(super) fn start(&mut self) {
        self.0.disable_counter();
        ZEROS.store(0, Ordering::Relaxed);
        self.0.clear_current();
        self.0.enable_counter();
    }

    /// Ticks since the start.
    pub(super) fn ticks(&mut self) -> u64 {
        loop {
            let zeros = ZEROS.load(Ordering::Relaxed);
            let present = SYST::get_current();
            if zeros == ZEROS.load(Ordering::Relaxed) {
                self.0.disable_counter();
                return elapsed(zeros, present);
            }
        }
    }
}
