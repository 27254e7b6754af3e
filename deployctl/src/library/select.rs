//! Which function of CMSIS-NN runs a step, and why none does.
//!
//! Chooses what the library's own wrappers (`arm_convolve_wrapper_s8`, `arm_depthwise_conv_wrapper_s8`) would call, with three
//! differences, all of them in what a wrapper's choice does next: a variant that only passes a call on is replaced by what
//! it passes it on to; where a variant would refuse, read beyond the input or give other values than LiteRT, another one is
//! taken; and where all would, the step is [`Unfit`].

use kernels::{
    Add, Combination, Combine, Conv2d, ConvolveI16, DepthwiseConv2d, Dims, Element, Extent, FullyConnected, Layer,
    Multiply, Op, Pool2d, PoolFunction, PoolI16, Softmax, SoftmaxI16, Svdf, TransposeConv,
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
        Call::Softmax(p) => softmax(p)?,
        Call::Reshape | Call::If { .. } | Call::While { .. } => return Ok(no_code()),
        Call::Own(own) => return Ok(own_kernel(own)),
        Call::Op(op) => common_form(op, &step.tables, features)?,
        Call::Step(op) => return Ok(step_kernel(op)),
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
        Call::Reshape | Call::If { .. } | Call::While { .. } => return no_code(),
        Call::Own(own) => return own_kernel(own),
        Call::Op(op) => op.function(),
        Call::Step(op) => return step_kernel(op),
    };
    Kernel {
        library: "reference".to_owned(),
        symbol: name.to_owned(),
        entry: format!("kernels::{name}"),
        path: InstructionPath::Scalar,
    }
}

