//! The proof that a layout is sound. Shares no code with the search.

use thiserror::Error;

use super::{Buffer, Layout};

/// Why a layout is not sound. Each is a fault of the planner, never of a model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Overlap {
    /// Two buffers that one operator needs share bytes.
    #[error(
        "`{a}` and `{b}` are both needed by op:{operator} and share the arena's byte {byte}: report this as a fault of the memory planner"
    )]
    Shared {
        /// Name of a buffer.
        a: String,
        /// Name of another.
        b: String,
        /// An operator that needs both.
        operator: usize,
        /// The first byte that both hold.
        byte: usize,
    },
    /// A buffer ends above the peak.
    #[error("`{name}` ends at byte {end}, above the arena's {peak}: report this as a fault of the memory planner")]
    Outside {
        /// Name of the buffer.
        name: String,
        /// Its end.
        end: usize,
        /// The layout's peak.
        peak: usize,
    },
    /// There are not as many offsets as buffers.
    #[error("{offsets} offsets for {buffers} buffers: report this as a fault of the memory planner")]
    Incomplete {
        /// Number of offsets.
        offsets: usize,
        /// Number of buffers.
        buffers: usize,
    },
}

/// Proves that no two buffers that meet share a byte and that all lie below the layout's peak.
///
/// Compares every pair: the quadratic check is the one that needs no trust.
pub fn verify(buffers: &[Buffer], layout: &Layout) -> Result<(), Overlap> {
    if buffers.len() != layout.offsets.len() {
        return Err(Overlap::Incomplete { offsets: layout.offsets.len(), buffers: buffers.len() });
    }
    let placed: Vec<(&Buffer, usize)> = buffers.iter().zip(layout.offsets.iter().copied()).collect();
    for (index, &(a, start)) in placed.iter().enumerate() {
        let end = start.saturating_add(a.size);
        if end > layout.peak {
            return Err(Overlap::Outside { name: a.name.clone(), end, peak: layout.peak });
        }
        for &(b, other) in &placed[index + 1..] {
            let operator = a.first.max(b.first);
            let byte = start.max(other);
            if operator <= a.last.min(b.last) && byte < end.min(other.saturating_add(b.size)) {
                return Err(Overlap::Shared { a: a.name.clone(), b: b.name.clone(), operator, byte });
            }
        }
    }
    Ok(())
}
