//! Activations: RELU, RELU6, `LEAKY_RELU`, PRELU, ELU, `HARD_SWISH`, LOGISTIC, TANH.

use kernels::{Activation, Clamp, Elu, LeakyRelu, LeakyReluF32, Op, Prelu, Requant, Sigmoid, UnaryFunction};

use super::convert::{is_identity, rescale};
use super::operand::Operand;
use super::scaled::{RESCALE, factor, range, scale, symmetric, zero_point};
use super::site::Site;
use super::table::{curve, hard_swish as hard_swish_of, lookup};
use super::{Fault, Lowered, arithmetic, broadcast, quantize, unary};
use crate::model::TensorType::{self, Float32, Int8, Int16};
use crate::model::graph::Options;

const TYPES: [TensorType; 3] = [Int8, Int16, Float32];

/// RELU.
pub(super) fn relu(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&TYPES)?;
    match output.dtype() {
        Float32 => return unary::of(site, UnaryFunction::Relu),
        Int16 => symmetric(&[&input, &output])?,
        _ => {}
    }
    let activation = Activation { min: zero_point(&output)?, ..range(output.element()?) };
    let requant = factor(f64::from(scale(&input)?) / f64::from(scale(&output)?), &output)?;
    if is_identity(requant) && zero_point(&input)? == zero_point(&output)? {
        return clamp(&input, &output, activation);
    }
    rescale(&input, &output, activation)
}

/// RELU6: LiteRT takes the output's quantization for the input's.
pub(super) fn relu6(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&TYPES)?;
    if output.dtype() == Float32 {
        return unary::of(site, UnaryFunction::Relu6);
    }
    let (scale, zero_point) = input.quantization()?;
    let bounds = range(output.element()?);
    let six = (6.0 / scale).round();
    // LiteRT Micro's conversion to 32 bits is undefined there.
    if six >= 2_147_483_648.0 {
        return Err(Fault::at(
            input.id,
            format!("has an input of scale {scale}, at which 6 is beyond 32 bits"),
            RESCALE,
        ));
    }
    #[expect(clippy::cast_possible_truncation, reason = "within 32 bits")]
    let six = (six as i32).saturating_add(zero_point);
    clamp(&input, &output, Activation { min: zero_point, max: bounds.bound(six) })
}

/// `LEAKY_RELU`.
pub(super) fn leaky_relu(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&TYPES)?;
    let alpha = match site.operator.options {
        Options::LeakyRelu { alpha } => alpha,
        _ => 0.0,
    };
    if output.dtype() == Float32 {
        let op = Op::LeakyReluF32(LeakyReluF32 { len: output.elements(), alpha });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    let real = f64::from(scale(&input)?) * f64::from(alpha) / f64::from(scale(&output)?);
    let factor_of_alpha = factor(real.abs(), &output)?;
    let sign = if real < 0.0 { -1 } else { 1 };
    let op = LeakyRelu {
        len: output.elements(),
        input_offset: -zero_point(&input)?,
        output_offset: zero_point(&output)?,
        identity: factor(f64::from(scale(&input)?) / f64::from(scale(&output)?), &output)?,
        alpha: Requant { multiplier: sign * factor_of_alpha.multiplier, ..factor_of_alpha },
    };
    if output.dtype() == Int8 {
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let f = |value: i8| op.apply(i32::from(value)).clamp(-128, 127) as i8;
        return Ok(lookup(&input, &output, f));
    }
    Ok(Lowered::op(Op::LeakyRelu(op), vec![input.id], vec![output.id]))
}

