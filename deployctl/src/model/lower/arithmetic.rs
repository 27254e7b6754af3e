//! Binary arithmetic by type: quantized numbers go to `scaled`, plain ones are lowered here.

use kernels::{Activation, AddNF32, ArithmeticF32, ArithmeticI32, Combination, Extremum, FunctionF32, FunctionI32, Op};

use super::operand::Operand;
use super::site::Site;
use super::{Fault, Lowered, add, broadcast, scaled};
use crate::model::graph::{FusedActivation, Options};
use crate::model::{TensorType, builtin};

const PLAIN: &str = "leave the quantization of int32 tensors out, or use int8";

/// ADD. Int8 has a kernel of its own, for operands of at most four dimensions.
pub(super) fn add(site: &Site, activation: FusedActivation) -> Result<Lowered, Fault> {
    match site.result(0)?.dtype() {
        TensorType::Int8 => match add::add(site, activation) {
            Ok(lowered) => Ok(lowered),
            Err(fault) => scaled::sum(site, Combination::Sum, activation).map_err(|_| fault),
        },
        TensorType::Int16 => scaled::sum(site, Combination::Sum, activation),
        // LiteRT Micro has no fused activation for int32 here.
        _ => plain(site, Some(FunctionI32::Add), FunctionF32::Add, activation, FusedActivation::None),
    }
}

/// SUB.
pub(super) fn sub(site: &Site) -> Result<Lowered, Fault> {
    let activation = fused(site);
    match site.result(0)?.dtype() {
        TensorType::Int8 | TensorType::Int16 => scaled::sum(site, Combination::Difference, activation),
        _ => plain(site, Some(FunctionI32::Sub), FunctionF32::Sub, activation, activation),
    }
}

/// MUL.
pub(super) fn mul(site: &Site) -> Result<Lowered, Fault> {
    let activation = fused(site);
    match site.result(0)?.dtype() {
        TensorType::Int8 | TensorType::Int16 => scaled::mul(site, activation),
        _ => plain(site, Some(FunctionI32::Mul), FunctionF32::Mul, activation, activation),
    }
}

/// DIV.
pub(super) fn div(site: &Site) -> Result<Lowered, Fault> {
    let activation = fused(site);
    match site.result(0)?.dtype() {
        TensorType::Int8 => scaled::div(site, activation),
        _ => plain(site, Some(FunctionI32::Div), FunctionF32::Div, activation, activation),
    }
}

/// `SQUARED_DIFFERENCE`.
pub(super) fn squared_difference(site: &Site) -> Result<Lowered, Fault> {
    match site.result(0)?.dtype() {
        TensorType::Int8 | TensorType::Int16 => scaled::squared_difference(site),
        TensorType::Int32 => i32s(site, FunctionI32::SquaredDifference, FusedActivation::None),
        _ => f32s(site, FunctionF32::SquaredDifference, None),
    }
}

/// `FLOOR_DIV`, float32.
pub(super) fn floor_div(site: &Site) -> Result<Lowered, Fault> {
    f32s(site, FunctionF32::FloorDiv, None)
}

/// `FLOOR_MOD`, float32.
pub(super) fn floor_mod(site: &Site) -> Result<Lowered, Fault> {
    f32s(site, FunctionF32::FloorMod, None)
}

/// MAXIMUM and MINIMUM: of the numbers as they are stored, whatever their scales.
pub(super) fn extremum(site: &Site, largest: bool) -> Result<Lowered, Fault> {
    let types = [TensorType::Int8, TensorType::Int16, TensorType::Int32, TensorType::Int64, TensorType::Float32];
    let (a, b, output) = operands(site, &types)?;
    let op = Extremum { largest, element: output.element()?, at: broadcast::pair(&a, &b, &output)? };
    Ok(Lowered::op(Op::Extremum(op), vec![a.id, b.id], vec![output.id]))
}

