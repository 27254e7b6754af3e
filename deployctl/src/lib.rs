//! Declarative builds of neural networks for Arm Cortex-M.

pub mod library;
pub mod manifest;
pub mod memory;
pub mod model;
pub mod runner;
