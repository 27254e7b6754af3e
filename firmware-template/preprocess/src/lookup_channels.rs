//! A function of one byte for each channel, as tables that the host made.

use kernels::wrong_operands;

/// Replaces every byte by the one of its channel's table. Operands: the bytes, then 256 values a channel, those of byte 0
/// first; bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LookupChannels {
    /// Elements of all channels.
    pub len: usize,
    /// Channels, which lie beside each other.
    pub channels: usize,
}

/// Runs a [`LookupChannels`].
#[inline]
pub fn lookup_channels(p: &LookupChannels, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, tables], [output]) = (inputs, outputs) else { wrong_operands() };
    let pixels = input[..p.len].chunks_exact(p.channels);
    for (pixel, out) in pixels.zip(output[..p.len].chunks_exact_mut(p.channels)) {
        for ((out, &value), table) in out.iter_mut().zip(pixel).zip(tables.as_chunks::<256>().0) {
            *out = table[usize::from(value as u8)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LookupChannels, lookup_channels};

    #[test]
    fn each_channel_has_its_table() {
        let tables: [i8; 512] = core::array::from_fn(|at| if at < 256 { at as i8 } else { (at as i8).wrapping_neg() });
        let mut output = [0; 4];
        lookup_channels(&LookupChannels { len: 4, channels: 2 }, &[&[5, 5, -1, -1], &tables], &mut [&mut output]);
        assert_eq!(output, [5, -5, -1, 1]);
    }
}
