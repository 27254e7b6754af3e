//! Operators that a deployment gives a kernel of its own: custom ones, and builtin ones, with or without a kernel here.
//!
//! Such a kernel sees every input, constants among them, and every output of its operator; what the tensors are it is told by
//! constants that the emitter writes. Knows no crates and no manifests.

use serde::{Deserialize, Serialize};

use super::site::{EXPORT, Site, settled};
use super::{Call, Fault, Lowered, Refusal, Step, apart, refusal};
use crate::model::{Graph, OperatorId, Options, TensorId, TensorType, builtin};

/// A `use` node: which operators, and which kernel they get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// `op:7`, an operator's name or an output tensor's.
    pub operator: String,
    /// Absent where it is one of deployctl's or of the library.
    pub own: Option<OwnKernel>,
}

/// A kernel of the deployment's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKernel {
    /// Name of the function, and of its crate.
    pub name: String,
    /// Bytes of scratch memory that it takes.
    pub scratch: usize,
}

/// The call of a kernel of the deployment's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// The kernel.
    pub kernel: OwnKernel,
    /// The operator as a reference kernel runs it, where one does: that says what the outputs have to be.
    pub reference: Option<Box<Step>>,
}

/// Whether a `use` node means this operator: by index, by operator name or by output tensor.
pub fn selects(wanted: &str, graph: &Graph, id: OperatorId) -> bool {
    let operator = &graph.operators[id.0];
    wanted.strip_prefix("op:").is_some_and(|wanted| wanted == graph.label(id))
        || wanted == operator.name
        || operator.outputs.iter().any(|output| graph.tensor(*output).name == wanted)
}

/// The deployment's own kernel for an operator, if it gets one; of several choices that mean it the first counts.
pub fn own_kernel(graph: &Graph, id: OperatorId, choices: &[Choice]) -> Option<OwnKernel> {
    choices.iter().find(|choice| selects(&choice.operator, graph, id))?.own.clone()
}

/// Gives operators the kernels of the deployment's own that `choices` say.
pub fn give(graph: &Graph, lowered: &mut [Result<Step, Refusal>], choices: &[Choice]) {
    for (id, operator) in graph.operators() {
        let Some(kernel) = own_kernel(graph, id, choices) else { continue };
        let site = Site { graph, weights: &[], operator };
        let step = &mut lowered[id.0];
        let reference = step.as_ref().ok().cloned().map(Box::new);
        let call = Call::Own(Own { kernel, reference });
        *step = operands(&site)
            .and_then(|inputs| apart(Lowered::plain(call, inputs, operator.outputs.clone())))
            .map(|Lowered { call, inputs, tables, outputs, weights }| Step {
                operator: id,
                call,
                inputs,
                tables,
                outputs,
                weights,
            })
            .map_err(|fault| refusal(&site, id, fault));
    }
}

/// The line of a manifest's `kernels` node that gives the operators of this name a kernel in a folder beside the manifests;
/// nothing where such operators cannot have one.
pub fn suggested_use(graph: &Graph, id: OperatorId) -> Option<String> {
    let operator = &graph.operators[id.0];
    operands(&Site { graph, weights: &[], operator }).ok()?;
    Some(format!("use {:?} kernel=\"../own/{}\" reason=\"…\"", operator.name, crate_name(&operator.name)))
}

/// A name that a crate with a kernel for operators of this name can have.
fn crate_name(operator: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = operator.chars().take(60).map(letter).collect();
    let name = name.trim_matches('_');
    if name.starts_with(|first: char| first.is_ascii_lowercase()) { name.to_owned() } else { format!("op_{name}") }
}

const STATE: &str = "keeps state, for which a kernel of one's own has no place";
const INPUT: &str = "make the state an input and an output of the model";

/// Operators that other operators or what they leave behind are part of.
const BOUND: [i32; 2] = [builtin::IF, builtin::WHILE];

/// The inputs, once all tensors are such as a kernel can be told of.
fn operands(site: &Site) -> Result<Vec<TensorId>, Fault> {
    let operator = site.operator;
    let keeps =
        matches!(operator.options, Options::CallOnce { .. } | Options::VarHandle { .. } | Options::Variable { .. });
    if keeps || BOUND.contains(&operator.code) {
        let reason = "is more than one call of a kernel, so that it cannot get a kernel of its own".to_owned();
        return Err(Fault::new(reason, "remove its `use` from the manifest"));
    }
    if matches!(&operator.options, Options::Custom { own, .. } if !own.is_empty()) {
        return Err(Fault::new(STATE.to_owned(), INPUT));
    }
    let given = operator.inputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let inputs: Option<Vec<TensorId>> = operator.inputs[..given].iter().copied().collect();
    let Some(inputs) = inputs else {
        let reason = "leaves out an input before others, which a kernel of its own cannot be told".to_owned();
        return Err(Fault::new(reason, EXPORT));
    };
    if operator.outputs.is_empty() {
        return Err(Fault::new("has no output".to_owned(), EXPORT));
    }
    for &id in inputs.iter().chain(&operator.outputs) {
        let tensor = site.graph.tensor(id);
        settled(id, tensor)?;
        if tensor.variable {
            return Err(Fault::at(id, STATE.to_owned(), INPUT));
        }
        if element(tensor.dtype).is_none() {
            let reason =
                format!("has a tensor of type {}, which kernels of one's own cannot have", tensor.dtype.name());
            return Err(Fault::at(id, reason, "use int8, uint8, bool, int16, int32, uint32, int64 or float32"));
        }
    }
    if let Some(&constant) = operator.outputs.iter().find(|output| site.graph.tensor(**output).constant.is_some()) {
        return Err(Fault::at(constant, "writes a constant".to_owned(), EXPORT));
    }
    Ok(inputs)
}

