//! Manifests, boards and kernel libraries: KDL text to checked values, with every error of a file at once.
//!
//! Knows KDL and the file system; does not know graphs, stages or tools.

mod types;

pub use types::*;
