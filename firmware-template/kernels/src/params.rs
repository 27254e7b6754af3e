//! Parameters of the operators: what LiteRT Micro computes in `Prepare`, computed on the host instead and kept in flash.
//!
//! The structs have C's layout: kernel libraries in C take them by address (`cmsis-nn/csrc/shim.h` declares them again).

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// A four-dimensional tensor shape in LiteRT's order: batch, height, width, channels (NHWC).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Dims {
    /// Batches; for a convolution filter the number of output channels.
    pub n: usize,
    /// Height, rows.
    pub h: usize,
    /// Width, columns.
    pub w: usize,
    /// Channels, innermost.
    pub c: usize,
}

impl Dims {
    /// Number of elements.
    pub const fn len(self) -> usize {
        self.n * self.h * self.w * self.c
    }

    /// True where a dimension is zero.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A height and a width: strides, paddings, dilations and pooling windows.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Extent {
    /// In rows.
    pub h: usize,
    /// In columns.
    pub w: usize,
}

/// The fused activation as bounds on the quantized output, both inclusive.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Activation {
    /// Smallest output value.
    pub min: i32,
    /// Largest output value.
    pub max: i32,
}

/// A real factor as LiteRT's `QuantizeMultiplier` makes it: `multiplier * 2^(shift - 31)`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Requant {
    /// Q31 mantissa, in [2^30, 2^31), or zero.
    pub multiplier: i32,
    /// Power of two; positive shifts left.
    pub shift: i32,
}

/// Constant data of an operator with weights. The slices live in flash.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Filter elements, in the filter's own order (OHWI for convolution, 1HWO for depthwise, output × depth for dense).
    pub filter: &'a [i8],
    /// One value an output channel, or none.
    pub bias: Option<&'a [i32]>,
    /// Requantization mantissas: one an output channel, or a single one for the whole tensor.
    pub multipliers: &'a [i32],
    /// Requantization shifts, as many as multipliers.
    pub shifts: &'a [i32],
}

/// CONV_2D, int8, per-channel or per-tensor weights.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Conv2d {
    /// Input shape.
    pub input: Dims,
    /// Filter shape: `n` output channels, `c` input channels a group.
    pub filter: Dims,
    /// Output shape.
    pub output: Dims,
    /// Step of the window.
    pub stride: Extent,
    /// Rows above and columns to the left that are padded with the input's zero point.
    pub padding: Extent,
    /// Distance between filter taps.
    pub dilation: Extent,
    /// Added to every input element: minus the input's zero point.
    pub input_offset: i32,
    /// Added to every output element: the output's zero point.
    pub output_offset: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// DEPTHWISE_CONV_2D, int8, per-channel or per-tensor weights.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct DepthwiseConv2d {
    /// Input shape.
    pub input: Dims,
    /// Filter shape: `n` is 1 and `c` the number of output channels.
    pub filter: Dims,
    /// Output shape.
    pub output: Dims,
    /// Output channels for each input channel.
    pub depth_multiplier: usize,
    /// Step of the window.
    pub stride: Extent,
    /// Rows above and columns to the left that are padded with the input's zero point.
    pub padding: Extent,
    /// Distance between filter taps.
    pub dilation: Extent,
    /// Added to every input element: minus the input's zero point.
    pub input_offset: i32,
    /// Added to every output element: the output's zero point.
    pub output_offset: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// FULLY_CONNECTED, int8, per-channel or per-tensor weights.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct FullyConnected {
    /// Rows of the input.
    pub batches: usize,
    /// Elements a row of the input, and of the filter.
    pub depth: usize,
    /// Rows of the filter: elements a row of the output.
    pub units: usize,
    /// Added to every input element: minus the input's zero point.
    pub input_offset: i32,
    /// Added to every filter element: minus the filter's zero point.
    pub filter_offset: i32,
    /// Added to every output element: the output's zero point.
    pub output_offset: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// AVERAGE_POOL_2D and MAX_POOL_2D, int8.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Pool2d {
    /// Input shape.
    pub input: Dims,
    /// Output shape.
    pub output: Dims,
    /// Pooling window.
    pub window: Extent,
    /// Step of the window.
    pub stride: Extent,
    /// Rows above and columns to the left that lie outside the input.
    pub padding: Extent,
    /// Fused activation.
    pub activation: Activation,
}

/// One operand of [`Add`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct AddOperand {
    /// Shape; a dimension of 1 is broadcast.
    pub dims: Dims,
    /// Minus the operand's zero point.
    pub offset: i32,
    /// Factor that brings the operand to the common scale.
    pub requant: Requant,
}

/// ADD, int8, with broadcasting over four dimensions.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Add {
    /// First operand.
    pub a: AddOperand,
    /// Second operand.
    pub b: AddOperand,
    /// Output shape.
    pub output: Dims,
    /// Bits by which both operands are shifted left before they are scaled (20 for int8).
    pub left_shift: i32,
    /// Factor from the common scale to the output's.
    pub requant: Requant,
    /// Added to every output element: the output's zero point.
    pub output_offset: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// SOFTMAX, int8 to int8, over the last dimension.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Softmax {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
    /// Factor from input steps times beta to the fixed-point exponent's input.
    pub requant: Requant,
    /// Differences to the row's maximum below this give zero.
    pub diff_min: i32,
}
