//! Operators: codes, names, tensor lists and options.

use tflite_flatbuffers as format;

use super::{ReadError, elements, flexbuffer, indices, movement, tensor_id};
use crate::model::graph::{FusedActivation, Padding};
use crate::model::{CustomOptions, Operator, Options, TensorId, builtin};

/// All operators of the subgraph in the file's order.
pub(super) fn operators(
    model: &format::Model<'_>,
    subgraph: &format::SubGraph<'_>,
    tensors: usize,
) -> Result<Vec<Operator>, ReadError> {
    let codes: Vec<_> = elements(model.operator_codes()).collect();
    let operators: Vec<_> = elements(subgraph.operators())
        .enumerate()
        .map(|(index, operator)| one(&Site { index, operator }, &codes, tensors))
        .collect::<Result<_, _>>()?;
    if operators.is_empty() {
        return Err(ReadError::inconsistent("model.subgraphs[0].operators", "is empty"));
    }
    Ok(operators)
}

/// An operator in the file, and where it stands.
pub(super) struct Site<'a> {
    index: usize,
    pub(super) operator: format::Operator<'a>,
}

impl Site<'_> {
    pub(super) fn field(&self, name: &str) -> String {
        format!("model.subgraphs[0].operators[{}].{name}", self.index)
    }

    /// Options of another operator where those of the operator with this code should be.
    pub(super) fn other_options(&self, code: i32) -> ReadError {
        let found = self.operator.builtin_options_type().0;
        let problem = format!("is {found}, not the options of {}", builtin::name(code).unwrap_or("this operator"));
        ReadError::inconsistent(self.field("builtin_options_type"), problem)
    }

    /// Options that may be absent, but not another operator's.
    pub(super) fn present<T>(&self, options: Option<T>, code: i32) -> Result<Option<T>, ReadError> {
        match options {
            None if self.operator.builtin_options_type() != format::BuiltinOptions::NONE => {
                Err(self.other_options(code))
            }
            options => Ok(options),
        }
    }
}

fn one(site: &Site<'_>, codes: &[format::OperatorCode<'_>], tensors: usize) -> Result<Operator, ReadError> {
    let opcode = site.operator.opcode_index();
    let Some(entry) = usize::try_from(opcode).ok().and_then(|opcode| codes.get(opcode)) else {
        let problem = format!("is {opcode}, but the model has {} operator codes", codes.len());
        return Err(ReadError::inconsistent(site.field("opcode_index"), problem));
    };
    // Codes over 126 do not fit the old field, which then holds a placeholder; older files have only the old field.
    let code = entry.builtin_code().max(i32::from(entry.deprecated_builtin_code()));
    let name = match (code, builtin::name(code)) {
        (builtin::CUSTOM, _) => entry.custom_code().unwrap_or("CUSTOM").to_owned(),
        (_, Some(name)) => name.to_owned(),
        (_, None) => format!("UNKNOWN({code})"),
    };
    let inputs = elements(site.operator.inputs())
        .enumerate()
        .map(|(position, index)| optional(index, tensors, || site.field(&format!("inputs[{position}]"))))
        .collect::<Result<_, _>>()?;
    let outputs = indices(site.operator.outputs(), &site.field("outputs"), tensors)?;
    Ok(Operator { code, name, version: entry.version(), inputs, outputs, options: options(site, code)? })
}

fn optional(index: i32, tensors: usize, field: impl FnOnce() -> String) -> Result<Option<TensorId>, ReadError> {
    if index == -1 { Ok(None) } else { tensor_id(index, tensors, field).map(Some) }
}

