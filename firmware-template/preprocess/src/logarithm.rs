//! Logarithms, of what is at least a floor.

use kernels::{view, view_mut, wrong_operands};

/// Logarithms of float32. Operands: numbers; logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Log {
    /// Elements.
    pub len: usize,
    /// Which logarithm.
    pub base: LogBase,
    /// Added to each number, 0 for nothing.
    pub offset: f32,
    /// What is less counts as this, so that silence has a logarithm; above 0.
    pub floor: f32,
}

/// Which logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogBase {
    /// ln.
    Natural,
    /// log10.
    Ten,
    /// 10 log10: decibels of powers.
    Decibel,
}

impl Log {
    /// `log(max(x + offset, floor))`.
    #[inline]
    pub fn apply(&self, numbers: &[f32], logarithms: &mut [f32]) {
        for (output, &number) in logarithms[..self.len].iter_mut().zip(numbers) {
            let number = number + self.offset;
            // What is no number is the floor, too.
            let number = if number > self.floor { number } else { self.floor };
            *output = match self.base {
                LogBase::Natural => libm::logf(number),
                LogBase::Ten => libm::log10f(number),
                LogBase::Decibel => 10.0 * libm::log10f(number),
            };
        }
    }
}

/// [`Log::apply`].
#[inline]
pub fn log(p: &Log, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([numbers], [logarithms]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(numbers), view_mut(logarithms));
}

#[cfg(test)]
mod tests {
    use super::{Log, LogBase};

    fn of(base: LogBase, offset: f32, floor: f32) -> [f32; 4] {
        let mut output = [0.0; 4];
        Log { len: 4, base, offset, floor }.apply(&[0.0, 1.0, 100.0, f32::NAN], &mut output);
        output
    }

    #[test]
    fn silence_is_the_floor() {
        let low = libm::logf(1e-6);
        assert_eq!(of(LogBase::Natural, 0.0, 1e-6), [low, 0.0, 4.605_170_2, low]);
        assert_eq!(of(LogBase::Ten, 0.0, 1e-3), [-3.0, 0.0, 2.0, -3.0]);
        assert_eq!(of(LogBase::Decibel, 0.0, 1e-3), [-30.0, 0.0, 20.0, -30.0]);
        assert_eq!(of(LogBase::Natural, 1.0, f32::MIN_POSITIVE)[..2], [0.0, core::f32::consts::LN_2]);
    }
}
