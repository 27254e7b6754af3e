//! How much flash a step's kernel takes, and which functions of the library a linked image should have.
//!
//! Sizes are estimates before anything is compiled: bytes of functions as Debian's GCC 12.2 makes them with `-O2` for a
//! Cortex-M4, rounded up. Other cores differ by a fifth.

use std::collections::BTreeSet;

use super::Kernel;
use super::variant::{NAME, Variant};

/// Functions of the library that other ones call, by the kernels that need them.
const SHARED: [(&[Variant], u64); 9] = [
    // `arm_nn_mat_mult_kernel_s8_s16`, `arm_s8_to_s16_unordered_with_offset`; on MVE `arm_nn_mat_mult_nt_t_s8`.
    (&[Variant::Conv, Variant::ConvOneRow], 1_310),
    // `arm_nn_mat_mult_nt_t_s8`.
    (&[Variant::ConvOneTap, Variant::ConvOneTapFast, Variant::FullyConnectedPerChannel], 2_340),
    // `arm_nn_vec_mat_mult_t_s8`; on MVE `arm_vector_sum_s8`.
    (&[Variant::FullyConnected, Variant::Svdf], 1_820),
    // `arm_nn_softmax_common_s8`.
    (&[Variant::Softmax], 3_670),
    // `arm_nn_mat_mult_kernel_s16`.
    (&[Variant::ConvFastInt16], 1_760),
    // `arm_nn_vec_mat_mult_t_s16`.
    (&[Variant::FullyConnectedInt16], 820),
    // `arm_nn_vec_mat_mult_t_svdf_s8`.
    (&[Variant::SvdfStateInt16], 1_030),
    // `arm_q7_to_q15_with_offset`, and `arm_depthwise_conv_s8`, which it falls back to.
    (&[Variant::DepthwiseOptimized], 1_100),
    // `arm_nn_mat_mult_nt_t_s8` and `arm_convolve_s8`, which it falls back to.
    (&[Variant::ConvOneRow], 1_100),
];
/// Start-up code, interrupt table, panic handler, C library functions: what the smallest firmware has besides kernels.
const BASE: u64 = 2_600;
/// An operator's function and its entry in the table of operators.
const OPERATOR: u64 = 190;
/// A reference kernel: the usual one, and one of the large ones.
const REFERENCE: (u64, u64) = (900, 3_500);

/// Bytes of code, from what it is likely at least to what it is likely at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CodeEstimate {
    /// Bytes, with everything as small as it has been seen.
    pub least: u64,
    /// Bytes, with everything as large as it has been seen.
    pub most: u64,
}

/// What the code of an app takes whose operators run on these kernels, one an operator; constants of the model not counted.
pub fn code_bytes(kernels: &[&Kernel]) -> CodeEstimate {
    let used: BTreeSet<Variant> = kernels.iter().filter_map(|kernel| Variant::of(kernel)).collect();
    let own: u64 = used.iter().map(|variant| variant.code_bytes()).sum();
    let shared = SHARED.iter().filter(|(users, _)| users.iter().any(|user| used.contains(user)));
    let library = own + shared.map(|(_, bytes)| bytes).sum::<u64>();
    let ours: BTreeSet<&str> =
        kernels.iter().filter(|kernel| kernel.library == "reference").map(|kernel| kernel.symbol.as_str()).collect();
    let (count, ours) = (kernels.len() as u64, ours.len() as u64);
    let fixed = BASE + OPERATOR * count + library;
    CodeEstimate { least: (fixed + ours * REFERENCE.0) * 4 / 5, most: (fixed + ours * REFERENCE.1) * 5 / 4 }
}

/// Whether the library has a function of this name that is a kernel by itself, and not a part of one.
pub fn is_kernel_function(symbol: &str) -> bool {
    Variant::ALL.iter().any(|variant| variant.symbol() == symbol)
}

/// Kernel functions that the code of `kernel` may call in its turn.
pub fn may_call(kernel: &Kernel) -> Option<&'static str> {
    match Variant::of(kernel)? {
        Variant::ConvOneRow => Some(Variant::Conv.symbol()),
        Variant::DepthwiseOptimized => Some(Variant::Depthwise.symbol()),
        Variant::DepthwiseFastInt16 => Some(Variant::DepthwiseInt16.symbol()),
        _ => None,
    }
}

/// Whether a kernel is a function of the library whose symbol a linked image must have.
pub fn is_linked(kernel: &Kernel) -> bool {
    kernel.library == NAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Features;

    const M4: Features = Features { dsp: true, mve: false };

    /// Flash without weights of firmware that was compiled for a Cortex-M4: kws, vww, resnet, ad, hello and micro speech.
    #[test]
    fn estimates_hold_what_was_compiled() {
        use Variant::{
            Add, AveragePool, Conv, ConvOneTap, ConvOneTapFast, Depthwise, DepthwiseThreeByThree, FullyConnected,
            FullyConnectedPerChannel, MaxPool, Softmax,
        };
        let image = [AveragePool, Conv, ConvOneTapFast, DepthwiseThreeByThree, FullyConnected, Softmax];
        let cases: [(&[Variant], usize, u64); 7] = [
            (&image, 12, 18_708),
            (&image, 30, 21_192),
            (&[Add, AveragePool, Conv, ConvOneTap, FullyConnected, Softmax], 15, 19_936),
            (&[FullyConnected], 10, 5_232),
            (&[FullyConnected], 3, 4_696),
            (&[Depthwise, FullyConnected, Softmax], 3, 11_140),
            (&[Add, AveragePool, Conv, DepthwiseThreeByThree, FullyConnected, MaxPool, Softmax], 7, 18_716),
        ];
        for (variants, operators, compiled) in cases {
            let kernels: Vec<Kernel> =
                (0..operators).map(|operator| variants[operator % variants.len()].kernel(M4)).collect();
            let estimate = code_bytes(&kernels.iter().collect::<Vec<_>>());
            assert!((estimate.least..=estimate.most).contains(&compiled), "{variants:?}: {compiled} in {estimate:?}");
            assert!(estimate.most < estimate.least * 2, "{estimate:?} says nothing");
        }
        assert!(is_kernel_function(FullyConnectedPerChannel.symbol()) && !is_kernel_function("arm_vector_sum_s8"));
    }
}