/// The type as kernels know it.
pub fn element(dtype: TensorType) -> Option<kernels::Element> {
    use kernels::Element;
    Some(match dtype {
        TensorType::Int8 => Element::I8,
        TensorType::Uint8 => Element::U8,
        TensorType::Bool => Element::Bool,
        TensorType::Int16 => Element::I16,
        TensorType::Int32 => Element::I32,
        TensorType::Uint32 => Element::U32,
        TensorType::Int64 => Element::I64,
        TensorType::Float32 => Element::F32,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    fn golden() -> (Graph, Vec<Result<Step, Refusal>>) {
        let read = model::read(include_bytes!("../../../../tests/golden/custom.tflite")).unwrap();
        let lowered = model::lower(&read.graph, &read.weights);
        (read.graph, lowered)
    }

    fn choice(operator: &str) -> Choice {
        Choice { operator: operator.to_owned(), own: Some(OwnKernel { name: "mine".to_owned(), scratch: 8 }) }
    }

    #[test]
    fn custom_and_builtin_operators_get_their_kernels() {
        let (graph, lowered) = golden();
        assert!(lowered[1].is_err());
        for selector in ["Envelope", "op:1", "t3"] {
            let mut steps = lowered.clone();
            give(&graph, &mut steps, &[choice(selector)]);
            let step = steps[1].as_ref().unwrap();
            assert!(matches!(&step.call, Call::Own(Own { reference: None, kernel }) if kernel.scratch == 8));
            assert_eq!((&step.inputs[..], &step.outputs[..]), (&[TensorId(2)][..], &[TensorId(3)][..]));
            assert_eq!(steps[0], lowered[0]);
        }
        let mut steps = lowered.clone();
        give(&graph, &mut steps, &[Choice { operator: "op:0".to_owned(), own: None }, choice("MAXIMUM")]);
        assert_eq!(steps, lowered, "the first that means it counts");
        give(&graph, &mut steps, &[choice("MAXIMUM")]);
        let step = steps[0].as_ref().unwrap();
        let Call::Own(own) = &step.call else { panic!("{step:?}") };
        assert_eq!(own.reference.as_deref(), lowered[0].as_ref().ok());
        assert_eq!(step.inputs, [TensorId(0), TensorId(1)], "constants are inputs");
    }

    #[test]
    fn tensors_that_kernels_cannot_be_told_of_are_refused() {
        let refused = |edit: &dyn Fn(&mut Graph)| {
            let (mut graph, mut steps) = golden();
            edit(&mut graph);
            give(&graph, &mut steps, &[choice("Envelope")]);
            steps[1].clone().unwrap_err().reason
        };
        assert!(refused(&|graph| graph.tensors[3].dtype = TensorType::Float16).contains("float16"));
        assert!(refused(&|graph| graph.tensors[2].variable = true).contains("keeps state"));
        assert!(refused(&|graph| graph.operators[1].inputs = vec![None, Some(TensorId(2))]).contains("leaves out"));
        assert!(refused(&|graph| graph.operators[1].outputs.clear()).contains("no output"));
        assert!(refused(&|graph| graph.operators[1].outputs = vec![TensorId(2)]).contains("two places"));
        assert!(refused(&|graph| graph.operators[1].outputs = vec![TensorId(1)]).contains("writes a constant"));
        assert!(refused(&|graph| graph.operators[1].code = builtin::WHILE).contains("more than one call"));
    }

    #[test]
    fn a_line_for_the_manifest_is_suggested() {
        let (graph, _) = golden();
        let line = suggested_use(&graph, OperatorId(1));
        assert_eq!(line.as_deref(), Some("use \"Envelope\" kernel=\"../own/envelope\" reason=\"…\""));
        assert_eq!(
            (crate_name("__My Op/2"), crate_name("3D"), crate_name("")),
            ("my_op_2".into(), "op_3d".into(), "op_".into())
        );
    }
}
