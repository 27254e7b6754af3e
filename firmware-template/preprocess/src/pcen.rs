//! Per-channel energy normalization: each band divided by its own level of the last moments, then compressed.

use kernels::{view, view_mut, wrong_operands};

/// PCEN of float32 bands. Operands: bands; normalized bands, state (whether there was a frame, then the level of each band).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pcen {
    /// Bands.
    pub bands: usize,
    /// Factor of the bands.
    pub scale: f32,
    /// How fast the level follows: the weight of the new frame, from 0 to 1.
    pub smoothing: f32,
    /// Exponent of the level.
    pub gain: f32,
    /// Added before the power is taken; 0 or more.
    pub bias: f32,
    /// The power; above 0.
    pub power: f32,
    /// Added to the level; above 0.
    pub epsilon: f32,
    /// `bias` to the power of `power`.
    pub bias_power: f32,
}

impl Pcen {
    /// Bytes of state.
    pub fn state_bytes(&self) -> usize {
        (1 + self.bands) * size_of::<f32>()
    }

    /// `(S / (ε + M)^gain + bias)^power - bias^power`, with `M` the level, as librosa computes it: all in logarithms. The level
    /// begins as if there had been ones for ever.
    #[inline]
    pub fn apply(&self, bands: &[f32], output: &mut [f32], levels: &mut [f32], begun: &mut u32) {
        if *begun == 0 {
            levels.fill(1.0);
            *begun = 1;
        }
        let floor = libm::logf(self.epsilon);
        for ((output, &band), level) in output[..self.bands].iter_mut().zip(bands).zip(levels) {
            let band = band * self.scale;
            *level = self.smoothing * band + (1.0 - self.smoothing) * *level;
            let share = band * libm::expf(-self.gain * (floor + libm::log1pf(*level / self.epsilon)));
            *output = if self.bias > 0.0 {
                self.bias_power * libm::expm1f(self.power * libm::log1pf(share / self.bias))
            } else {
                libm::powf(share, self.power)
            };
        }
    }
}

/// [`Pcen::apply`].
#[inline]
pub fn pcen(p: &Pcen, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([bands], [output, state]) = (inputs, outputs) else { wrong_operands() };
    let (begun, levels) = state.split_at_mut(size_of::<u32>());
    p.apply(view(bands), view_mut(output), view_mut(levels), &mut view_mut::<u32>(begun)[0]);
}

#[cfg(test)]
mod tests {
    use super::Pcen;

    #[test]
    fn what_is_always_there_becomes_small() {
        let p = Pcen {
            bands: 2,
            scale: 1.0,
            smoothing: 0.5,
            gain: 1.0,
            bias: 0.0,
            power: 1.0,
            epsilon: 1e-6,
            bias_power: 0.0,
        };
        let (mut output, mut levels, mut begun) = ([0.0; 2], [0.0; 2], 0);
        for _ in 0..40 {
            p.apply(&[1000.0, 0.0], &mut output, &mut levels, &mut begun);
        }
        assert!((output[0] - 1.0).abs() < 1e-5 && output[1] == 0.0, "{output:?}");
        let p = Pcen { bias: 2.0, power: 0.5, bias_power: core::f32::consts::SQRT_2, ..p };
        p.apply(&[0.0, 0.0], &mut output, &mut levels, &mut begun);
        assert_eq!(output, [0.0, 0.0], "silence has no bias");
    }
}
