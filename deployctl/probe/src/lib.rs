//! Firmware on a real board, through a debug probe: one session of text in, one transcript of text out.
//!
//! A [`Target`] is memory that can be read and written while a core runs, and the few things that are done to the core;
//! probe-rs's (feature `probe-rs`) is one, and a GDB server's another. [`play`] puts firmware on it, starts it, and carries
//! bytes through the firmware's console in memory ([`rtt`]). What a session means it does not know.

mod failure;
pub mod gdb;
#[cfg(feature = "probe-rs")]
pub mod hardware;
mod image;
pub mod lease;
mod play;
pub mod rtt;

pub use failure::Failure;
pub use image::Image;
pub use play::{Limits, play};

/// A board as a debugger has it. Addresses are of the core's own map.
pub trait Target {
    /// Sees to it that `image` is in the board's memory, and that it really is there.
    fn load(&mut self, image: &Image) -> Result<(), Failure>;

    /// Resets the core and holds it before its first instruction.
    fn reset(&mut self) -> Result<(), Failure>;

    /// Lets the core run.
    fn run(&mut self) -> Result<(), Failure>;

    /// Reads memory, the core running or not.
    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Failure>;

    /// Writes memory, the core running or not.
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Failure>;

    /// Several reads and writes follow. What cannot reach memory while the core runs stops it until [`Target::end`].
    fn begin(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// That was the last of them.
    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
