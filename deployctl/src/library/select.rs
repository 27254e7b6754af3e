//! Which function of CMSIS-NN runs a step, and why none does.
//!
//! Chooses what the library's own wrappers (`arm_convolve_wrapper_s8`, `arm_depthwise_conv_wrapper_s8`) would call, with three
//! differences, all of them in what a wrapper's choice does next: a variant that only passes a call on is replaced by what
//! it passes it on to; where a variant would refuse, read beyond the input or give other values than LiteRT, another one is
//! taken; and where all would, the step is [`Unfit`].

use kernels::{
    Add, Combination, Combine, Conv2d, ConvolveI16, DepthwiseConv2d, Dims, Element, Extent, FullyConnected, Layer,
    Multiply, Op, Pool2d, PoolFunction, PoolI16,
};

use super::variant::Variant;
use super::{Features, InstructionPath, Kernel, OWN};
use crate::model::lower::{Call, Own, Step, StepWeights};

/// The library has no function that computes a step as LiteRT does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unfit {
    /// What is missing, for the audit: a clause without a full stop.
    pub reason: String,
}

fn unfit<T>(reason: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit { reason: reason.into() })
}

/// The function of CMSIS-NN that runs `step` on a core with `features`.
pub fn select(step: &Step, features: Features) -> Result<Kernel, Unfit> {
    let variant = match &step.call {
        Call::Conv2d(p) => conv(p, step.weights.as_ref(), features)?,
        Call::DepthwiseConv2d(p) => depthwise(p, step.weights.as_ref(), features)?,
        Call::FullyConnected(p) => fully_connected(p, step.weights.as_ref())?,
        Call::AveragePool2d(p) => pool(p, Variant::AveragePool)?,
        Call::MaxPool2d(p) => pool(p, Variant::MaxPool)?,
        Call::Add(p) => add(p)?,
        Call::Softmax(p) if p.depth > LARGEST_SOFTMAX => {
            return unfit(format!("rows of {} elements can overflow the sum of exponentials", p.depth));
        }
        Call::Softmax(p) if !(0..=30).contains(&p.requant.shift) => {
            return unfit(format!(
                "an input scale that shifts by {} bits is outside the library's format",
                p.requant.shift
            ));
        }
        Call::Softmax(_) => Variant::Softmax,
        Call::Reshape => return Ok(no_code()),
        Call::Own(own) => return Ok(own_kernel(own)),
        Call::Op(op) => common_form(op)?,
    };
    Ok(variant.kernel(features))
}

/// The reference kernel that runs `step`; of a step with a kernel of the deployment's own, that one.
pub fn reference(step: &Step) -> Kernel {
    let name = match &step.call {
        Call::Conv2d(_) => "conv_2d",
        Call::DepthwiseConv2d(_) => "depthwise_conv_2d",
        Call::FullyConnected(_) => "fully_connected",
        Call::AveragePool2d(_) => "average_pool_2d",
        Call::MaxPool2d(_) => "max_pool_2d",
        Call::Add(_) => "add",
        Call::Softmax(_) => "softmax",
        Call::Reshape => return no_code(),
        Call::Own(own) => return own_kernel(own),
        Call::Op(op) => op.function(),
    };
    Kernel {
        library: "reference".to_owned(),
        symbol: name.to_owned(),
        entry: format!("kernels::{name}"),
        path: InstructionPath::Scalar,
    }
}

fn own_kernel(own: &Own) -> Kernel {
    let name = &own.kernel.name;
    Kernel {
        library: OWN.to_owned(),
        symbol: name.clone(),
        entry: format!("{name}::{name}"),
        path: InstructionPath::Scalar,
    }
}

fn no_code() -> Kernel {
    Kernel { library: "none".to_owned(), symbol: String::new(), entry: String::new(), path: InstructionPath::Scalar }
}

/// The exponential of zero is 2^19 in the sum's format, and 4096 of them are 2^31.
const LARGEST_SOFTMAX: usize = 4095;

/// The library keeps heights, widths and channels of convolutions in 16 bits, partly signed.
const LARGEST_DIMENSION: usize = i16::MAX as usize;