fn step_kernel(op: &preprocess::Op) -> Kernel {
    let name = op.function();
    Kernel {
        library: "reference".to_owned(),
        symbol: name.to_owned(),
        entry: format!("preprocess::{name}"),
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

fn common_form(op: &Op, tables: &[Vec<i8>], features: Features) -> Result<Variant, Unfit> {
    let (variant, at) = match op {
        Op::Combine(Combine { combination: Combination::Sum, element: Element::I16, at, .. }) => {
            (Variant::AddInt16, at)
        }
        Op::Multiply(Multiply { element: Element::I8, at, .. }) => (Variant::Multiply, at),
        Op::Multiply(p) if [p.a_offset, p.b_offset, p.output_offset] != [0; 3] => {
            return unfit("the library takes int16 zero points for 0");
        }
        Op::Multiply(Multiply { at, .. }) => (Variant::MultiplyInt16, at),
        Op::ConvolveI16(p) => return wide_layer(p, tables, features),
        Op::PoolI16(p) => return wide_pool(p, features),
        Op::SoftmaxI16(p) => return wide_softmax(p),
        Op::SoftmaxI8I16(_) => return unfit("the reference kernel takes half of the library's instructions"),
        Op::Svdf(p) => return svdf(p),
        Op::TransposeConv(TransposeConv { element: Element::I8, .. }) => {
            return unfit(
                "the library wants a 32-bit number for every input pixel and filter tap, the reference kernel none",
            );
        }
        Op::ConvolveF32(_) | Op::PoolF32(_) | Op::SoftmaxF32(_) | Op::SvdfF32(_) | Op::TransposeConvF32(_) => {
            return unfit("the library computes in integers, not in float32");
        }
        _ => return unfit("no function of the library is bound for this operator"),
    };
    if at.repeats() {
        return unfit("the library does not broadcast operands");
    }
    Ok(variant)
}

/// Layers of int16 with int8 weights. The library sums in 64 bits, which rules int32 biases out, and rounds by an addition
/// of one to what it has shifted to 32 bits, one bit too early.
fn wide_layer(p: &ConvolveI16, tables: &[Vec<i8>], features: Features) -> Result<Variant, Unfit> {
    let at = &p.at;
    if p.bias == Some(Element::I32) {
        return unfit("with an int32 bias LiteRT sums in 32 bits, the library's int16 functions in 64");
    }
    if p.filter_offset != 0 {
        return unfit("the library takes the filter's zero point for 0");
    }
    if !p.narrow {
        return unfit("weights or biases are so large that the library's sums could overflow");
    }
    let factors = tables.first().map_or(0, |multipliers| multipliers.len() / size_of::<i32>());
    if at.layer == Layer::FullyConnected && factors == 1 {
        return Ok(Variant::FullyConnectedInt16);
    }
    let window = at.taps.h * at.taps.w * at.depth;
    sizes(&[at.input, at.output], at.stride, window)?;
    if at.input.n > LARGEST_DIMENSION {
        return unfit("the library counts batches in 16 bits");
    }
    if factors != at.output.c {
        return unfit(format!("the library wants a multiplier a channel, {} of them", at.output.c));
    }
    let short = window < WIDE_WINDOW && at.dilation == ONE;
    if at.layer == Layer::DepthwiseConv2d {
        let touching = windows_touch(at.input, at.taps, at.stride, at.padding, at.output);
        // The MVE code reads factors and biases four at a time, also behind the last channel.
        let whole = !features.mve || at.input.c.is_multiple_of(4);
        // Without extensions the fast function is only a call of the general one.
        let fast = short && at.group == 1 && touching && whole && (features.dsp || features.mve);
        return Ok(if fast { Variant::DepthwiseFastInt16 } else { Variant::DepthwiseInt16 });
    }
    if at.depth != at.input.c {
        return unfit("the library's convolutions are not grouped");
    }
    // Only DSP code. Without a bias it takes the whole multiplier and rounds twice, which LiteRT does not.
    let fast = short && p.bias.is_some() && features.dsp && !features.mve;
    Ok(if fast { Variant::ConvFastInt16 } else { Variant::ConvInt16 })
}

/// Weights of a window from which on 32-bit sums of 16-bit inputs could overflow; fast functions refuse it.
const WIDE_WINDOW: usize = 512;

fn wide_pool(p: &PoolI16, features: Features) -> Result<Variant, Unfit> {
    let at = &p.at;
    if !features.mve {
        return unfit("without MVE the library is up to four times as slow as the reference kernel");
    }
    if !windows_touch(at.input, at.window, at.stride, at.padding, at.output) {
        return unfit("a pooling window lies wholly in the padding");
    }
    match p.function {
        PoolFunction::Max => Ok(Variant::MaxPoolInt16),
        _ if at.window.h * at.window.w > usize::from(u16::MAX) => {
            unfit("a window of more than 65,535 elements can overflow the library's sum")
        }
        _ => Ok(Variant::AveragePoolInt16),
    }
}

fn softmax(p: &Softmax) -> Result<Variant, Unfit> {
    let (depth, shift) = (p.depth, p.requant.shift);
    if depth > LARGEST_SOFTMAX {
        return unfit(format!("rows of {depth} elements can overflow the sum of exponentials"));
    }
    if !(0..=30).contains(&shift) {
        return unfit(format!("an input scale that shifts by {shift} bits is outside the library's format"));
    }
    Ok(Variant::Softmax)
}

/// The library rounds the sum of exponentials in 32 bits without saturating: a sum whose upper 18 bits are all ones wraps,
/// and the row's results are twice what they should be. The smallest such sum is 2^18 - 1, and an exponential is less than
/// 2^15. Nor does it saturate results: of one element alone it is 2^15, which wraps.
fn wide_softmax(p: &SoftmaxI16) -> Result<Variant, Unfit> {
    if p.depth == 1 {
        return unfit("the library does not saturate the result of a row of one element");
    }
    if p.depth > LARGEST_WIDE_SOFTMAX {
        return unfit(format!("the library doubles the results of some rows of {} elements", p.depth));
    }
    if p.requant.shift > LARGEST_WIDE_SHIFT {
        return unfit(format!(
            "an input scale that shifts by {} bits overflows the library's differences",
            p.requant.shift
        ));
    }
    Ok(Variant::SoftmaxInt16)
}

/// Nine exponentials can be more than 2^18 - 1.
const LARGEST_WIDE_SOFTMAX: usize = 8;
/// Differences have 17 bits.
const LARGEST_WIDE_SHIFT: i32 = 15;

fn svdf(p: &Svdf) -> Result<Variant, Unfit> {
    if p.state_offset != 0 {
        return unfit("the library takes the state's zero point for 0");
    }
    if p.sizes.depth > usize::from(u16::MAX) || p.sizes.rank > LARGEST_DIMENSION {
        return unfit("the library counts ranks in 16 bits, and sums of more than 65,535 features can saturate");
    }
    Ok(if p.state == Element::I16 { Variant::SvdfStateInt16 } else { Variant::Svdf })
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
