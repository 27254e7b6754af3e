//! What a kernel of the deployment's own is told of its operator: one constant, the same in firmware and in the program that
//! runs the kernel on the host.
//!
//! Knows graphs and their options; does not know crates.

use std::collections::{BTreeMap, BTreeSet};

use kernels::Element;
use serde_json::Value as Json;

use super::literal::Literal;
use super::source::{Value, float, string};
use crate::model::lower::{Step, element};
use crate::model::{CustomOptions, CustomValue, Graph, Options, TensorId};

/// What a kernel is told of its operator.
pub(super) fn operator(graph: &Graph, step: &Step) -> Result<Literal, String> {
    let operator = &graph.operators[step.operator.0];
    let mut types = BTreeSet::from(["CustomOperator"]);
    let (options, bytes) = match &operator.options {
        Options::Custom { values, bytes, .. } => {
            let values = values.iter().flat_map(CustomOptions::values);
            let options = values.map(|(name, value)| (name.to_owned(), custom(value)));
            (options.collect::<Vec<_>>(), bytes.as_slice())
        }
        options => (builtin(&serde_json::to_value(options).map_err(|error| error.to_string())?), [].as_slice()),
    };
    if !options.is_empty() {
        types.insert("CustomValue");
    }
    let options = options.into_iter().map(|(name, value)| Value::Plain(format!("({}, {value})", string(&name))));
    let mut tensors = |ids: &[TensorId]| -> Result<Value, String> {
        let all: Vec<Value> = ids.iter().map(|id| tensor(graph, *id)).collect::<Result<_, _>>()?;
        if !all.is_empty() {
            types.extend(["CustomTensor", "Element"]);
        }
        Ok(list(all))
    };
    let fields = vec![
        ("name", Value::Plain(string(&operator.name))),
        ("options", list(options.collect())),
        ("option_bytes", list(bytes.iter().map(Value::plain).collect())),
        ("inputs", tensors(&step.inputs)?),
        ("outputs", tensors(&step.outputs)?),
    ];
    Ok(Literal { name: "CustomOperator", value: Value::Struct("CustomOperator", fields), types })
}

fn list(values: Vec<Value>) -> Value {
    Value::Reference(Box::new(Value::Array(values)))
}

fn tensor(graph: &Graph, id: TensorId) -> Result<Value, String> {
    let tensor = graph.tensor(id);
    let kind = element(tensor.dtype).ok_or_else(|| format!("a tensor of type {}", tensor.dtype.name()))?;
    let (scales, zero_points, axis) = match &tensor.quantization {
        Some(found) => (found.scales.as_slice(), found.zero_points.as_slice(), found.dimension),
        None => (&[][..], &[][..], 0),
    };
    let narrow = |zero: &i64| i32::try_from(*zero).map_err(|_| "a zero point beyond 32 bits".to_owned());
    let zero_points: Vec<i32> = zero_points.iter().map(narrow).collect::<Result<_, _>>()?;
    let shape = tensor.shape.iter().map(Value::plain).collect();
    let fields = vec![
        ("name", Value::Plain(string(&tensor.name))),
        ("element", Value::Plain(format!("Element::{}", element_name(kind)))),
        ("shape", list(shape)),
        ("scales", list(scales.iter().map(|scale| Value::Plain(float(*scale))).collect())),
        ("zero_points", Value::Reference(Box::new(Value::numbers(&zero_points)))),
        ("axis", Value::plain(&axis)),
    ];
    Ok(Value::Struct("CustomTensor", fields))
}

fn element_name(element: Element) -> &'static str {
    match element {
        Element::I8 => "I8",
        Element::U8 => "U8",
        Element::Bool => "Bool",
        Element::I16 => "I16",
        Element::I32 => "I32",
        Element::U32 => "U32",
        Element::I64 => "I64",
        Element::F32 => "F32",
    }
}