fn conv(p: &Conv2d, weights: Option<&StepWeights>, features: Features) -> Result<Variant, Unfit> {
    if p.filter.c != p.input.c {
        return unfit("the library's convolutions are not grouped");
    }
    sizes(&[p.input, p.filter, p.output], p.stride, p.filter.h * p.filter.w * p.filter.c)?;
    per_channel(weights, p.output.c)?;
    let undilated = p.dilation == ONE;
    if p.filter.h == 1 && p.filter.w == 1 && p.padding == NONE && undilated {
        return Ok(if p.stride == ONE { Variant::ConvOneTapFast } else { Variant::ConvOneTap });
    }
    let one_row = p.input.h == 1 && p.filter.h == 1 && p.output.h == 1 && p.padding.h == 0 && p.dilation.w == 1;
    // Without MVE the special case is only a call of the general function.
    if features.mve && one_row && (p.stride.w * p.input.c).is_multiple_of(4) && one_row_is_cut_once(p) {
        return Ok(Variant::ConvOneRow);
    }
    Ok(Variant::Conv)
}

/// True where `arm_convolve_1_x_n_s8` accepts the padding and no window is cut at both ends, which it does not expect.
fn one_row_is_cut_once(p: &Conv2d) -> bool {
    let [input, taps, stride, output, padding] =
        [p.input.w, p.filter.w, p.stride.w, p.output.w, p.padding.w].map(usize::cast_signed);
    let total = (output - 1) * stride + taps - input;
    let asymmetric = total % 2;
    let positions = |padded: isize| if padded == 0 { 0 } else { ((padded + stride - 1) / stride).max(1) };
    let (left, right) = (positions(padding), positions(padding + asymmetric));
    let uncut = output - right;
    padding * 2 + asymmetric == total && left <= uncut && (uncut == 0 || (uncut - 1) * stride + taps <= input + padding)
}

fn depthwise(p: &DepthwiseConv2d, weights: Option<&StepWeights>, features: Features) -> Result<Variant, Unfit> {
    sizes(&[p.input, p.filter, p.output], p.stride, p.filter.h * p.filter.w)?;
    per_channel(weights, p.output.c)?;
    let window = Extent { h: p.filter.h, w: p.filter.w };
    let special = p.depth_multiplier == 1
        && p.input.n == 1
        && p.dilation == ONE
        && windows_touch(p.input, window, p.stride, p.padding, p.output);
    if !special {
        return Ok(Variant::Depthwise);
    }
    // The 3×3 function reads the middle column of each window unseen.
    let middle_column_inside = (p.output.w - 1) * p.stride.w + 1 < p.input.w + p.padding.w;
    let three_by_three = window == Extent { h: 3, w: 3 } && p.padding.h <= 1 && p.padding.w <= 1;
    if !features.mve && three_by_three && middle_column_inside {
        return Ok(Variant::DepthwiseThreeByThree);
    }
    // The MVE code steps from one block of channels to the next in the bias even where there is none.
    let bias_is_missed = features.mve && p.input.c > MVE_BLOCK && weights.is_some_and(|w| w.bias.is_none());
    // Without extensions the optimized function is only a call of the general one.
    if (features.dsp || features.mve) && !bias_is_missed {
        return Ok(Variant::DepthwiseOptimized);
    }
    Ok(Variant::Depthwise)
}

/// Channels that the MVE code of `arm_depthwise_conv_s8_opt` takes at once (`CH_IN_BLOCK_MVE`).
pub(super) const MVE_BLOCK: usize = 124;

fn fully_connected(p: &FullyConnected, weights: Option<&StepWeights>) -> Result<Variant, Unfit> {
    if p.filter_offset != 0 {
        return unfit("the library takes the filter's zero point for 0");
    }
    if weights.is_none_or(|weights| weights.multipliers.len() == 1) {
        return Ok(Variant::FullyConnected);
    }
    per_channel(weights, p.units)?;
    Ok(Variant::FullyConnectedPerChannel)
}

