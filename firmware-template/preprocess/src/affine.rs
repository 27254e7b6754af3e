//! Numbers times a factor, and less a mean over a deviation: from bytes and int16 to float32, too.

use kernels::{Element, view, view_mut, wrong_operands};

use crate::number::finite;

/// `x * factor + offset`. One input, one output of float32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Affine {
    /// `U8`, `I16` or `F32`.
    pub element: Element,
    /// Elements.
    pub len: usize,
    /// Factor.
    pub factor: f32,
    /// What is added to the product, which has been rounded.
    pub offset: f32,
}

/// `(x - mean) / deviation`, by channel. Operands: values, the channels' means and then their deviations (float32); float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NormalizeChannels {
    /// `U8`, `I16` or `F32`.
    pub element: Element,
    /// Elements of all channels.
    pub len: usize,
    /// Channels, which lie beside each other.
    pub channels: usize,
}

/// Calls `f` with every number and its place.
fn each(element: Element, input: &[i8], output: &mut [f32], f: impl Fn(usize, f32) -> f32) {
    let places = output.iter_mut().enumerate();
    match element {
        Element::U8 => places.zip(view::<u8>(input)).for_each(|((at, out), &x)| *out = finite(f(at, x.into()))),
        Element::I16 => places.zip(view::<i16>(input)).for_each(|((at, out), &x)| *out = finite(f(at, x.into()))),
        Element::F32 => places.zip(view::<f32>(input)).for_each(|((at, out), &x)| *out = finite(f(at, finite(x)))),
        _ => wrong_operands(),
    }
}

/// Runs an [`Affine`].
#[inline]
pub fn affine(p: &Affine, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    each(p.element, input, &mut view_mut(output)[..p.len], |_, x| x * p.factor + p.offset);
}

/// Runs a [`NormalizeChannels`].
#[inline]
pub fn normalize_channels(p: &NormalizeChannels, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, table], [output]) = (inputs, outputs) else { wrong_operands() };
    let (means, deviations) = view::<f32>(table).split_at(p.channels);
    let f = |at: usize, x: f32| (x - means[at % p.channels]) / deviations[at % p.channels];
    each(p.element, input, &mut view_mut(output)[..p.len], f);
}

#[cfg(test)]
mod tests {
    use kernels::{Element, view, view_mut, words_as_i8, words_as_i8_mut};

    use super::{Affine, NormalizeChannels, affine, normalize_channels};

    #[test]
    fn bytes_become_numbers() {
        let mut output = [0; 2];
        let p = Affine { element: Element::U8, len: 4, factor: 0.5, offset: -1.0 };
        affine(&p, &[&[0, 1, 127, -1]], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [-1.0, -0.5, 62.5, 126.5]);
    }

    #[test]
    fn channels_have_their_means_and_what_is_no_number_is_zero() {
        let (mut input, mut table, mut output) = ([0; 3], [0; 2], [0; 3]);
        let values = [1.0, f32::NAN, f32::INFINITY, 20.0, 3.0, f32::NEG_INFINITY];
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&values);
        view_mut::<f32>(words_as_i8_mut(&mut table)).copy_from_slice(&[1.0, 10.0, 2.0, 0.5]);
        let p = NormalizeChannels { element: Element::F32, len: 6, channels: 2 };
        normalize_channels(&p, &[words_as_i8(&input), words_as_i8(&table)], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [0.0, -20.0, f32::MAX / 2.0, 20.0, 1.0, f32::MIN]);
    }
}
