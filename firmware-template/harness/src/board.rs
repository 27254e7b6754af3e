//! What the harness says about the board that it was built for, and what it finds there.

use crate::load::Timer;
use crate::transport::Wire;

/// The core clock that this firmware runs at, in Hz, as `LEAST-MOST` where its source is not exact; `instructions` where an
/// emulator counts those for ticks, `none` where there are no ticks, `unknown` where the board's file says nothing.
pub const CLOCK: &str = "instructions";

/// Timers that can put a load on; SysTick stays the counter.
pub const TIMERS: [Timer; 0] = [];

/// How sessions come to the board.
pub const WIRE: Wire = Wire::Semihosting;
