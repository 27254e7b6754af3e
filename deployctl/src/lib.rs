//! Declarative builds of neural networks for Arm Cortex-M.

pub mod advice;
pub mod builtin;
pub mod cli;
mod command;
pub mod doctor;
pub mod elf;
pub mod emit;
pub mod error;
pub mod fetch;
pub mod frame;
pub mod gate;
pub mod library;
pub mod lockfile;
pub mod manifest;
pub mod memory;
pub mod model;
pub mod page;
pub mod parity;
pub mod plan;
pub mod release;
pub mod render;
pub mod runner;
pub mod site;
pub mod stage;
pub mod svg;
pub mod tool;
pub mod ui;
pub mod vectors;

pub use command::{Io, run};
