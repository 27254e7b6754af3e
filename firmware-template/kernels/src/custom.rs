//! What a kernel that a deployment brings along is told of its operator: constants of the generated model, or of the program
//! that runs the kernel on the host.
//!
//! Such a kernel is `pub fn name(op: &CustomOperator, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8])` in a
//! crate called `name`. Tensors are bytes, of which [`view`](crate::view) and [`view_mut`](crate::view_mut) make numbers.

use crate::bytes::Element;

/// An operator of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CustomOperator {
    /// The operator's name: `MY_OP`, or LiteRT's name of a builtin one.
    pub name: &'static str,
    /// Named options, sorted by name: of a custom operator its FlexBuffers map, of a builtin one LiteRT's fields.
    pub options: &'static [(&'static str, CustomValue)],
    /// The options of a custom operator as the model has them, where they are no such map; else empty.
    pub option_bytes: &'static [u8],
    /// The inputs, constants among them, in the model's order.
    pub inputs: &'static [CustomTensor],
    /// The outputs, in the model's order.
    pub outputs: &'static [CustomTensor],
}

/// A tensor without its contents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CustomTensor {
    /// Name in the model.
    pub name: &'static str,
    /// Element type.
    pub element: Element,
    /// Dimensions; empty for a scalar.
    pub shape: &'static [usize],
    /// Real value of one quantization step: one, one for each slice along `axis`, or none where the tensor is not quantized.
    pub scales: &'static [f32],
    /// Quantized values that stand for zero; as many as scales.
    pub zero_points: &'static [i32],
    /// The dimension along which scales vary.
    pub axis: usize,
}

/// An option.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CustomValue {
    Int(i64),
    Float(f32),
    Bool(bool),
    Text(&'static str),
    List(&'static [CustomValue]),
}

impl CustomTensor {
    /// Number of elements.
    #[inline]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The one scale; 0 where the tensor is not quantized.
    #[inline]
    pub fn scale(&self) -> f32 {
        self.scales.first().copied().unwrap_or(0.0)
    }

    /// The one zero point; 0 where the tensor is not quantized.
    #[inline]
    pub fn zero_point(&self) -> i32 {
        self.zero_points.first().copied().unwrap_or(0)
    }
}

impl CustomOperator {
    /// The option of this name.
    #[inline]
    pub fn option(&self, name: &str) -> Option<CustomValue> {
        self.options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A whole number, or a truth value as 0 or 1.
    #[inline]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.option(name)? {
            CustomValue::Int(value) => Some(value),
            CustomValue::Bool(value) => Some(i64::from(value)),
            _ => None,
        }
    }

    /// A number; a whole one is rounded to the nearest float32.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "the rounding is the meaning")]
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.option(name)? {
            CustomValue::Int(value) => Some(value as f32),
            CustomValue::Float(value) => Some(value),
            _ => None,
        }
    }

    /// A text.
    #[inline]
    pub fn text(&self, name: &str) -> Option<&'static str> {
        match self.option(name)? {
            CustomValue::Text(value) => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_by_name_and_kind() {
        let op = CustomOperator {
            name: "MY_OP",
            options: &[
                ("flag", CustomValue::Bool(true)),
                ("gain", CustomValue::Float(0.5)),
                ("mode", CustomValue::Text("fast")),
                ("steps", CustomValue::Int(3)),
            ],
            option_bytes: &[],
            inputs: &[],
            outputs: &[],
        };
        assert_eq!((op.integer("steps"), op.integer("flag"), op.integer("gain")), (Some(3), Some(1), None));
        assert_eq!((op.float("gain"), op.float("steps"), op.float("none")), (Some(0.5), Some(3.0), None));
        assert_eq!((op.text("mode"), op.text("steps")), (Some("fast"), None));
    }

    #[test]
    fn a_tensor_that_is_not_quantized_has_no_scale() {
        let shape = &[2, 3];
        let tensor = CustomTensor { name: "x", element: Element::F32, shape, scales: &[], zero_points: &[], axis: 0 };
        assert_eq!((tensor.elements(), tensor.scale(), tensor.zero_point()), (6, 0.0, 0));
    }
}
