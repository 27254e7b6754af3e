//! Declarative builds of neural networks for Arm Cortex-M.

pub mod builtin;
pub mod doctor;
pub mod emit;
pub mod fetch;
pub mod library;
pub mod lockfile;
pub mod manifest;
pub mod memory;
pub mod model;
pub mod tool;
pub mod runner;
