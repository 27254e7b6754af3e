//! Published defects of kernel libraries, and whether a kernel call would hit one.
//!
//! Knows functions, parameters, revisions and instructions; does not know the files in which defects are written down.

use std::collections::BTreeMap;

use kernels::{Extent, Op, TransposeConv, TransposeConvF32};
use serde::{Deserialize, Serialize};

use super::{Features, InstructionPath, Kernel};
use crate::model::lower::{Call, Step};

/// One entry of a known-bad table. A call hits it if everything that the entry states is true of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defect {
    /// What people call it.
    pub name: String,
    /// The kernel library.
    pub library: String,
    /// LiteRT's names of the operators.
    pub operators: Vec<String>,
    /// Functions of the library; any where there are none.
    pub functions: Vec<String>,
    /// Parameters for which the function is wrong; all must hold.
    pub conditions: Vec<Condition>,
    /// Instructions that the library is compiled for; any where there are none.
    pub instructions: Vec<InstructionPath>,
    /// First revision that has it, as [`super::revision`] counts.
    pub from: u32,
    /// First revision that has it no more; absent where none is known.
    pub before: Option<u32>,
    /// What it does.
    pub effect: Effect,
    /// What is wrong: a clause without a full stop.
    pub summary: String,
    /// What to do: a clause without a full stop.
    pub remedy: String,
    /// Where it was published.
    pub source: String,
}

/// What a defect does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Outputs are wrong.
    Wrong,
    /// Memory outside the buffers is written or read.
    Memory,
    /// Outputs are right, and take much longer than they should.
    Slow,
}

impl Effect {
    /// As reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong results",
            Self::Memory => "writes outside its buffers",
            Self::Slow => "many times slower than it should be",
        }
    }
}

/// `padding-h % stride-h != 0`: a fact or number, perhaps modulo another, compared with a third.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    left: Term,
    modulo: Option<Term>,
    relation: Relation,
    right: Term,
}

/// A number, or the name of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Term {
    Number(i64),
    Fact(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Relation {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What conditions can ask of a call. Sizes are elements.
pub const FACTS: [&str; 15] = [
    "batch",
    "input-h",
    "input-w",
    "input-c",
    "output-h",
    "output-w",
    "output-c",
    "filter-h",
    "filter-w",
    "stride-h",
    "stride-w",
    "padding-h",
    "padding-w",
    "dilation-h",
    "dilation-w",
];

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConditionError {
    #[error("`{0}` is not a comparison")]
    Form(String),
    #[error("`{0}` is no parameter of a kernel call")]
    Fact(String),
}

impl std::str::FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let form = || ConditionError::Form(text.to_owned());
        let (left, modulo, relation, right) = match words[..] {
            [left, relation, right] => (left, None, relation, right),
            [left, "%", modulo, relation, right] => (left, Some(modulo), relation, right),
            _ => return Err(form()),
        };
        let relation = match relation {
            "==" => Relation::Equal,
            "!=" => Relation::NotEqual,
            "<" => Relation::Less,
            "<=" => Relation::AtMost,
            ">" => Relation::Greater,
            ">=" => Relation::AtLeast,
            _ => return Err(form()),
        };
        Ok(Self { left: term(left)?, modulo: modulo.map(term).transpose()?, relation, right: term(right)? })
    }
}

fn term(word: &str) -> Result<Term, ConditionError> {
    if let Ok(number) = word.parse() {
        return Ok(Term::Number(number));
    }
    if FACTS.contains(&word) {
        return Ok(Term::Fact(word.to_owned()));
    }
    Err(ConditionError::Fact(word.to_owned()))
}

impl Condition {
    /// Whether it holds. One that asks for what the call does not have cannot be excluded, and holds.
    fn holds(&self, facts: &Facts) -> bool {
        let value = |term: &Term| match term {
            Term::Number(number) => Some(*number),
            Term::Fact(name) => facts.0.get(name.as_str()).copied(),
        };
        let modulo = self.modulo.as_ref().map(value);
        let (Some(left), Some(right)) = (value(&self.left), value(&self.right)) else { return true };
        let left = match modulo {
            None => left,
            Some(Some(modulo)) if modulo != 0 => left.rem_euclid(modulo),
            Some(_) => return true,
        };
        match self.relation {
            Relation::Equal => left == right,
            Relation::NotEqual => left != right,
            Relation::Less => left < right,
            Relation::AtMost => left <= right,
            Relation::Greater => left > right,
            Relation::AtLeast => left >= right,
        }
    }
}

/// A call of a kernel, as defects see it.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KernelCall<'a> {
    pub operator: &'a str,
    pub kernel: &'a Kernel,
    pub facts: &'a Facts,
    pub features: Features,
    /// Of the library, as [`super::revision`] counts.
    pub revision: u32,
}

