//! What the harness says about the board that it was built for.

/// The core clock that this firmware runs at, in Hz, as `LEAST-MOST` where its source is not exact; `instructions` where an
/// emulator counts those for ticks, `none` where there are no ticks, `unknown` where the board's file says nothing.
pub const CLOCK: &str = "instructions";
