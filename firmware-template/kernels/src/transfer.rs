//! Bytes from one place to another: `READ_VARIABLE` and `ASSIGN_VARIABLE`.

use crate::bytes::wrong_operands;

/// A copy, of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Transfer {
    /// Bytes.
    pub len: usize,
}

/// Copies the only input to the only output.
#[inline]
pub fn transfer(p: &Transfer, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    output[..p.len].copy_from_slice(&input[..p.len]);
}

#[cfg(test)]
mod tests {
    use super::{Transfer, transfer};

    #[test]
    fn bytes_are_copied() {
        let mut output = [9; 4];
        transfer(&Transfer { len: 3 }, &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [1, 2, 3, 9]);
    }
}
