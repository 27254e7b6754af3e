//! Outputs that do not depend on the values of their inputs.

use crate::bytes::wrong_operands;

/// ZEROS_LIKE, every type: LiteRT Micro writes zero bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ZerosLike {
    /// Size of the output.
    pub bytes: usize,
}

/// Fills the output with zeros.
pub fn zeros_like(p: &ZerosLike, _inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [output] = outputs else { wrong_operands() };
    output[..p.bytes].fill(0);
}

#[cfg(test)]
mod tests {
    use super::{ZerosLike, zeros_like};

    #[test]
    fn writes_all_and_nothing_else() {
        let mut output = [7; 5];
        zeros_like(&ZerosLike { bytes: 4 }, &[&[1; 4]], &mut [&mut output]);
        assert_eq!(output, [0, 0, 0, 0, 7]);
    }
}
