//! SysTick as a counter of ticks: core clock cycles on hardware, a fixed number of instructions on an emulator that counts.

use core::arch::naked_asm;
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

/// Starts the counter before memory is initialized, without its interrupt, whose handler needs memory. So [`Counter::since_reset`] has
/// what that took.
///
/// # Safety
///
/// Only the reset handler calls it: it uses neither memory nor stack, and registers that a call may change.
#[unsafe(export_name = "__pre_init")]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn count_from_reset() {
    // SYST_RVR is the period, SYST_CVR is cleared, SYST_CSR counts the core clock (Armv7-M Architecture Reference Manual, B3.3).
    naked_asm!(
        "ldr r0, =0xe000e010",
        "ldr r1, =0x00ffffff",
        "str r1, [r0, #4]",
        "movs r1, #0",
        "str r1, [r0, #8]",
        "movs r1, #5",
        "str r1, [r0]",
        "bx lr",
        ".pool",
    );
}

/// The running counter.
pub(super) struct Counter(SYST);

impl Counter {
    /// The counter, which still counts from reset.
    pub(super) fn new(mut syst: SYST) -> Self {
        syst.set_clock_source(SystClkSource::Core);
        syst.set_reload(PERIOD - 1);
        Self(syst)
    }

    /// Ticks since reset, until the counter is started anew; `None` where it has been at zero since.
    pub(super) fn since_reset(&mut self) -> Option<u64> {
        let present = SYST::get_current();
        if self.0.has_wrapped() { None } else { Some(elapsed(0, present)) }
    }

    /// Starts from zero, in the same phase each time.
    pub(super) fn start(&mut self) {
        self.0.disable_counter();
        ZEROS.store(0, Ordering::Relaxed);
        self.0.clear_current();
        self.0.enable_interrupt();
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