fn pool(p: &Pool2d, variant: Variant) -> Result<Variant, Unfit> {
    if windows_touch(p.input, p.window, p.stride, p.padding, p.output) {
        return Ok(variant);
    }
    unfit("a pooling window lies wholly in the padding")
}

fn add(p: &Add) -> Result<Variant, Unfit> {
    if p.a.dims != p.output || p.b.dims != p.output {
        return unfit("the library does not broadcast operands");
    }
    if !(16..=30).contains(&p.left_shift) {
        return unfit(format!("a left shift of {} loses signs in the library's DSP code", p.left_shift));
    }
    Ok(Variant::Add)
}

fn common_form(op: &Op) -> Result<Variant, Unfit> {
    let (variant, at) = match op {
        Op::Combine(Combine { combination: Combination::Sum, element: Element::I16, at, .. }) => {
            (Variant::AddInt16, at)
        }
        Op::Multiply(Multiply { element: Element::I8, at, .. }) => (Variant::Multiply, at),
        Op::Multiply(p) if [p.a_offset, p.b_offset, p.output_offset] != [0; 3] => {
            return unfit("the library takes int16 zero points for 0");
        }
        Op::Multiply(Multiply { at, .. }) => (Variant::MultiplyInt16, at),
        _ => return unfit(missing(op)),
    };
    if at.repeats() {
        return unfit("the library does not broadcast operands");
    }
    Ok(variant)
}

/// What keeps an operator from the library: no function of it is bound, where it has one at all.
fn missing(op: &Op) -> String {
    let unbound = match op {
        Op::ConvolveI16(ConvolveI16 { at, .. }) => match at.layer {
            Layer::Conv2d => "arm_convolve_s16",
            Layer::DepthwiseConv2d => "arm_depthwise_conv_s16",
            Layer::FullyConnected => "arm_fully_connected_s16",
        },
        Op::PoolI16(PoolI16 { function: PoolFunction::Max, .. }) => "arm_max_pool_s16",
        Op::PoolI16(_) => "arm_avgpool_s16",
        Op::SoftmaxI16(_) => "arm_softmax_s16",
        Op::SoftmaxI8I16(_) => "arm_softmax_s8_s16",
        Op::ConvolveF32(_) | Op::PoolF32(_) | Op::SoftmaxF32(_) => {
            return "the library computes in integers, not in float32".to_owned();
        }
        Op::Svdf(p) if p.state == Element::I16 => "arm_svdf_state_s16_s8",
        Op::Svdf(_) => "arm_svdf_s8",
        Op::TransposeConv(p) if p.element == Element::I8 => "arm_transpose_conv_s8",
        _ => return "no function of the library is bound for this operator".to_owned(),
    };
    format!("`{unbound}` is not bound yet")
}

const ONE: Extent = Extent { h: 1, w: 1 };
const NONE: Extent = Extent { h: 0, w: 0 };

fn sizes(dims: &[Dims], stride: Extent, taps: usize) -> Result<(), Unfit> {
    let largest = dims.iter().flat_map(|d| [d.h, d.w, d.c]).chain([stride.h, stride.w]).max().unwrap_or(0);
    // Left-over loops count the elements of a window in 16 bits.
    if largest > LARGEST_DIMENSION || taps > usize::from(u16::MAX) {
        return unfit("the library counts dimensions and window elements in 16 bits");
    }
    Ok(())
}

fn per_channel(weights: Option<&StepWeights>, channels: usize) -> Result<(), Unfit> {
    match weights {
        Some(weights) if weights.multipliers.len() != channels => {
            unfit(format!("the library wants a multiplier a channel, {channels} of them"))
        }
        _ => Ok(()),
    }
}

/// True where every window has an element inside the input, as all of LiteRT's padding schemes ensure.
fn windows_touch(input: Dims, window: Extent, stride: Extent, padding: Extent, output: Dims) -> bool {
    let touches = |input: usize, window: usize, stride: usize, padding: usize, output: usize| {
        padding < window && output > 0 && (output - 1) * stride < input + padding
    };
    touches(input.h, window.h, stride.h, padding.h, output.h)
        && touches(input.w, window.w, stride.w, padding.w, output.w)
}