/// PRELU: slopes are int8 where the input is int8 or int16.
pub(super) fn prelu(site: &Site) -> Result<Lowered, Fault> {
    site.arity(2..=2)?;
    let (input, alpha, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    output.one_of(&TYPES)?;
    input.same_type(&output)?;
    if output.dtype() == Float32 {
        return arithmetic::prelu_f32(site);
    }
    alpha.one_of(&[Int8])?;
    let identity = f64::from(scale(&input)?) / f64::from(scale(&output)?);
    let product = f64::from(scale(&input)?) * f64::from(scale(&alpha)?) / f64::from(scale(&output)?);
    let op = Op::Prelu(Prelu {
        element: output.element()?,
        at: broadcast::pair(&input, &alpha, &output)?,
        input_offset: -zero_point(&input)?,
        alpha_offset: -zero_point(&alpha)?,
        output_offset: zero_point(&output)?,
        identity: factor(identity, &output)?,
        alpha: factor(product, &output)?,
    });
    Ok(Lowered::op(op, vec![input.id, alpha.id], vec![output.id]))
}

/// ELU.
pub(super) fn elu(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&[Int8, Float32])?;
    if output.dtype() == Float32 {
        return unary::of(site, UnaryFunction::Elu);
    }
    let ((input_scale, input_zero_point), (output_scale, output_zero_point)) =
        (input.quantization()?, output.quantization()?);
    let function = Elu { input_scale, input_zero_point, output_scale, output_zero_point };
    Ok(lookup(&input, &output, |value| function.apply(value)))
}

/// `HARD_SWISH`.
pub(super) fn hard_swish(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&[Int8, Float32])?;
    if output.dtype() == Float32 {
        return unary::of(site, UnaryFunction::HardSwish);
    }
    let function = hard_swish_of(&input, &output)?;
    Ok(lookup(&input, &output, |value| function.apply(value)))
}

/// LOGISTIC. LiteRT checks the zero point of an int8 output and takes its scale for 1/256.
pub(super) fn logistic(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&TYPES)?;
    if output.dtype() == Float32 {
        return unary::of(site, UnaryFunction::Logistic);
    }
    if output.dtype() == Int16 {
        return sigmoid(&input, &output, false);
    }
    if zero_point(&output)? != -128 {
        let reason = format!("has output zero point {}, not -128", zero_point(&output)?);
        return Err(Fault::at(output.id, reason, "convert again: logistic outputs have scale 1/256, zero point -128"));
    }
    let curve = curve(&input)?;
    Ok(lookup(&input, &output, |value| curve.logistic(value)))
}

/// TANH. LiteRT takes the quantization of an int8 output for 1/128 and 0.
pub(super) fn tanh(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&TYPES)?;
    if output.dtype() == Float32 {
        return unary::of(site, UnaryFunction::Tanh);
    }
    if output.dtype() == Int16 {
        return sigmoid(&input, &output, true);
    }
    let curve = curve(&input)?;
    Ok(lookup(&input, &output, |value| curve.tanh(value)))
}

/// LOGISTIC and TANH of int16: the factor from the input's scale to 1/12288.
fn sigmoid(input: &Operand, output: &Operand, tanh: bool) -> Result<Lowered, Fault> {
    symmetric(&[input, output])?;
    if quantize::power_of_two(scale(output)?) != Some(-15) {
        let reason = format!("has output scale {}, not 2^-15", scale(output)?);
        return Err(Fault::at(output.id, reason, "convert again: int16 outputs of this layer have scale 2^-15"));
    }
    let scale = scale(input)?;
    let (multiplier, shift) = match quantize::power_of_two(scale).map(|power| power + 12) {
        Some(0) => (3, 0),
        Some(1) if tanh => (6, 0),
        _ => {
            let (mut multiplier, mut shift) = (f64::from(scale) * 4096.0 * 3.0, 0);
            while multiplier <= 32767.0 / 2.0 && shift <= 30 {
                multiplier *= 2.0;
                shift += 1;
            }
            #[expect(clippy::cast_possible_truncation, reason = "cut off, as LiteRT does; saturates")]
            let whole = multiplier as i32;
            (whole, shift)
        }
    };
    if !(1..=32_767).contains(&multiplier) {
        return Err(Fault::at(input.id, format!("has an input of scale {scale}"), RESCALE));
    }
    let op = Op::Sigmoid(Sigmoid { len: output.elements(), tanh, multiplier, shift });
    Ok(Lowered::op(op, vec![input.id], vec![output.id]))
}

/// Bounds on numbers as they are stored.
fn clamp(input: &Operand, output: &Operand, activation: Activation) -> Result<Lowered, Fault> {
    let op = Op::Clamp(Clamp { len: output.elements(), element: output.element()?, activation });
    Ok(Lowered::op(op, vec![input.id], vec![output.id]))
}
