//! Firmware load: timers that interrupt the model as the rest of a product's firmware would.
//!
//! Knows what a load is; what a timer's registers are, `bare` knows.

/// What a timer is to do to everything that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Which of the board's timers.
    pub timer: usize,
    /// Ticks of the timer from one interrupt to the next; not 0.
    pub period: u32,
    /// The same in cycles of the core.
    pub cycles: u32,
    /// Cycles that an interrupt takes beyond what it does anyway.
    pub busy: u32,
    /// Bytes of stack that an interrupt uses.
    pub stack: u32,
    /// Priority as the NVIC has it: 0 is the most urgent, and SysTick's.
    pub priority: u8,
}

/// A timer of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What its registers are.
    pub kind: TimerKind,
    /// Where they are.
    pub address: usize,
    /// Its interrupt line, counted from the first that is not the core's own.
    pub line: u16,
}

/// Timers that the harness can set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// The timer of Arm's CMSDK, as on MPS2 boards (Cortex-M System Design Kit TRM, section 4.3).
    Cmsdk,
    /// The TIMER of Nordic's nRF51 and nRF52 (nRF51 Series Reference Manual, chapter 18).
    Nrf,
}
