//! Registers of timers.

use harness::load::{Timer, TimerKind};

/// A register.
fn write(timer: Timer, offset: usize, value: u32) {
    // SAFETY: the board's file says that a timer of this kind is at this address; its registers are words.
    unsafe { ((timer.address + offset) as *mut u32).write_volatile(value) };
}

/// Begins to interrupt each `period` ticks.
pub(super) fn start(timer: Timer, period: u32) {
    match timer.kind {
        TimerKind::Cmsdk => {
            let reload = period.saturating_sub(1).max(1);
            write(timer, cmsdk::VALUE, reload);
            write(timer, cmsdk::RELOAD, reload);
            write(timer, cmsdk::CTRL, cmsdk::ENABLE_AND_INTERRUPT);
        }
        TimerKind::Nrf => {
            write(timer, nrf::MODE, 0);
            write(timer, nrf::BITMODE, nrf::BITS_16);
            write(timer, nrf::PRESCALER, 0);
            write(timer, nrf::CC0, period.max(1));
            write(timer, nrf::SHORTS, nrf::COMPARE0_CLEAR);
            write(timer, nrf::INTENSET, nrf::COMPARE0);
            write(timer, nrf::TASKS_CLEAR, 1);
            write(timer, nrf::TASKS_START, 1);
        }
    }
}

/// Ends interrupting.
pub(super) fn stop(timer: Timer) {
    match timer.kind {
        TimerKind::Cmsdk => write(timer, cmsdk::CTRL, 0),
        TimerKind::Nrf => {
            write(timer, nrf::TASKS_STOP, 1);
            write(timer, nrf::INTENCLR, nrf::COMPARE0);
        }
    }
    acknowledge(timer);
}

/// Takes note of an interrupt, so that it ends.
pub(super) fn acknowledge(timer: Timer) {
    match timer.kind {
        TimerKind::Cmsdk => write(timer, cmsdk::INTCLEAR, 1),
        TimerKind::Nrf => write(timer, nrf::EVENTS_COMPARE0, 0),
    }
}

mod cmsdk {
    pub(super) const CTRL: usize = 0x00;
    pub(super) const VALUE: usize = 0x04;
    pub(super) const RELOAD: usize = 0x08;
    pub(super) const INTCLEAR: usize = 0x0c;
    pub(super) const ENABLE_AND_INTERRUPT: u32 = 0b1001;
}

mod nrf {
    pub(super) const TASKS_START: usize = 0x000;
    pub(super) const TASKS_STOP: usize = 0x004;
    pub(super) const TASKS_CLEAR: usize = 0x00c;
    pub(super) const EVENTS_COMPARE0: usize = 0x140;
    pub(super) const SHORTS: usize = 0x200;
    pub(super) const INTENSET: usize = 0x304;
    pub(super) const INTENCLR: usize = 0x308;
    pub(super) const MODE: usize = 0x504;
    pub(super) const BITMODE: usize = 0x508;
    pub(super) const PRESCALER: usize = 0x510;
    pub(super) const CC0: usize = 0x540;
    pub(super) const COMPARE0: u32 = 1 << 16;
    pub(super) const COMPARE0_CLEAR: u32 = 1;
    pub(super) const BITS_16: u32 = 0;
}
