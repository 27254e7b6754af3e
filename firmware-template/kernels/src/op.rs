//! Operators of the common form: parameters, any number of inputs, any number of outputs.
//!
//! A kernel of this form is `fn name(p: &Name, inputs: &[&[i8]], outputs: &mut [&mut [i8]])`. Firmware calls it by its
//! name; the host keeps parameters of any of them as an [`Op`] and calls them through it. One line of the list below is all
//! that an operator needs here.

/// Lists the operators: `Parameters => function`.
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
    pub use crate::batch_matmul::{BatchMatMul, BatchMatMulF32, batch_mat_mul, batch_mat_mul_f32};
    pub use crate::blocks::{BatchToSpace, SpaceToBatch, batch_to_space, space_to_batch};
    pub use crate::fill::{ZerosLike, zeros_like};
    pub use crate::gather::{EmbeddingLookup, Gather, GatherNd, embedding_lookup, gather, gather_nd};
    pub use crate::join::{Concatenate, Split, concatenate, split};
    pub use crate::pad::{MirrorPad, Pad, mirror_pad, pad};
    pub use crate::rearrange::{Rearrange, rearrange};
    pub use crate::reduce::{Reduce, reduce};
    pub use crate::resize::{
        ResizeBilinear, ResizeBilinearF32, ResizeNearest, resize_bilinear, resize_bilinear_f32, resize_nearest,
    };
    pub use crate::scan::{
        ArgExtreme, CumulativeSum, CumulativeSumF32, arg_extreme, cumulative_sum, cumulative_sum_f32,
    };
    pub use crate::shape::{BroadcastArgs, Shape, broadcast_args, shape};
    pub use crate::svdf::{Svdf, SvdfF32, svdf, svdf_f32};
    pub use crate::transpose_conv::{TransposeConv, TransposeConvF32, transpose_conv, transpose_conv_f32};
}

operators! {
    ArgExtreme => arg_extreme,
    BatchMatMul => batch_mat_mul,
    BatchMatMulF32 => batch_mat_mul_f32,
    BatchToSpace => batch_to_space,
    BroadcastArgs => broadcast_args,
    Concatenate => concatenate,
    CumulativeSum => cumulative_sum,
    CumulativeSumF32 => cumulative_sum_f32,
    EmbeddingLookup => embedding_lookup,
    Gather => gather,
    GatherNd => gather_nd,
    MirrorPad => mirror_pad,
    Pad => pad,
    Rearrange => rearrange,
    Reduce => reduce,
    ResizeBilinear => resize_bilinear,
    ResizeBilinearF32 => resize_bilinear_f32,
    ResizeNearest => resize_nearest,
    Shape => shape,
    SpaceToBatch => space_to_batch,
    Split => split,
    Svdf => svdf,
    SvdfF32 => svdf_f32,
    TransposeConv => transpose_conv,
    TransposeConvF32 => transpose_conv_f32,
    ZerosLike => zeros_like,
}