/// `ADD_N`, int8 and float32, of tensors of one shape.
pub(super) fn add_n(site: &Site) -> Result<Lowered, Fault> {
    site.arity(2..=usize::MAX)?;
    let output = site.result(0)?;
    output.one_of(&[TensorType::Int8, TensorType::Float32])?;
    let inputs: Vec<Operand> =
        (0..site.operator.inputs.len()).map(|position| site.operand(position)).collect::<Result<_, _>>()?;
    for input in &inputs {
        input.same_type(&output)?;
        input.same_shape(&output)?;
    }
    if output.dtype() == TensorType::Int8 {
        return scaled::add_n(&inputs, &output);
    }
    let op = Op::AddNF32(AddNF32 { len: output.elements() });
    Ok(Lowered::op(op, inputs.iter().map(|input| input.id).collect(), vec![output.id]))
}

/// PRELU of float32.
pub(super) fn prelu_f32(site: &Site) -> Result<Lowered, Fault> {
    f32s(site, FunctionF32::Prelu, None)
}

/// The fused activation of an operator that has nothing else to say.
pub(super) fn fused(site: &Site) -> FusedActivation {
    match site.operator.options {
        Options::Fused { activation } => activation,
        _ => FusedActivation::None,
    }
}

/// Int32 with the last activation, float32 with the one before.
fn plain(
    site: &Site,
    integers: Option<FunctionI32>,
    floats: FunctionF32,
    activation: FusedActivation,
    of_integers: FusedActivation,
) -> Result<Lowered, Fault> {
    match integers {
        Some(function) if site.result(0)?.dtype() == TensorType::Int32 => i32s(site, function, of_integers),
        _ => f32s(site, floats, Some(activation)),
    }
}

fn i32s(site: &Site, function: FunctionI32, activation: FusedActivation) -> Result<Lowered, Fault> {
    let (a, b, output) = operands(site, &[TensorType::Int32])?;
    // LiteRT Micro refuses quantized int32 except here, where it ignores the quantization.
    let indifferent = [builtin::MUL, builtin::SQUARED_DIFFERENCE].contains(&site.operator.code);
    for operand in [&a, &b] {
        if !indifferent && operand.is_quantized() {
            return Err(Fault::at(operand.id, "has a quantized int32 tensor".to_owned(), PLAIN));
        }
    }
    let (min, max) = match activation {
        FusedActivation::Relu => (0, i32::MAX),
        FusedActivation::Relu6 => (0, 6),
        FusedActivation::ReluN1To1 => (-1, 1),
        FusedActivation::None | FusedActivation::Tanh | FusedActivation::SignBit => (i32::MIN, i32::MAX),
    };
    let at = broadcast::pair(&a, &b, &output)?;
    let op = Op::ArithmeticI32(ArithmeticI32 { function, at, activation: Activation { min, max } });
    Ok(Lowered::op(op, vec![a.id, b.id], vec![output.id]))
}

fn f32s(site: &Site, function: FunctionF32, activation: Option<FusedActivation>) -> Result<Lowered, Fault> {
    let (a, b, output) = operands(site, &[TensorType::Float32])?;
    let bounds = activation.map(|activation| match activation {
        FusedActivation::Relu => [0.0, f32::MAX],
        FusedActivation::Relu6 => [0.0, 6.0],
        FusedActivation::ReluN1To1 => [-1.0, 1.0],
        FusedActivation::None | FusedActivation::Tanh | FusedActivation::SignBit => [f32::MIN, f32::MAX],
    });
    let op = Op::ArithmeticF32(ArithmeticF32 { function, at: broadcast::pair(&a, &b, &output)?, bounds });
    Ok(Lowered::op(op, vec![a.id, b.id], vec![output.id]))
}

/// Two operands and an output of one of `types`.
pub(super) fn operands<'a>(
    site: &Site<'a>,
    types: &[TensorType],
) -> Result<(Operand<'a>, Operand<'a>, Operand<'a>), Fault> {
    site.arity(2..=2)?;
    let (a, b, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    output.one_of(types)?;
    a.same_type(&output)?;
    b.same_type(&output)?;
    Ok((a, b, output))
}
