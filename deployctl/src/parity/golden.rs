//! A few elements of a step, with their exact bits, for people who look at another implementation.

use serde::{Deserialize, Serialize};

use super::Traced;
use crate::model::hex;
use crate::vectors::array::coordinate;

/// So many elements of a step are shown.
const SHOWN: usize = 4;

/// Elements of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Golden {
    /// The step's name.
    pub name: String,
    /// What people call its operator.
    pub label: String,
    /// Element type.
    pub dtype: String,
    /// Dimensions of the value, for one frame.
    pub shape: Vec<usize>,
    /// The elements.
    pub elements: Vec<Element>,
}

/// One element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// Frame of a stream, from 0.
    pub frame: Option<usize>,
    /// Coordinate within the step's value.
    pub coordinate: Vec<usize>,
    /// The number.
    pub number: String,
    /// Its bits, most significant digit first, with `0x` in front.
    pub bits: String,
}

impl Golden {
    /// Elements from the beginning, the middle and the end of a step's value, where they say something: not zeros, if there are
    /// others.
    pub fn of(traced: &Traced) -> Self {
        let size = (traced.dtype.bits() / 8).max(1);
        let numbers = traced.numbers();
        let told: Vec<usize> = (0..numbers.len()).filter(|&at| numbers[at].value() != 0.0).collect();
        let places = if told.is_empty() { (0..numbers.len().min(1)).collect() } else { told };
        let mut picked: Vec<usize> = (0..SHOWN).map(|nth| places.len().saturating_sub(1) * nth / (SHOWN - 1)).collect();
        picked.dedup();
        let element = |at: &usize| {
            let at = *places.get(*at)?;
            let mut place = coordinate(&traced.whole_shape(), at);
            let frame = traced.frames.map(|_| place.remove(0));
            let bytes: Vec<u8> = traced.bytes.get(at * size..(at + 1) * size)?.iter().rev().copied().collect();
            Some(Element {
                frame,
                coordinate: place,
                number: numbers[at].to_string(),
                bits: format!("0x{}", hex(&bytes)),
            })
        };
        Self {
            name: traced.name.clone(),
            label: traced.label.clone(),
            dtype: traced.dtype.name().to_owned(),
            shape: traced.shape.clone(),
            elements: picked.iter().filter_map(element).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TensorId, TensorType};

    #[test]
    fn elements_have_their_place_and_bits() {
        let values = [0.0_f32, 1.5, 0.0, -2.0, 0.25, 3.0];
        let traced = Traced {
            name: "mel".to_owned(),
            label: "hop.3".to_owned(),
            tensor: TensorId(0),
            dtype: TensorType::Float32,
            quantized: false,
            shape: vec![3],
            frames: Some(2),
            bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let golden = Golden::of(&traced);
        let shown: Vec<(Option<usize>, usize, &str)> =
            golden.elements.iter().map(|found| (found.frame, found.coordinate[0], &found.bits[..])).collect();
        let wanted = [
            (Some(0), 1, "0x3fc00000"),
            (Some(1), 0, "0xc0000000"),
            (Some(1), 1, "0x3e800000"),
            (Some(1), 2, "0x40400000"),
        ];
        assert_eq!(shown, wanted);
        let silent = Traced { bytes: vec![0; 24], ..traced };
        assert_eq!(Golden::of(&silent).elements.len(), 1);
    }
}