fn options(site: &Site<'_>, code: i32) -> Result<Options, ReadError> {
    let operator = &site.operator;
    let missing = || site.other_options(code);
    let none = operator.builtin_options_type() == format::BuiltinOptions::NONE;
    Ok(match code {
        builtin::CONV_2D => {
            let options = operator.builtin_options_as_conv_2_doptions().ok_or_else(missing)?;
            Options::Conv2d {
                padding: padding(site, options.padding())?,
                stride: [options.stride_h(), options.stride_w()],
                dilation: [options.dilation_h_factor(), options.dilation_w_factor()],
                activation: activation(site, options.fused_activation_function())?,
            }
        }
        builtin::DEPTHWISE_CONV_2D => {
            let options = operator.builtin_options_as_depthwise_conv_2_doptions().ok_or_else(missing)?;
            Options::DepthwiseConv2d {
                padding: padding(site, options.padding())?,
                stride: [options.stride_h(), options.stride_w()],
                dilation: [options.dilation_h_factor(), options.dilation_w_factor()],
                depth_multiplier: options.depth_multiplier(),
                activation: activation(site, options.fused_activation_function())?,
            }
        }
        builtin::FULLY_CONNECTED => {
            let options = operator.builtin_options_as_fully_connected_options().ok_or_else(missing)?;
            Options::FullyConnected {
                activation: activation(site, options.fused_activation_function())?,
                weights_format: options.weights_format().0,
                keep_num_dims: options.keep_num_dims(),
            }
        }
        builtin::AVERAGE_POOL_2D | builtin::L2_POOL_2D | builtin::MAX_POOL_2D => {
            let options = operator.builtin_options_as_pool_2_doptions().ok_or_else(missing)?;
            Options::Pool2d {
                padding: padding(site, options.padding())?,
                stride: [options.stride_h(), options.stride_w()],
                window: [options.filter_height(), options.filter_width()],
                activation: activation(site, options.fused_activation_function())?,
            }
        }
        builtin::ADD if none => Options::Add { activation: FusedActivation::None, pot_scale_int16: true },
        builtin::ADD => {
            let options = operator.builtin_options_as_add_options().ok_or_else(missing)?;
            Options::Add {
                activation: activation(site, options.fused_activation_function())?,
                pot_scale_int16: options.pot_scale_int16(),
            }
        }
        builtin::SOFTMAX => {
            let beta = operator.builtin_options_as_softmax_options().ok_or_else(missing)?.beta();
            if !beta.is_finite() {
                return Err(ReadError::inconsistent(site.field("builtin_options.beta"), format!("is {beta}")));
            }
            Options::Softmax { beta }
        }
        builtin::RESHAPE if none => Options::Reshape { new_shape: Vec::new() },
        builtin::RESHAPE => {
            let options = operator.builtin_options_as_reshape_options().ok_or_else(missing)?;
            Options::Reshape { new_shape: elements(options.new_shape()).collect() }
        }
        builtin::L2_NORMALIZATION | builtin::MUL | builtin::SUB | builtin::DIV => fused(site, code)?,
        builtin::LEAKY_RELU if none => Options::LeakyRelu { alpha: 0.0 },
        builtin::LEAKY_RELU => {
            let alpha = operator.builtin_options_as_leaky_relu_options().ok_or_else(missing)?.alpha();
            if !alpha.is_finite() {
                return Err(ReadError::inconsistent(site.field("builtin_options.alpha"), format!("is {alpha}")));
            }
            Options::LeakyRelu { alpha }
        }
        builtin::CUSTOM => Options::Custom { values: custom(operator), own: Vec::new() },
        _ => movement::options(site, code)?,
    })
}

/// Options of a custom operator. Those outside the flatbuffer, which LiteRT Micro does not read either, are not read.
fn custom(operator: &format::Operator<'_>) -> Option<CustomOptions> {
    let inside = operator.large_custom_options_offset() <= 1;
    let bytes = operator.custom_options().map(|options| options.bytes()).unwrap_or_default();
    if inside && operator.custom_options_format() == 0 { flexbuffer::map(bytes) } else { None }
}

/// Options that are a fused activation and nothing else; where the file has none, there is none.
fn fused(site: &Site<'_>, code: i32) -> Result<Options, ReadError> {
    let operator = &site.operator;
    if operator.builtin_options_type() == format::BuiltinOptions::NONE {
        return Ok(Options::Fused { activation: FusedActivation::None });
    }
    let function = match code {
        builtin::L2_NORMALIZATION => {
            operator.builtin_options_as_l2_norm_options().map(|options| options.fused_activation_function())
        }
        builtin::MUL => operator.builtin_options_as_mul_options().map(|options| options.fused_activation_function()),
        builtin::SUB => operator.builtin_options_as_sub_options().map(|options| options.fused_activation_function()),
        _ => operator.builtin_options_as_div_options().map(|options| options.fused_activation_function()),
    };
    let function = function.ok_or_else(|| site.other_options(code))?;
    Ok(Options::Fused { activation: activation(site, function)? })
}

pub(super) fn padding(site: &Site<'_>, padding: format::Padding) -> Result<Padding, ReadError> {
    match padding {
        format::Padding::SAME => Ok(Padding::Same),
        format::Padding::VALID => Ok(Padding::Valid),
        _ => Err(ReadError::inconsistent(site.field("builtin_options.padding"), format!("is {}", padding.0))),
    }
}

pub(super) fn activation(
    site: &Site<'_>,
    activation: format::ActivationFunctionType,
) -> Result<FusedActivation, ReadError> {
    Ok(match activation {
        format::ActivationFunctionType::NONE => FusedActivation::None,
        format::ActivationFunctionType::RELU => FusedActivation::Relu,
        format::ActivationFunctionType::RELU_N1_TO_1 => FusedActivation::ReluN1To1,
        format::ActivationFunctionType::RELU6 => FusedActivation::Relu6,
        format::ActivationFunctionType::TANH => FusedActivation::Tanh,
        format::ActivationFunctionType::SIGN_BIT => FusedActivation::SignBit,
        _ => {
            let field = site.field("builtin_options.fused_activation_function");
            return Err(ReadError::inconsistent(field, format!("is {}", activation.0)));
        }
    })
}
