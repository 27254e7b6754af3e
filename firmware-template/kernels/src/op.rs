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
    pub use crate::activation::{
        Abs, Clamp, LeakyRelu, Prelu, Rsqrt, Sigmoid, abs, clamp, leaky_relu, prelu, rsqrt, sigmoid,
    };
    pub use crate::arithmetic::{
        AddNF32, ArithmeticF32, ArithmeticI32, Extremum, add_n_f32, arithmetic_f32, arithmetic_i32, extremum,
    };
    pub use crate::compare::{Compare, CompareScaled, Logical, Select, compare, compare_scaled, logical, select};
    pub use crate::fill::{Fill, ZerosLike, fill, zeros_like};
    pub use crate::normalize::{
        L2Normalization, L2NormalizationF32, LogSoftmax, LogSoftmaxF32, l2_normalization, l2_normalization_f32,
        log_softmax, log_softmax_f32,
    };
    pub use crate::quantize::{Cast, Dequantize, Quantize, Rescale, cast, dequantize, quantize, rescale};
    pub use crate::scaled::{AddN, Combine, Divide, Multiply, add_n, combine, divide, multiply};
    pub use crate::table::{Lookup, lookup};
    pub use crate::unary::{LeakyReluF32, LogicalNot, Unary, leaky_relu_f32, logical_not, unary};
}

operators! {
    Abs => abs,
    AddN => add_n,
    AddNF32 => add_n_f32,
    ArithmeticF32 => arithmetic_f32,
    ArithmeticI32 => arithmetic_i32,
    Cast => cast,
    Clamp => clamp,
    Combine => combine,
    Compare => compare,
    CompareScaled => compare_scaled,
    Dequantize => dequantize,
    Divide => divide,
    Extremum => extremum,
    Fill => fill,
    L2Normalization => l2_normalization,
    L2NormalizationF32 => l2_normalization_f32,
    LeakyRelu => leaky_relu,
    LeakyReluF32 => leaky_relu_f32,
    LogSoftmax => log_softmax,
    LogSoftmaxF32 => log_softmax_f32,
    Logical => logical,
    LogicalNot => logical_not,
    Lookup => lookup,
    Multiply => multiply,
    Prelu => prelu,
    Quantize => quantize,
    Rescale => rescale,
    Rsqrt => rsqrt,
    Select => select,
    Sigmoid => sigmoid,
    Unary => unary,
    ZerosLike => zeros_like,
}
