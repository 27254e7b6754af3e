//! Functions of one byte: scale, mean and deviation, and quantization, as one table for each channel or for all.

use kernels::{Element, Lookup, Op as Kernel, Quantize, view_mut, words_as_i8, words_as_i8_mut};
use preprocess::{Affine, LookupChannels, NormalizeChannels, Op};

use super::StepOp;
use super::builder::{Builder, Value};
use super::image::{Step, element};
use super::spec::{Form, Wrong};
use crate::model::TensorType;

/// All bytes.
const BYTES: usize = 256;

/// Applies a function of numbers: later, as part of a table, where values are bytes and the model's input has 8 bits.
pub(super) fn numbers(builder: &mut Builder, value: Value, step: &Step) -> Result<Value, Wrong> {
    let channels = value.form.shape.last().copied().unwrap_or(1);
    if let Step::Normalize { mean, std } = step {
        for (name, list) in [("mean", mean), ("std", std)] {
            if list.len() != 1 && list.len() != channels {
                let reason = format!("`{name}` has {} numbers, and there are {channels} channels", list.len());
                return Err(Wrong::new(reason, "write one for each channel, or one for all"));
            }
        }
    }
    if value.form.dtype == TensorType::Uint8 && target(builder.port()).is_some() {
        builder.image.pending.push(step.clone());
        return Ok(value);
    }
    builder.image.format = None;
    let form = Form::plain(TensorType::Float32, value.form.shape.clone());
    let (element, len) = (element(&value), form.elements());
    let (name, op, inputs) = match step {
        Step::Scale { factor, offset } => {
            let op = Op::Affine(Affine { element, len, factor: *factor, offset: *offset });
            ("scale", op, vec![value.id])
        }
        Step::Normalize { mean, std } => {
            let bytes: Vec<u8> = table(mean, std, channels).iter().flat_map(|number| number.to_le_bytes()).collect();
            let table = builder.constant("normalize/table", TensorType::Float32, vec![2, channels], &bytes);
            ("normalize", Op::NormalizeChannels(NormalizeChannels { element, len, channels }), vec![value.id, table])
        }
        _ => return Err(Wrong::new("this is no function of numbers", "leave it out")),
    };
    Ok(builder.append(name, StepOp::Step(op), inputs, form, vec![]))
}

/// Means, then deviations, one for each of `channels`.
pub(super) fn table(mean: &[f32], std: &[f32], channels: usize) -> Vec<f32> {
    let all = |list: &[f32]| (0..channels).map(|at| list[at % list.len()]).collect::<Vec<_>>();
    [all(mean), all(std)].concat()
}

/// Scale and zero point of an input of 8 bits.
fn target(port: &Form) -> Option<(f32, i32)> {
    let quantization = port.quantization.as_ref()?;
    let zero_point = i32::try_from(*quantization.zero_points.first()?).ok()?;
    matches!(port.dtype, TensorType::Int8 | TensorType::Uint8).then_some((*quantization.scales.first()?, zero_point))
}

/// Bytes to the model's type. A byte that nobody said anything else about is the number that it is.
pub(super) fn quantize(builder: &mut Builder, value: Value) -> Result<Value, Wrong> {
    let port = builder.port().clone();
    let pending = std::mem::take(&mut builder.image.pending);
    let Some((scale, zero_point)) = target(&port) else {
        if port.dtype == TensorType::Uint8 {
            return Ok(value);
        }
        let reason = format!("bytes do not become {} by themselves", port.dtype.name());
        return Err(Wrong::new(reason, "say which numbers they are: `scale 1`, `normalize mean=0 std=255`, …"));
    };
    let channels = value.form.shape.last().copied().unwrap_or(1);
    let tables: Vec<Vec<i8>> = (0..channels)
        .map(|channel| bytes(&of_bytes(&pending, channel, channels), scale, zero_point, port.dtype))
        .collect();
    let form = Form { shape: value.form.shape.clone(), ..port };
    let identity = tables.iter().all(|table| table.iter().zip(0..=u8::MAX).all(|(a, b)| a.cast_unsigned() == b));
    if identity && form.dtype == TensorType::Uint8 {
        return Ok(Value { form, ..value });
    }
    let len = form.elements();
    let same = tables.windows(2).all(|pair| pair[0] == pair[1]);
    let tables = if same { tables[0].clone() } else { tables.concat() };
    let raw: Vec<u8> = tables.iter().map(|byte| byte.cast_unsigned()).collect();
    let table = builder.constant("quantize/table", TensorType::Int8, vec![raw.len()], &raw);
    let op = if same {
        StepOp::Kernel(Kernel::Lookup(Lookup { len }))
    } else {
        StepOp::Step(Op::LookupChannels(LookupChannels { len, channels }))
    };
    Ok(builder.append("quantize", op, vec![value.id, table], form, vec![]))
}

/// What `steps` make of every byte of a channel: the kernels themselves say.
fn of_bytes(steps: &[Step], channel: usize, channels: usize) -> Vec<u64> {
    let bytes: Vec<i8> = (0..=u8::MAX).map(u8::cast_signed).collect();
    let mut input = bytes_as_words(&bytes);
    let mut kind = Element::U8;
    let as_they_are = Step::Scale { factor: 1.0, offset: 0.0 };
    let steps = if steps.is_empty() { std::slice::from_ref(&as_they_are) } else { steps };
    for step in steps {
        let mut output = vec![0; BYTES / 2];
        let len = BYTES * kind.bytes();
        let (op, table) = match step {
            Step::Scale { factor, offset } => {
                (Op::Affine(Affine { element: kind, len: BYTES, factor: *factor, offset: *offset }), None)
            }
            Step::Normalize { mean, std } => {
                let table = table(mean, std, channels);
                let op = NormalizeChannels { element: kind, len: BYTES, channels: 1 };
                (Op::NormalizeChannels(op), Some([table[channel], table[channels + channel]]))
            }
            _ => continue,
        };
        let mut numbers = vec![0; 1];
        view_mut::<f32>(words_as_i8_mut(&mut numbers)).copy_from_slice(&table.unwrap_or_default());
        let operands = [&words_as_i8(&input)[..len], words_as_i8(&numbers)];
        op.run(&operands[..=usize::from(table.is_some())], &mut [words_as_i8_mut(&mut output)]);
        (input, kind) = (output, Element::F32);
    }
    input
}

/// [`BYTES`] float32 values in the model's type.
fn bytes(numbers: &[u64], scale: f32, zero_point: i32, dtype: TensorType) -> Vec<i8> {
    let mut output = vec![0; BYTES / 4];
    let op = Kernel::Quantize(Quantize { len: BYTES, to: Element::I16, scale, zero_point });
    op.run(&[words_as_i8(numbers)], &mut [words_as_i8_mut(&mut output)]);
    let wide = view_mut::<i16>(words_as_i8_mut(&mut output));
    // The bounds of 16 bits do not matter where those of 8 come behind.
    let narrow = |&value: &i16| match dtype {
        TensorType::Uint8 => value.clamp(0, 255).to_le_bytes()[0].cast_signed(),
        _ => value.clamp(-128, 127).to_le_bytes()[0].cast_signed(),
    };
    wide.iter().map(narrow).collect()
}

fn bytes_as_words(bytes: &[i8]) -> Vec<u64> {
    let mut words = vec![0; bytes.len().div_ceil(8)];
    words_as_i8_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
    words
}
