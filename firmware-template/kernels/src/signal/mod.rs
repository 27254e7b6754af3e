//! The signal operators of LiteRT Micro's audio front end: fixed point, bit-exact, state as the caller's memory.
//!
//! The usual chain turns a frame of int16 samples into int16 log-mel features: [`Window`], [`FftAutoScale`], [`RealFft`],
//! [`Energy`], [`FilterBank`], [`FilterBankSquareRoot`], [`SpectralSubtraction`], [`Pcan`], [`FilterBankLog`]. [`Framer`],
//! [`Stacker`], [`Delay`] and [`OverlapAdd`] cut and join streams.
//!
//! Each struct holds what is fixed when a model is built; its method works on slices of numbers, so that code which is not
//! a model can call it too, and the function beside it has the common form of operators. An operator's state begins with
//! zeros in every byte.

mod auto_scale;
mod delay;
mod energy;
mod fft;
mod filter_bank;
mod frames;
mod logarithm;
mod overlap_add;
mod pcan;
mod rfft;
mod sample;
mod spectral_subtraction;
mod square_root;
mod stacker;
mod twiddles;
mod window;

pub use auto_scale::{FftAutoScale, fft_auto_scale};
pub use delay::{Delay, delay};
pub use energy::{Energy, energy};
pub use fft::is_fft_length;
pub use filter_bank::{Channels, FilterBank, filter_bank};
pub use frames::{Framer, framer};
pub use logarithm::{FilterBankLog, filter_bank_log};
pub use overlap_add::{OverlapAdd, overlap_add};
pub use pcan::{PCAN_TABLE, Pcan, pcan};
pub use rfft::{InverseRealFft, RealFft, inverse_real_fft, real_fft};
pub use sample::Sample;
pub use spectral_subtraction::{Smoothing, SpectralSubtraction, spectral_subtraction};
pub use square_root::{FilterBankSquareRoot, filter_bank_square_root};
pub use stacker::{Stacker, stacker};
pub use twiddles::{twiddle_count, twiddles};
pub use window::{Window, window};

/// A count at the front of a state's bytes, and the samples behind it.
fn counted(state: &mut [i8]) -> (&mut u32, &mut [i16]) {
    let Some((count, samples)) = state.split_at_mut_checked(size_of::<u32>()) else { crate::wrong_operands() };
    let [count] = crate::view_mut::<u32>(count) else { crate::wrong_operands() };
    (count, crate::view_mut(samples))
}

/// The oldest samples of what is remembered and what is new, as many as `out` has.
fn oldest(memory: &[i16], new: &[i16], out: &mut [i16]) {
    let (from_memory, from_new) = out.split_at_mut(memory.len().min(out.len()));
    from_memory.copy_from_slice(&memory[..from_memory.len()]);
    from_new.copy_from_slice(&new[..from_new.len()]);
}

/// Forgets as many samples as are new; the newest are last.
fn remember(memory: &mut [i16], new: &[i16]) {
    let coming = memory.len().min(new.len());
    memory.copy_within(coming.., 0);
    let kept = memory.len() - coming;
    memory[kept..].copy_from_slice(&new[new.len() - coming..]);
}
