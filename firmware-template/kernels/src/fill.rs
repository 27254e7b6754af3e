//! Outputs of one value: FILL and `ZEROS_LIKE`.

use crate::bytes::wrong_operands;

/// FILL, every type: copies of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fill {
    /// Size of an element in bytes.
    pub size: usize,
    /// Elements of the output.
    pub len: usize,
}

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

/// Fills the output with the only input, a scalar.
pub fn fill(p: &Fill, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([value], [output]) = (inputs, outputs) else { wrong_operands() };
    for out in output[..p.size * p.len].chunks_exact_mut(p.size) {
        out.copy_from_slice(&value[..p.size]);
    }
}

#[cfg(test)]
mod tests {
    use super::{Fill, ZerosLike, fill, zeros_like};

    #[test]
    fn every_element_is_a_copy() {
        let mut output = [7; 5];
        fill(&Fill { size: 2, len: 2 }, &[&[1, 2]], &mut [&mut output]);
        assert_eq!(output, [1, 2, 1, 2, 7]);
    }

    #[test]
    fn writes_all_and_nothing_else() {
        let mut output = [7; 5];
        zeros_like(&ZerosLike { bytes: 4 }, &[&[1; 4]], &mut [&mut output]);
        assert_eq!(output, [0, 0, 0, 0, 7]);
    }
}
