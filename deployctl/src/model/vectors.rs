//! Seeded input vectors, the same everywhere: a manifest's `random count=16 seed=1`, the tests' golden data and the
//! oracle script all use this generator.
//!
//! It is `SplitMix64` (Steele, Lea and Flood, 2014), started for each tensor at a state that is mixed from the seed, the
//! vector's number and the input's position; each output gives eight bytes, least significant first.

use super::{Tensor, TensorType};

/// One input of a model: uniformly distributed over all values of an integer type, over [-1, 1] for float32, over both
/// values for bool.
///
/// `vector` counts vectors from 0 and `input` is the position in the graph's inputs.
pub fn random_tensor(seed: u64, vector: u64, input: u64, tensor: &Tensor) -> Vec<u8> {
    let mut bytes = random(seed, vector, input, tensor.bytes());
    match tensor.dtype {
        TensorType::Float32 => {
            for word in bytes.as_chunks_mut().0 {
                // Rounded once, to the nearest; the division by a power of two is exact.
                #[expect(clippy::cast_precision_loss, reason = "the rounding is what is wanted")]
                let value = i32::from_le_bytes(*word) as f32 / 2_147_483_648.0;
                *word = value.to_le_bytes();
            }
        }
        TensorType::Bool => bytes.iter_mut().for_each(|byte| *byte &= 1),
        _ => {}
    }
    bytes
}

/// The samples of `hops` hops: as [`random_tensor`]; int16 samples are halved from none to eleven times, which changes from hop to
/// hop, so that what follows loudness is seen over its range.
pub fn random_stream(seed: u64, vector: u64, input: u64, hop: &Tensor, hops: usize) -> Vec<u8> {
    let mut shape = hop.shape.clone();
    shape.insert(0, hops);
    let mut bytes = random_tensor(seed, vector, input, &Tensor { shape, ..hop.clone() });
    if hop.dtype == TensorType::Int16 {
        let loudness = random(seed, vector, !input, hops);
        for (hop, halved) in bytes.chunks_mut(hop.bytes().max(1)).zip(loudness) {
            for word in hop.as_chunks_mut().0 {
                *word = (i16::from_le_bytes(*word) >> (halved % 12)).to_le_bytes();
            }
        }
    }
    bytes
}

/// `len` bytes for one input of a model.
fn random(seed: u64, vector: u64, input: u64, len: usize) -> Vec<u8> {
    let mut state = mix(mix(mix(seed).wrapping_add(vector)).wrapping_add(input));
    let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
    while bytes.len() < len {
        bytes.extend_from_slice(&mix(state).to_le_bytes());
        state = state.wrapping_add(GAMMA);
    }
    bytes.truncate(len);
    bytes
}

/// The odd constant by which `SplitMix64`'s state grows: 2^64 over the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// `SplitMix64`'s output for a state.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(GAMMA);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_the_type() {
        let tensor = |dtype| Tensor {
            name: String::new(),
            dtype,
            shape: vec![64],
            signature: vec![],
            variable: false,
            unpacked_from: None,
            quantization: None,
            constant: None,
        };
        let bools = random_tensor(1, 0, 0, &tensor(TensorType::Bool));
        assert!(bools.contains(&0) && bools.contains(&1) && bools.iter().all(|&byte| byte <= 1));
        let floats = random_tensor(1, 0, 0, &tensor(TensorType::Float32));
        let floats: Vec<f32> = floats.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        assert!(floats.iter().all(|value| value.abs() <= 1.0) && floats.iter().any(|&value| value < -0.5));
        assert_eq!(random_tensor(1, 0, 0, &tensor(TensorType::Int8)), random(1, 0, 0, 64));
    }

    /// The first outputs of `SplitMix64` from state 1234567, as published with its reference implementation.
    #[test]
    fn mix_is_splitmix64() {
        let outputs: Vec<u64> = (0..3_u64).map(|n| mix(n.wrapping_mul(GAMMA).wrapping_add(1_234_567))).collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn streams_are_loud_and_soft() {
        let hop = Tensor {
            name: String::new(),
            dtype: TensorType::Int16,
            shape: vec![32],
            signature: vec![],
            variable: false,
            unpacked_from: None,
            quantization: None,
            constant: None,
        };
        let samples = random_stream(1, 0, 0, &hop, 40);
        let loudest = |hop: &[u8]| {
            let words = hop.as_chunks().0.iter();
            words.map(|&word| i16::from_le_bytes(word).unsigned_abs()).max().unwrap()
        };
        let loudness: Vec<u16> = samples.chunks(64).map(loudest).collect();
        assert_eq!(loudness.len(), 40);
        assert!(loudness.iter().any(|&most| most > 16_000) && loudness.iter().any(|&most| most < 32), "{loudness:?}");
    }

    #[test]
    fn every_argument_matters_and_prefixes_agree() {
        let bytes = random(1, 0, 0, 100);
        assert_eq!(bytes.len(), 100);
        assert_eq!(random(1, 0, 0, 13), bytes[..13]);
        for other in [random(2, 0, 0, 100), random(1, 1, 0, 100), random(1, 0, 1, 100)] {
            assert_ne!(other, bytes);
        }
        assert_ne!(random(1, 1, 0, 100), random(1, 0, 1, 100));
    }

    /// Golden data depends on these bytes; `tests/oracle/oracle.py` prints the same with `--selftest`.
    #[test]
    fn bytes_are_pinned() {
        assert_eq!(random(1, 2, 3, 12), PINNED);
    }

    const PINNED: [u8; 12] = [197, 170, 254, 236, 7, 76, 77, 33, 230, 225, 223, 131];
}
