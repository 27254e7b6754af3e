//! Operators of the common form: parameters, any number of inputs, any number of outputs.
//!
//! A kernel of this form is `fn name(p: &Name, inputs: &[&[i8]], outputs: &mut [&mut [i8]])`. Firmware calls it by its
//! name; the host keeps parameters of any of them as an [`Op`] and calls them through it. One line of the list below is all
//! that an operator needs here.

/// Lists the operators: `Parameters => function`, of a module `list` that is beside it. It makes the enum `Op` of them where
/// the crate has a feature `serde`.
#[macro_export]
macro_rules! operators {
    ($($name:ident => $function:ident,)*) => {
        $(pub use list::{$function, $name};)*

        /// The parameters of one operator of the common form. For the host.
        #[cfg(feature = "serde")]
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[expect(missing_docs, reason = "each is documented at its parameters")]
        pub enum Op {
            $($name($name),)*
        }

        #[cfg(feature = "serde")]
        impl Op {
            /// Calls the kernel.
            pub fn run(&self, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
                match self {
                    $(Self::$name(p) => $function(p, inputs, outputs),)*
                }
            }

            /// The kernel's name in this crate.
            pub fn function(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($function),)*
                }
            }

            /// The parameters alone, for whoever writes them down.
            pub fn parameters<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$name(p) => serde::Serialize::serialize(p, serializer),)*
                }
            }
        }
    };
}

/// Where the kernels are.
mod list {
    pub use crate::activation::{
        Abs, Clamp, LeakyRelu, Prelu, Rsqrt, Sigmoid, abs, clamp, leaky_relu, prelu, rsqrt, sigmoid,
    };
    pub use crate::arithmetic::{
        AddNF32, ArithmeticF32, ArithmeticI32, Extremum, add_n_f32, arithmetic_f32, arithmetic_i32, extremum,
    };
    pub use crate::basic_classifier::{BasicClassifier, basic_classifier};
    pub use crate::batch_matmul::{BatchMatMul, BatchMatMulF32, batch_mat_mul, batch_mat_mul_f32};
    pub use crate::blocks::{BatchToSpace, SpaceToBatch, batch_to_space, space_to_batch};
    pub use crate::circular_buffer::{CircularBuffer, circular_buffer};
    pub use crate::compare::{Compare, CompareScaled, Logical, Select, compare, compare_scaled, logical, select};
    pub use crate::convolve::{ConvolveF32, ConvolveI16, convolve_f32, convolve_i16};
    pub use crate::detection::{DetectionPostprocess, detection_postprocess};
    pub use crate::fill::{Fill, ZerosLike, fill, zeros_like};
    pub use crate::gather::{EmbeddingLookup, Gather, GatherNd, embedding_lookup, gather, gather_nd};
    pub use crate::join::{Concatenate, Split, concatenate, split};
    pub use crate::lstm::{Lstm, LstmF32, lstm, lstm_f32};
    pub use crate::normalize::{
        L2Normalization, L2NormalizationF32, LogSoftmax, LogSoftmaxF32, l2_normalization, l2_normalization_f32,
        log_softmax, log_softmax_f32,
    };
    pub use crate::pad::{MirrorPad, Pad, mirror_pad, pad};
    pub use crate::pool::{PoolF32, PoolI16, pool_f32, pool_i16};
    pub use crate::quantize::{Cast, Dequantize, Quantize, Rescale, cast, dequantize, quantize, rescale};
    pub use crate::rearrange::{Rearrange, rearrange};
    pub use crate::reduce::{Reduce, reduce};
    pub use crate::resize::{
        ResizeBilinear, ResizeBilinearF32, ResizeNearest, resize_bilinear, resize_bilinear_f32, resize_nearest,
    };
    pub use crate::scaled::{AddN, Combine, Divide, Multiply, add_n, combine, divide, multiply};
    pub use crate::scan::{
        ArgExtreme, CumulativeSum, CumulativeSumF32, arg_extreme, cumulative_sum, cumulative_sum_f32,
    };
    pub use crate::shape::{BroadcastArgs, Shape, broadcast_args, shape};
    pub use crate::signal::{
        Delay, Energy, FftAutoScale, FilterBank, FilterBankLog, FilterBankSquareRoot, Framer, InverseRealFft,
        OverlapAdd, Pcan, RealFft, SpectralSubtraction, Stacker, Window, delay, energy, fft_auto_scale, filter_bank,
        filter_bank_log, filter_bank_square_root, framer, inverse_real_fft, overlap_add, pcan, real_fft,
        spectral_subtraction, stacker, window,
    };
    pub use crate::softmax::{SoftmaxF32, SoftmaxI8I16, SoftmaxI16, softmax_f32, softmax_i8_i16, softmax_i16};
    pub use crate::svdf::{Svdf, SvdfF32, svdf, svdf_f32};
    pub use crate::table::{Lookup, lookup};
    pub use crate::transfer::{Transfer, transfer};
    pub use crate::transpose_conv::{TransposeConv, TransposeConvF32, transpose_conv, transpose_conv_f32};
    pub use crate::unary::{LeakyReluF32, LogicalNot, Unary, leaky_relu_f32, logical_not, unary};
    pub use crate::update::{DynamicUpdateSlice, dynamic_update_slice};
}

