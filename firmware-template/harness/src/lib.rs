//! Runs the model for a host that compares and measures: one operator at a time, or all at once.
//!
//! The host sends a session of text lines and gets lines back (see [`protocol`]). What differs between an emulated board, a
//! real one and a host process is behind two traits: [`Port`] carries bytes, [`Platform`] counts ticks and stack.
//! Inputs come over the port and are never linked in, so the image does not depend on the vectors that it is tested with.
#![no_std]

pub mod arena;
pub mod bench;
pub mod board;
pub mod digest;
pub mod load;
pub mod protocol;
pub mod session;
mod stream;
pub mod ticks;
pub mod transport;

pub use arena::GuardedArena;
pub use bench::{Cost, Platform, Startup};
pub use session::{Buffers, serve};
pub use transport::Port;