impl Defect {
    /// Whether `call` would hit it.
    pub fn is_hit(&self, call: &KernelCall) -> bool {
        let any_or = |list: &[String], item: &str| list.is_empty() || list.iter().any(|one| one == item);
        call.kernel.library == self.library
            && any_or(&self.operators, call.operator)
            && any_or(&self.functions, &call.kernel.symbol)
            && (self.instructions.is_empty() || self.instructions.contains(&compiled_for(call.features)))
            && call.revision >= self.from
            && self.before.is_none_or(|before| call.revision < before)
            && self.conditions.iter().all(|condition| condition.holds(call.facts))
    }
}

/// The code that the library's headers choose for a core.
fn compiled_for(features: Features) -> InstructionPath {
    match features {
        Features { mve: true, .. } => InstructionPath::Mve,
        Features { dsp: true, .. } => InstructionPath::Dsp,
        Features { .. } => InstructionPath::Scalar,
    }
}

/// Parameters of a call by name, of [`FACTS`]; those that its operator has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub BTreeMap<&'static str, i64>);

impl Facts {
    /// The parameters of a step.
    pub fn of(step: &Step) -> Self {
        let mut facts = Self::default();
        match &step.call {
            Call::Conv2d(p) => {
                facts.tensors(p.input, p.output);
                facts.window(Extent { h: p.filter.h, w: p.filter.w }, p.stride, p.padding);
                facts.pair(["dilation-h", "dilation-w"], p.dilation);
            }
            Call::DepthwiseConv2d(p) => {
                facts.tensors(p.input, p.output);
                facts.window(Extent { h: p.filter.h, w: p.filter.w }, p.stride, p.padding);
                facts.pair(["dilation-h", "dilation-w"], p.dilation);
            }
            Call::AveragePool2d(p) | Call::MaxPool2d(p) => {
                facts.tensors(p.input, p.output);
                facts.window(p.window, p.stride, p.padding);
            }
            Call::FullyConnected(p) => {
                facts.set("batch", p.batches);
                facts.set("input-c", p.depth);
                facts.set("output-c", p.units);
            }
            Call::Op(
                Op::TransposeConv(TransposeConv { at, .. }) | Op::TransposeConvF32(TransposeConvF32 { at, .. }),
            ) => {
                facts.tensors(at.input, at.output);
                facts.window(Extent { h: at.filter.h, w: at.filter.w }, at.stride, at.padding);
            }
            _ => {}
        }
        facts
    }

    fn set(&mut self, name: &'static str, value: usize) {
        self.0.insert(name, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn pair(&mut self, names: [&'static str; 2], extent: Extent) {
        self.set(names[0], extent.h);
        self.set(names[1], extent.w);
    }

    fn tensors(&mut self, input: kernels::Dims, output: kernels::Dims) {
        self.set("batch", input.n);
        self.pair(["input-h", "input-w"], Extent { h: input.h, w: input.w });
        self.set("input-c", input.c);
        self.pair(["output-h", "output-w"], Extent { h: output.h, w: output.w });
        self.set("output-c", output.c);
    }

    fn window(&mut self, taps: Extent, stride: Extent, padding: Extent) {
        self.pair(["filter-h", "filter-w"], taps);
        self.pair(["stride-h", "stride-w"], stride);
        self.pair(["padding-h", "padding-w"], padding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&'static str, i64)]) -> Facts {
        Facts(pairs.iter().copied().collect())
    }

    #[test]
    fn conditions_compare_parameters() {
        let holds = |text: &str, pairs: &[(&'static str, i64)]| text.parse::<Condition>().unwrap().holds(&facts(pairs));
        let padded = [("padding-h", 1), ("stride-h", 2)];
        assert!(holds("padding-h % stride-h != 0", &padded));
        assert!(!holds("padding-h % stride-h == 0", &padded));
        assert!(!holds("padding-h % stride-h != 0", &[("padding-h", 2), ("stride-h", 2)]));
        assert!(holds("stride-h > padding-h", &padded) && !holds("stride-h <= padding-h", &padded));
        assert!(holds("stride-h >= 2", &padded) && !holds("stride-h < 2", &padded));
        // Not excluded: the call has no such parameter, or its modulus is nothing.
        assert!(holds("dilation-h > 1", &padded));
        assert!(holds("padding-h % dilation-h == 5", &padded));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        let error = |text: &str| text.parse::<Condition>().unwrap_err().to_string();
        assert_eq!(error("padding-h"), "`padding-h` is not a comparison");
        assert_eq!(error("padding-h = 2"), "`padding-h = 2` is not a comparison");
        assert_eq!(error("padding % stride-h != 0"), "`padding` is no parameter of a kernel call");
    }
}
