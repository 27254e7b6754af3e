//! Where activations and scratch buffers lie in the arena. Pure: lifetimes in, offsets and bounds out.

use serde::{Deserialize, Serialize};

/// Something that needs a place in the arena for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    /// What people read: a tensor's name, or `scratch of op:3`.
    pub name: String,
    /// Bytes.
    pub size: usize,
    /// First operator during which it must hold its contents (0 for model inputs).
    pub first: usize,
    /// Last such operator, inclusive (the last operator for model outputs).
    pub last: usize,
}

/// A place for every buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Offset of each buffer, in the order given; multiples of the alignment.
    pub offsets: Vec<usize>,
    /// Bytes the arena needs: the highest end of any buffer, rounded up to the alignment.
    pub peak: usize,
    /// No layout can be smaller: the largest sum of aligned sizes live during one operator.
    pub lower_bound: usize,
    /// The operator at which the lower bound is reached (the first one).
    pub peak_operator: usize,
}
