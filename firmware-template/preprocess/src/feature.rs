//! Features of LiteRT Micro's audio front end as int8, as its speech example scales them.

use kernels::{view, wrong_operands};

/// Scaling of int16 features. Operands: features; int8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Feature {
    /// Elements.
    pub len: usize,
}

impl Feature {
    /// `256 x / 666 - 128`, rounded to the nearest and saturated: 25.6 features are 1, and 26 is the most.
    #[inline]
    pub fn apply(&self, features: &[i16], output: &mut [i8]) {
        for (output, &feature) in output[..self.len].iter_mut().zip(features) {
            let value = (i32::from(feature) * 256 + 333) / 666 - 128;
            *output = value.clamp(-128, 127) as i8;
        }
    }
}

/// [`Feature::apply`].
#[inline]
pub fn feature(p: &Feature, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([features], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(features), output);
}

#[cfg(test)]
mod tests {
    use super::Feature;

    #[test]
    fn features_saturate() {
        let mut output = [0; 6];
        Feature { len: 6 }.apply(&[0, 1, 2, 333, 666, i16::MAX], &mut output);
        assert_eq!(output, [-128, -128, -127, 0, 127, 127]);
    }
}