/// An option of a custom operator.
fn custom(value: &CustomValue) -> String {
    match value {
        CustomValue::Int(value) => format!("CustomValue::Int({value})"),
        CustomValue::Uint(value) => format!("CustomValue::Int({})", i64::try_from(*value).unwrap_or(i64::MAX)),
        CustomValue::Float(value) => real(*value),
        CustomValue::Bool(value) => format!("CustomValue::Bool({value})"),
        CustomValue::Text(value) => format!("CustomValue::Text({})", string(value)),
        CustomValue::List(values) => {
            format!("CustomValue::List(&[{}])", values.iter().map(custom).collect::<Vec<_>>().join(", "))
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is the meaning: LiteRT's options are float32")]
fn real(value: f64) -> String {
    format!("CustomValue::Float({})", float(value as f32))
}

/// Options of a builtin operator, under the names that its JSON has: LiteRT's.
fn builtin(options: &Json) -> Vec<(String, String)> {
    let Json::Object(fields) = options else { return Vec::new() };
    let named: BTreeMap<&String, &Json> = fields.iter().filter(|(name, _)| *name != "kind").collect();
    named.into_iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect()
}

fn plain(value: &Json) -> Option<String> {
    Some(match value {
        Json::Bool(value) => format!("CustomValue::Bool({value})"),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => format!("CustomValue::Int({whole})"),
            None => real(number.as_f64()?),
        },
        Json::String(text) => format!("CustomValue::Text({})", string(text)),
        Json::Array(values) => {
            format!("CustomValue::List(&[{}])", values.iter().map(plain).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Json::Null | Json::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lower::{self, Choice, OwnKernel};

    #[test]
    fn kernels_are_told_what_the_graph_says() {
        let read = crate::model::read(include_bytes!("../../../tests/golden/custom.tflite")).unwrap();
        let mut graph = read.graph;
        let mut steps = crate::model::lower(&graph, &read.weights);
        let choice = |operator: &str| Choice {
            operator: operator.to_owned(),
            own: Some(OwnKernel { name: "envelope".to_owned(), scratch: 0 }),
        };
        lower::give(&graph, &mut steps, &[choice("MAXIMUM"), choice("Envelope")]);
        let steps: Vec<Step> = steps.into_iter().map(Result::unwrap).collect();
        let tensor = |name: &str, zero: i32| {
            format!(
                "CustomTensor {{ name: \"{name}\", element: Element::I8, shape: &[1, 16], scales: &[0.05], zero_points: &[{zero}], \
                 axis: 0 }}"
            )
        };
        let told = operator(&graph, &steps[1]).unwrap().value.flat();
        let (input, output) = (tensor("t2", -3), tensor("t3", -128));
        assert_eq!(
            told,
            format!(
                "CustomOperator {{ name: \"Envelope\", options: &[(\"window\", CustomValue::Int(3))], option_bytes: &[], \
                 inputs: &[{input}], outputs: &[{output}] }}"
            )
        );
        graph.operators[1].options = Options::Custom { values: None, bytes: vec![7, 8], own: Vec::new() };
        assert!(operator(&graph, &steps[1]).unwrap().value.flat().contains("options: &[], option_bytes: &[7, 8]"));
        let values = [
            ("list", CustomValue::List(vec![CustomValue::Int(-1), CustomValue::Text("a\"b".to_owned())])),
            ("real", CustomValue::Float(0.1)),
        ];
        let values = CustomOptions::new(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        graph.operators[1].options = Options::Custom { values: Some(values), bytes: Vec::new(), own: Vec::new() };
        let told = operator(&graph, &steps[1]).unwrap().value.flat();
        let list = r#"("list", CustomValue::List(&[CustomValue::Int(-1), CustomValue::Text("a\"b")]))"#;
        assert!(told.contains(list) && told.contains("(\"real\", CustomValue::Float(0.1))"), "{told}");
        graph.operators[0].options = Options::Pool2d {
            padding: crate::model::graph::Padding::Same,
            stride: [1, 2],
            window: [3, 3],
            activation: crate::model::graph::FusedActivation::Relu6,
        };
        let told = operator(&graph, &steps[0]).unwrap().value.flat();
        assert!(
            told.contains("(\"stride\", CustomValue::List(&[CustomValue::Int(1), CustomValue::Int(2)]))"),
            "{told}"
        );
        assert!(told.contains("(\"padding\", CustomValue::Text(\"same\"))"), "{told}");
    }
}
