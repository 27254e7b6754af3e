//! Tensors put side by side and taken apart again.

use kernels::{Concatenate, Op, Split};

use super::axes::Around;
use super::operand::Operand;
use super::site::{Site, agree};
use super::{Fault, Lowered, axes};
use crate::model::graph::FusedActivation;
use crate::model::{Options, TensorType};

/// LiteRT Micro keeps this many inputs.
const MAX_INPUTS: usize = 10;

/// `CONCATENATION`.
pub(super) fn concatenation(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Bool, Float32, Int8, Int16, Int32, Int64};
    let Options::Concatenation { axis, activation } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(1..=MAX_INPUTS, 1)?;
    if activation != FusedActivation::None {
        let advice = "apply the activation in a layer of its own";
        return Err(Fault::new(format!("has the fused activation {activation:?}"), advice));
    }
    let output = site.result(0)?;
    output.one_of(&[Float32, Int8, Int16, Int32, Int64, Bool])?;
    output.rank_up_to(6)?;
    let axis = output.axis(i64::from(axis), output.shape().len())?;
    let inputs = operands(site)?;
    let mut expected = output.shape().to_vec();
    expected[axis] = 0;
    for input in &inputs {
        input.same_type(&output)?;
        if input.dtype() == Int8 {
            output.same_quantization(input)?;
        }
        let length = input.shape().get(axis).copied().unwrap_or_default();
        expected[axis] += length;
        let mut rest = output.shape().to_vec();
        rest[axis] = length;
        agree(input.shape() == rest, input.id, || {
            format!("has an input of shape {:?} beside an output of {:?}", input.shape(), output.shape())
        })?;
    }
    output.expect_shape(&expected)?;
    let rows = Around::new(output.shape(), axis).outer;
    Ok(side_by_side(rows, &inputs, &output))
}

/// `PACK`: each input becomes one slice along a new axis.
pub(super) fn pack(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Float32, Int8, Int16, Int32, Int64};
    let Options::Pack { axis, values_count } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(1..=usize::try_from(values_count).unwrap_or_default(), 1)?;
    let (inputs, output) = (operands(site)?, site.result(0)?);
    output.one_of(&[Float32, Int8, Int16, Int32, Int64])?;
    let axis = output.axis(i64::from(axis), output.shape().len())?;
    agree(usize::try_from(values_count) == Ok(inputs.len()), output.id, || {
        format!("has {} inputs, but says {values_count}", inputs.len())
    })?;
    for input in &inputs {
        input.same_type(&output)?;
        let mut expected = input.shape().to_vec();
        agree(axis <= expected.len(), output.id, || format!("has axis {axis} for inputs of {:?}", input.shape()))?;
        expected.insert(axis, inputs.len());
        output.expect_shape(&expected)?;
    }
    Ok(side_by_side(Around::new(output.shape(), axis).outer, &inputs, &output))
}

/// `SPLIT`: equal parts, the axis being the first input.
pub(super) fn split(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, site.operator.outputs.len())?;
    let axis = site.settings_i32(0, "axis", 1)?[0];
    apart(site, site.operand(1)?, axis)
}

/// `SPLIT_V`: parts of the outputs' sizes, the axis being the last input. LiteRT Micro does not look at the sizes in the
/// second.
pub(super) fn split_v(site: &Site) -> Result<Lowered, Fault> {
    site.counts(3..=3, site.operator.outputs.len())?;
    let axis = site.settings_i32(2, "axis", 1)?[0];
    apart(site, site.operand(0)?, axis)
}

fn apart(site: &Site, input: Operand, axis: i64) -> Result<Lowered, Fault> {
    use TensorType::{Float32, Int8, Int16, Int32};
    input.one_of(&[Float32, Int8, Int16, Int32])?;
    let axis = input.axis(axis, input.shape().len())?;
    let outputs = results(site)?;
    let mut length = 0;
    for output in &outputs {
        output.same_type(&input)?;
        let mut expected = input.shape().to_vec();
        expected[axis] = output.shape().get(axis).copied().unwrap_or_default();
        length += expected[axis];
        output.expect_shape(&expected)?;
        agree(site.operator.name != "SPLIT" || output.shape() == outputs[0].shape(), output.id, || {
            format!("has outputs of shapes {:?} and {:?}", outputs[0].shape(), output.shape())
        })?;
    }
    let whole = input.shape()[axis];
    agree(length == whole, input.id, || format!("splits {whole} elements of its axis into {length}"))?;
    let op = Op::Split(Split { rows: Around::new(input.shape(), axis).outer });
    Ok(Lowered::op(op, vec![input.id], outputs.iter().map(|output| output.id).collect()))
}

/// `UNPACK`: each slice along an axis becomes an output.
pub(super) fn unpack(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Float32, Int8, Int16, Int32};
    let Options::Unpack { axis, num } = site.operator.options else { return Err(axes::no_options()) };
    let (input, outputs) = (site.operand(0)?, results(site)?);
    site.counts(1..=1, outputs.len())?;
    input.one_of(&[Float32, Int8, Int16, Int32])?;
    let axis = input.axis(i64::from(axis), input.shape().len())?;
    let mut expected = input.shape().to_vec();
    let length = expected.remove(axis);
    agree(outputs.len() == length && usize::try_from(num) == Ok(length), input.id, || {
        format!("has {} outputs and says {num} for an axis of {length}", outputs.len())
    })?;
    for output in &outputs {
        output.same_type(&input)?;
        output.expect_shape(&expected)?;
    }
    let op = Op::Split(Split { rows: Around::new(input.shape(), axis).outer });
    Ok(Lowered::op(op, vec![input.id], outputs.iter().map(|output| output.id).collect()))
}

fn side_by_side(rows: usize, inputs: &[Operand], output: &Operand) -> Lowered {
    let inputs = inputs.iter().map(|input| input.id).collect();
    Lowered::op(Op::Concatenate(Concatenate { rows }), inputs, vec![output.id])
}

fn operands<'a>(site: &Site<'a>) -> Result<Vec<Operand<'a>>, Fault> {
    (0..site.operator.inputs.len()).map(|position| site.operand(position)).collect()
}

fn results<'a>(site: &Site<'a>) -> Result<Vec<Operand<'a>>, Fault> {
    (0..site.operator.outputs.len()).map(|position| site.result(position)).collect()
}