operators! {
    Abs => abs,
    AddN => add_n,
    AddNF32 => add_n_f32,
    ArgExtreme => arg_extreme,
    ArithmeticF32 => arithmetic_f32,
    ArithmeticI32 => arithmetic_i32,
    BasicClassifier => basic_classifier,
    BatchMatMul => batch_mat_mul,
    BatchMatMulF32 => batch_mat_mul_f32,
    BatchToSpace => batch_to_space,
    BroadcastArgs => broadcast_args,
    Cast => cast,
    CircularBuffer => circular_buffer,
    Clamp => clamp,
    Combine => combine,
    Compare => compare,
    CompareScaled => compare_scaled,
    Concatenate => concatenate,
    ConvolveF32 => convolve_f32,
    ConvolveI16 => convolve_i16,
    CumulativeSum => cumulative_sum,
    CumulativeSumF32 => cumulative_sum_f32,
    Delay => delay,
    Dequantize => dequantize,
    DetectionPostprocess => detection_postprocess,
    Divide => divide,
    DynamicUpdateSlice => dynamic_update_slice,
    EmbeddingLookup => embedding_lookup,
    Energy => energy,
    Extremum => extremum,
    FftAutoScale => fft_auto_scale,
    Fill => fill,
    FilterBank => filter_bank,
    FilterBankLog => filter_bank_log,
    FilterBankSquareRoot => filter_bank_square_root,
    Framer => framer,
    Gather => gather,
    GatherNd => gather_nd,
    InverseRealFft => inverse_real_fft,
    L2Normalization => l2_normalization,
    L2NormalizationF32 => l2_normalization_f32,
    LeakyRelu => leaky_relu,
    LeakyReluF32 => leaky_relu_f32,
    LogSoftmax => log_softmax,
    LogSoftmaxF32 => log_softmax_f32,
    Logical => logical,
    LogicalNot => logical_not,
    Lookup => lookup,
    Lstm => lstm,
    LstmF32 => lstm_f32,
    MirrorPad => mirror_pad,
    Multiply => multiply,
    OverlapAdd => overlap_add,
    Pad => pad,
    Pcan => pcan,
    PoolF32 => pool_f32,
    PoolI16 => pool_i16,
    Prelu => prelu,
    Quantize => quantize,
    RealFft => real_fft,
    Rearrange => rearrange,
    Reduce => reduce,
    Rescale => rescale,
    ResizeBilinear => resize_bilinear,
    ResizeBilinearF32 => resize_bilinear_f32,
    ResizeNearest => resize_nearest,
    Rsqrt => rsqrt,
    Select => select,
    Shape => shape,
    Sigmoid => sigmoid,
    SoftmaxF32 => softmax_f32,
    SoftmaxI16 => softmax_i16,
    SoftmaxI8I16 => softmax_i8_i16,
    SpaceToBatch => space_to_batch,
    SpectralSubtraction => spectral_subtraction,
    Split => split,
    Stacker => stacker,
    Svdf => svdf,
    SvdfF32 => svdf_f32,
    Transfer => transfer,
    TransposeConv => transpose_conv,
    TransposeConvF32 => transpose_conv_f32,
    Unary => unary,
    Window => window,
    ZerosLike => zeros_like,
}
