//! `AVERAGE_POOL_2D`, `MAX_POOL_2D` and `L2_POOL_2D`.

use kernels::{Dims, Extent, Op, Pool2d, PoolF32, PoolFunction, PoolI16, Pooling};

use super::operand::Operand;
use super::product::real_bounds;
use super::rearrange::image;
use super::scaled::bounds;
use super::site::{Site, agree};
use super::window::window;
use super::{Call, Fault, Lowered, axes};
use crate::model::TensorType::{Float32, Int8, Int16};
use crate::model::{Options, TensorType};

const SAME_QUANTIZATION: &str = "convert again: pooling must keep its input's quantization";
/// Elements of a window whose sum surely fits 32 bits, rounding included.
const MAX_TAPS: [(TensorType, usize); 2] = [(Int8, 1 << 20), (Int16, (1 << 16) - 1)];

/// Of int8 a call of its own, which CMSIS-NN shares; else an operator of the common form.
pub(super) fn pool_2d(site: &Site, function: PoolFunction) -> Result<Lowered, Fault> {
    let Options::Pool2d { activation, .. } = site.operator.options else { return Err(axes::no_options()) };
    site.arity(1..=1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(if function == PoolFunction::L2 { &[Float32] } else { &[Float32, Int8, Int16] })?;
    output.same_type(&input)?;
    let at = pooling(site, &input, &output)?;
    let (inputs, outputs) = (vec![input.id], vec![output.id]);
    if input.dtype() == Float32 {
        let [min, max] = real_bounds(activation, &output)?;
        return Ok(Lowered::op(Op::PoolF32(PoolF32 { function, at, min, max }), inputs, outputs));
    }
    let taps = at.window.h * at.window.w;
    agree(MAX_TAPS.iter().all(|&(dtype, max)| dtype != input.dtype() || taps <= max), input.id, || {
        format!("has a window of {} by {}", at.window.h, at.window.w)
    })?;
    same_quantization(&input, &output)?;
    let activation = bounds(activation, &output)?;
    if input.dtype() == Int16 {
        return Ok(Lowered::op(Op::PoolI16(PoolI16 { function, at, activation }), inputs, outputs));
    }
    site.input(0)?;
    let Pooling { input, output, window, stride, padding } = at;
    let call = if function == PoolFunction::Max { Call::MaxPool2d } else { Call::AveragePool2d };
    Ok(Lowered::plain(call(Pool2d { input, output, window, stride, padding, activation }), inputs, outputs))
}

/// The geometry, which the output's shape must agree with.
fn pooling(site: &Site, input: &Operand, output: &Operand) -> Result<Pooling, Fault> {
    let Options::Pool2d { padding, stride, window: taps, .. } = site.operator.options else {
        return Err(axes::no_options());
    };
    let [n, h, w, c] = image(input)?;
    // A negative size becomes zero, which the window refuses.
    let [rows, columns] = taps.map(|size| usize::try_from(size).unwrap_or_default());
    let taps = Extent { h: rows, w: columns };
    let input = Dims { n, h, w, c };
    let geometry = window(input, taps, padding, stride, [1, 1])?;
    output.expect_shape(&[n, geometry.output.h, geometry.output.w, c])?;
    Ok(Pooling {
        input,
        output: Dims { n, h: geometry.output.h, w: geometry.output.w, c },
        window: taps,
        stride: geometry.stride,
        padding: geometry.padding,
    })
}

fn same_quantization(input: &Operand, output: &Operand) -> Result<(), Fault> {
    let ((scale, zero_point), (output_scale, output_zero_point)) = (input.quantization()?, output.quantization()?);
    let difference = (f64::from(scale) - f64::from(output_scale)).abs();
    if difference > 1.0e-6 || zero_point != output_zero_point {
        return Err(Fault::at(output.id, "changes the quantization of its input".to_owned(), SAME_QUANTIZATION));
    }
    Ok(())
}
