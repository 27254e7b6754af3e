//! A step's parameter struct as a Rust literal, field by field.

use kernels::{
    Activation, Add, AddOperand, Conv2d, DepthwiseConv2d, Dims, Extent, FullyConnected, Pool2d, Requant, Softmax,
};

use super::source::Value;
use crate::model::lower::Call;

/// Type name and literal of a step's parameters, `None` where the operator has none.
pub(super) fn params(call: &Call) -> Option<(&'static str, Value)> {
    let (name, fields) = match call {
        Call::Conv2d(p) => ("Conv2d", conv_2d(p)),
        Call::DepthwiseConv2d(p) => ("DepthwiseConv2d", depthwise_conv_2d(p)),
        Call::FullyConnected(p) => ("FullyConnected", fully_connected(p)),
        Call::AveragePool2d(p) | Call::MaxPool2d(p) => ("Pool2d", pool_2d(p)),
        Call::Add(p) => ("Add", add(p)),
        Call::Softmax(p) => ("Softmax", softmax(p)),
        Call::Reshape => return None,
    };
    Some((name, Value::Struct(name, fields)))
}

type Fields = Vec<(&'static str, Value)>;

fn conv_2d(p: &Conv2d) -> Fields {
    let Conv2d { input, filter, output, stride, padding, dilation, input_offset, output_offset, activation } = *p;
    vec![
        ("input", dims(input)),
        ("filter", dims(filter)),
        ("output", dims(output)),
        ("stride", extent(stride)),
        ("padding", extent(padding)),
        ("dilation", extent(dilation)),
        ("input_offset", Value::plain(input_offset)),
        ("output_offset", Value::plain(output_offset)),
        ("activation", bounds(activation)),
    ]
}

fn depthwise_conv_2d(p: &DepthwiseConv2d) -> Fields {
    let DepthwiseConv2d { input, filter, output, depth_multiplier, stride, padding, dilation, .. } = *p;
    vec![
        ("input", dims(input)),
        ("filter", dims(filter)),
        ("output", dims(output)),
        ("depth_multiplier", Value::plain(depth_multiplier)),
        ("stride", extent(stride)),
        ("padding", extent(padding)),
        ("dilation", extent(dilation)),
        ("input_offset", Value::plain(p.input_offset)),
        ("output_offset", Value::plain(p.output_offset)),
        ("activation", bounds(p.activation)),
    ]
}

fn fully_connected(p: &FullyConnected) -> Fields {
    let FullyConnected { batches, depth, units, input_offset, filter_offset, output_offset, activation } = *p;
    vec![
        ("batches", Value::plain(batches)),
        ("depth", Value::plain(depth)),
        ("units", Value::plain(units)),
        ("input_offset", Value::plain(input_offset)),
        ("filter_offset", Value::plain(filter_offset)),
        ("output_offset", Value::plain(output_offset)),
        ("activation", bounds(activation)),
    ]
}

fn pool_2d(p: &Pool2d) -> Fields {
    let Pool2d { input, output, window, stride, padding, activation } = *p;
    vec![
        ("input", dims(input)),
        ("output", dims(output)),
        ("window", extent(window)),
        ("stride", extent(stride)),
        ("padding", extent(padding)),
        ("activation", bounds(activation)),
    ]
}

fn add(p: &Add) -> Fields {
    let Add { a, b, output, left_shift, requant, output_offset, activation } = *p;
    vec![
        ("a", operand(a)),
        ("b", operand(b)),
        ("output", dims(output)),
        ("left_shift", Value::plain(left_shift)),
        ("requant", factor(requant)),
        ("output_offset", Value::plain(output_offset)),
        ("activation", bounds(activation)),
    ]
}

fn softmax(p: &Softmax) -> Fields {
    let Softmax { rows, depth, requant, diff_min } = *p;
    vec![
        ("rows", Value::plain(rows)),
        ("depth", Value::plain(depth)),
        ("requant", factor(requant)),
        ("diff_min", Value::plain(diff_min)),
    ]
}

fn dims(Dims { n, h, w, c }: Dims) -> Value {
    Value::Struct(
        "Dims",
        [("n", n), ("h", h), ("w", w), ("c", c)].map(|(name, size)| (name, Value::plain(size))).into(),
    )
}

fn extent(Extent { h, w }: Extent) -> Value {
    Value::Struct("Extent", vec![("h", Value::plain(h)), ("w", Value::plain(w))])
}

fn bounds(Activation { min, max }: Activation) -> Value {
    Value::Struct("Activation", vec![("min", Value::plain(min)), ("max", Value::plain(max))])
}

fn factor(Requant { multiplier, shift }: Requant) -> Value {
    Value::Struct("Requant", vec![("multiplier", Value::plain(multiplier)), ("shift", Value::plain(shift))])
}

fn operand(AddOperand { dims: shape, offset, requant }: AddOperand) -> Value {
    let fields = vec![("dims", dims(shape)), ("offset", Value::plain(offset)), ("requant", factor(requant))];
    Value::Struct("AddOperand", fields)
}

/// The types that a step's literal names, for the `use` line.
pub(super) fn types(call: &Call) -> &'static [&'static str] {
    match call {
        Call::Conv2d(_) => &["Activation", "Conv2d", "Dims", "Extent"],
        Call::DepthwiseConv2d(_) => &["Activation", "DepthwiseConv2d", "Dims", "Extent"],
        Call::FullyConnected(_) => &["Activation", "FullyConnected"],
        Call::AveragePool2d(_) | Call::MaxPool2d(_) => &["Activation", "Dims", "Extent", "Pool2d"],
        Call::Add(_) => &["Activation", "Add", "AddOperand", "Dims", "Requant"],
        Call::Softmax(_) => &["Requant", "Softmax"],
        Call::Reshape => &[],
    }
}
