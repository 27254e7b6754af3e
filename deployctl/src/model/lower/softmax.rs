//! `SOFTMAX`, over the last dimension.

use kernels::{Op, Softmax, SoftmaxF32, SoftmaxI8I16, SoftmaxI16};

use super::operand::Operand;
use super::quantize::Exponent;
use super::rows::rows;
use super::scaled::{RESCALE, scale};
use super::site::Site;
use super::{Call, Fault, Lowered, quantize};
use crate::model::TensorType::{Float32, Int8, Int16};

/// Elements of a row for which LiteRT's fixed point is defined: at 512 equal ones its last shift reaches 32 bits.
const MAX_DEPTH: usize = 511;
/// With an output of 16 bits there is room for more, until the sum of the exponentials overflows.
const MAX_DEPTH_I8_I16: usize = 4095;
/// Elements of a row of int16 whose exponentials surely fit 32 bits.
const MAX_DEPTH_I16: usize = 65_535;

/// From int8 to int8 a call of its own, which CMSIS-NN shares; else an operator of the common form.
pub(super) fn softmax(site: &Site, beta: f32) -> Result<Lowered, Fault> {
    site.arity(1..=1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Int16])?;
    output.one_of(match input.dtype() {
        Int8 => &[Int8, Int16],
        Int16 => &[Int16],
        _ => &[Float32],
    })?;
    output.same_shape(&input)?;
    let (rows, depth) = rows(&input)?;
    let (inputs, outputs) = (vec![input.id], vec![output.id]);
    match (input.dtype(), output.dtype()) {
        (Int8, Int8) => {
            site.input(0)?;
            exactly(&output, 1.0 / 256.0, 0.0, -128)?;
            up_to(&input, depth, MAX_DEPTH)?;
            let Exponent { requant, diff_min } = exponent(&input, beta)?;
            Ok(Lowered::plain(Call::Softmax(Softmax { rows, depth, requant, diff_min }), inputs, outputs))
        }
        (Int8, _) => {
            exactly(&output, 1.0 / 65_536.0, 0.001, -32_768)?;
            up_to(&input, depth, MAX_DEPTH_I8_I16)?;
            let Exponent { requant, diff_min } = exponent(&input, beta)?;
            let op = SoftmaxI8I16 { rows, depth, requant, diff_min };
            Ok(Lowered::op(Op::SoftmaxI8I16(op), inputs, outputs))
        }
        (Int16, _) => {
            exactly(&output, 1.0 / 32_768.0, 0.001, 0)?;
            up_to(&input, depth, MAX_DEPTH_I16)?;
            // Steps of the table of exponentials, which goes from -10 to 0.
            let real = f64::from(scale(&input)?) * f64::from(beta) / (10.0 / 65_535.0);
            let requant = quantize::multiplier(real).ok_or_else(|| unusable(&input, beta))?;
            let bytes = |table: [i16; kernels::SOFTMAX_TABLE]| -> Vec<i8> {
                table.iter().flat_map(|value| value.to_le_bytes()).map(u8::cast_signed).collect()
            };
            Ok(Lowered::op(Op::SoftmaxI16(SoftmaxI16 { rows, depth, requant }), inputs, outputs)
                .with_table(bytes(kernels::exponential_table()))
                .with_table(bytes(kernels::reciprocal_table())))
        }
        _ => Ok(Lowered::op(Op::SoftmaxF32(SoftmaxF32 { rows, depth, beta }), inputs, outputs)),
    }
}

fn exponent(input: &Operand, beta: f32) -> Result<Exponent, Fault> {
    let scale = scale(input)?;
    quantize::exponent(f64::from(beta) * f64::from(scale)).ok_or_else(|| unusable(input, beta))
}

fn unusable(input: &Operand, beta: f32) -> Fault {
    let (scale, _) = input.scale_and_zero_point();
    let reason = format!("has beta {beta} and input scale {scale}, whose product 32 bits cannot apply");
    Fault::at(input.id, reason, RESCALE)
}

/// Refuses an output of another quantization than the format's rules for softmax demand, its scale within a share of it.
fn exactly(output: &Operand, scale: f32, tolerance: f32, zero_point: i32) -> Result<(), Fault> {
    let found = output.quantization()?;
    if (found.0 - scale).abs() <= tolerance * scale && found.1 == zero_point {
        return Ok(());
    }
    let reason = format!("has output scale {} and zero point {}, not {scale} and {zero_point}", found.0, found.1);
    let advice = "convert again: softmax outputs have one scale and one zero point for each type";
    Err(Fault::at(output.id, reason, advice))
}

fn up_to(input: &Operand, depth: usize, most: usize) -> Result<(), Fault> {
    if depth <= most {
        return Ok(());
    }
    let reason = format!("has rows of {depth} elements, but LiteRT Micro's is defined for {most}");
    Err(Fault::at(input.id, reason, "leave the softmax out and take the largest of its inputs"))
}
