//! From a spec to operators: each step appends its own to what is there, and says what its value looks like.

use preprocess::{Frame, Op, Rows};

use super::spec::{Form, Source, Spec, StepSpec, Wrong};
use super::{StepOp, audio, image, plain, sensor};
use crate::model::graph::Constant;
use crate::model::{Operator, Options, Tensor, TensorId, TensorType, builtin};

/// Steps as operators, apart from a graph. Tensor 0 stands for the model input that is fed; it comes last where the main graph
/// computes it, and is a variable where frames arrive in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// Tensors; the first stands for the model's.
    pub tensors: Vec<Tensor>,
    /// Constants.
    pub weights: Vec<u8>,
    /// The tensor that samples or pixels are placed in.
    pub source: TensorId,
    /// What runs for each hop, where it is a stream.
    pub hops: Option<BuiltHops>,
    /// What runs with the model, before it.
    pub before: Vec<Operator>,
}

/// The operators of a hop; see [`Hops`](super::Hops).
#[derive(Clone, Debug, PartialEq)]
pub struct BuiltHops {
    pub(super) operators: Vec<Operator>,
    pub(super) ready: TensorId,
    pub(super) due: TensorId,
    pub(super) first: usize,
    pub(super) frames: usize,
}

/// A value between two steps.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) id: TensorId,
    pub(super) form: Form,
}

/// Makes operators of the steps that feed a tensor of the form `port`.
///
/// # Errors
///
/// Names the first step that does not go with what is before it, or what is missing between the last step and the tensor.
pub fn build(spec: &Spec, port: &Form) -> Result<Built, Wrong> {
    let mut builder = Builder::new(port, "preprocess");
    let mut value = builder.source(&spec.source)?;
    for (index, step) in spec.steps.iter().enumerate() {
        let at = |wrong: Wrong| Wrong { step: Some(index), ..wrong };
        let last = spec.steps[index + 1..].iter().all(|step| *step == StepSpec::Quantize);
        value = builder.step(step, value, last, spec).map_err(at)?;
    }
    if builder.hop.is_none() && !matches!(spec.source, Source::Image(_)) {
        return Err(Wrong::new("nothing cuts the stream", "begin with a `window`"));
    }
    builder.finish(value)
}

/// What is there so far.
pub(super) struct Builder {
    port: Form,
    tensors: Vec<Tensor>,
    weights: Vec<u8>,
    source: TensorId,
    /// What runs for each hop, once a window has been cut; then, before `frames`, steps go there.
    hop: Option<BuiltHops>,
    in_hop: bool,
    before: Vec<Operator>,
    names: Vec<String>,
    /// What stands before the names of tensors.
    prefix: &'static str,
    pub(super) image: image::State,
    pub(super) sensor: sensor::State,
}

impl Builder {
    pub(super) fn new(port: &Form, prefix: &'static str) -> Self {
        let model = Tensor { quantization: port.quantization.clone(), ..tensor("", port.dtype, port.shape.clone()) };
        Self {
            port: port.clone(),
            tensors: vec![model],
            weights: Vec::new(),
            source: TensorId(0),
            hop: None,
            in_hop: false,
            before: Vec::new(),
            names: Vec::new(),
            prefix,
            image: image::State::default(),
            sensor: sensor::State::default(),
        }
    }

    /// The tensor of the source. Of a stream, a window says later how long a hop is.
    fn source(&mut self, source: &Source) -> Result<Value, Wrong> {
        let (name, form) = match source {
            Source::Audio { .. } => ("samples", Form::plain(TensorType::Int16, Vec::new())),
            Source::Image(picture) => ("picture", image::source(picture, &mut self.image)?),
            Source::Sensor(samples) => ("samples", sensor::source(samples, &mut self.sensor)),
        };
        let id = self.tensor(tensor(name, form.dtype, form.shape.clone()));
        self.source = id;
        Ok(Value { id, form })
    }

    fn step(&mut self, step: &StepSpec, value: Value, last: bool, spec: &Spec) -> Result<Value, Wrong> {
        match step {
            StepSpec::PreEmphasis { .. } => audio::pre_emphasis(value, spec),
            StepSpec::Window { shape, symmetric, size, stride } => {
                audio::window(self, &value, (*shape, *symmetric), (*size, *stride), spec)
            }
            StepSpec::FrontEnd(p) => audio::front_end(self, &value, p, spec),
            StepSpec::Fft { points } => audio::fft(self, &value, *points),
            StepSpec::Power => audio::power(self, &value),
            StepSpec::Magnitude => audio::magnitude(self, &value),
            StepSpec::Mel(bank) => audio::mel(self, value, bank, spec),
            StepSpec::Log { base, offset, floor } => audio::log(self, &value, *base, *offset, *floor),
            StepSpec::Dct { coefficients, norm } => audio::dct(self, &value, *coefficients, *norm),
            StepSpec::Pcen(energy) => audio::pcen(self, &value, energy, spec),
            StepSpec::Normalize { over, variance, epsilon } => {
                audio::normalize(self, &value, *over, *variance, *epsilon)
            }
            StepSpec::Frames { count, advance } => self.frames(*count, *advance, value, last),
            StepSpec::Image(step) => image::step(self, value, step),
            StepSpec::Sensor(step) => sensor::step(self, value, step),
            StepSpec::Quantize => plain::quantize(self, value),
        }
    }

    /// The step that was appended last.
    pub(super) fn latest(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }

    /// Whether what is appended runs for each hop.
    pub(super) fn is_in_hop(&self) -> bool {
        self.in_hop
    }

    /// Samples of a hop, where there is one.
    pub(super) fn hop_samples(&self) -> usize {
        self.tensors[self.source.0].shape.first().copied().unwrap_or(1)
    }

    /// The form of the model's input.
    pub(super) fn port(&self) -> &Form {
        &self.port
    }

    /// A tensor that holds `bytes` for ever: a table.
    pub(super) fn constant(&mut self, name: &str, dtype: TensorType, shape: Vec<usize>, bytes: &[u8]) -> TensorId {
        let place = Constant::append(&mut self.weights, bytes);
        self.tensor(Tensor { constant: Some(place), ..tensor(&self.called(name), dtype, shape) })
    }

    /// Memory that keeps its contents from one run of a step to the next, and is zero at the beginning.
    pub(super) fn state(&mut self, name: &str, bytes: usize) -> TensorId {
        let state = tensor(&self.called(name), TensorType::Int8, vec![bytes]);
        self.tensor(Tensor { variable: true, ..state })
    }

    /// Memory that a step works in.
    pub(super) fn memory(&mut self, name: &str, dtype: TensorType, elements: usize) -> TensorId {
        self.tensor(tensor(&self.called(name), dtype, vec![elements]))
    }

    /// Appends a step that computes a value of the form `form` from `inputs`. Behind the value it writes `more`: state, memory.
    pub(super) fn append(
        &mut self,
        name: &str,
        op: StepOp,
        inputs: Vec<TensorId>,
        form: Form,
        more: Vec<TensorId>,
    ) -> Value {
        let again = self.names.iter().filter(|known| *known == name).count();
        self.names.push(name.to_owned());
        let unique = if again == 0 { name.to_owned() } else { format!("{name}-{}", again + 1) };
        let value = tensor(&self.called(&unique), form.dtype, form.shape.clone());
        let id = self.tensor(Tensor { quantization: form.quantization.clone(), ..value });
        let outputs = std::iter::once(id).chain(more).collect();
        self.push(&unique, op, inputs, outputs);
        Value { id, form }
    }

    fn push(&mut self, name: &str, op: StepOp, inputs: Vec<TensorId>, outputs: Vec<TensorId>) {
        let inputs = inputs.into_iter().map(Some).collect();
        let options = Options::Step(op);
        let operator = Operator { code: builtin::STEP, name: name.to_owned(), version: 1, inputs, outputs, options };
        match &mut self.hop {
            Some(hop) if self.in_hop => hop.operators.push(operator),
            _ => self.before.push(operator),
        }
    }

    fn called(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Tensors, constants and the operators of the main graph.
    pub(super) fn into_parts(self) -> (Vec<Tensor>, Vec<u8>, Vec<Operator>) {
        (self.tensors, self.weights, self.before)
    }

    fn tensor(&mut self, tensor: Tensor) -> TensorId {
        self.tensors.push(tensor);
        TensorId(self.tensors.len() - 1)
    }

    /// Cuts the stream into frames of `size` samples, one every `step` samples.
    pub(super) fn cut(&mut self, value: &Value, size: usize, step: usize) -> Result<Value, Wrong> {
        if self.hop.is_some() || !self.before.is_empty() {
            return Err(Wrong::new(
                "a stream is cut once, before all other steps",
                "leave one `window`, as the first step",
            ));
        }
        let channels = self.tensors[value.id.0].shape.clone();
        let with = |samples: usize| std::iter::once(samples).chain(channels.iter().copied()).collect::<Vec<_>>();
        self.tensors[value.id.0].shape = with(step);
        let sample = value.form.dtype.bits() / 8 * channels.iter().product::<usize>();
        let p = Frame { size: size * sample, step: step * sample };
        let ready = self.memory("ready", TensorType::Bool, 1);
        let state = self.state("stream", p.state_bytes());
        let hop = BuiltHops { operators: Vec::new(), ready, due: ready, first: p.hops(), frames: 0 };
        (self.hop, self.in_hop) = (Some(hop), true);
        let form = Form::plain(value.form.dtype, with(size));
        Ok(self.append("frame", StepOp::Step(Op::Frame(p)), vec![value.id], form, vec![ready, state]))
    }

    /// Collects frames. Where nothing but the type stands between them and the model, they arrive in its input.
    fn frames(&mut self, count: usize, advance: usize, value: Value, last: bool) -> Result<Value, Wrong> {
        if !self.in_hop {
            let advice = "begin with a `window`, and leave one `frames`";
            return Err(Wrong::new("there is no stream of frames here", advice));
        }
        if advance > count {
            let reason = format!("an inference every {advance} frames that looks at {count} of them skips frames");
            return Err(Wrong::new(reason, format!("take `advance` of at most {count}")));
        }
        let value = if last { plain::quantize(self, value)? } else { value };
        let mut shape = vec![count];
        shape.extend(&value.form.shape);
        let form = Form { shape, ..value.form.clone() };
        let rows = if last {
            self.fits(&form)?;
            TensorId(0)
        } else {
            let rows = tensor("preprocess/frames", form.dtype, form.shape.clone());
            self.tensor(Tensor { quantization: form.quantization.clone(), ..rows })
        };
        self.tensors[rows.0].variable = true;
        let row = value.form.elements() * value.form.dtype.bits() / 8;
        let due = self.memory("due", TensorType::Bool, 1);
        let come = self.state("rows", 2 * size_of::<u32>());
        let p = Rows { row, count, advance };
        self.push("frames", StepOp::Step(Op::Rows(p)), vec![value.id], vec![due, rows, come]);
        self.in_hop = false;
        if let Some(hop) = &mut self.hop {
            (hop.due, hop.frames) = (due, count);
        }
        Ok(Value { id: rows, form })
    }

    /// Refuses a value that is not the model's input but for dimensions of 1. An input of one dimension takes rows one after the
    /// other, as flattening them would lay them.
    fn fits(&self, form: &Form) -> Result<(), Wrong> {
        let (ours, theirs) = (form.squeezed(), self.port.squeezed());
        let flat = theirs.len() == 1 && form.elements() == self.port.elements();
        if form.dtype == self.port.dtype && (ours == theirs || flat) {
            return Ok(());
        }
        let reason = format!(
            "the steps give {} {:?}, and the model's input is {} {:?}",
            form.dtype.name(),
            form.shape,
            self.port.dtype.name(),
            self.port.shape
        );
        Err(Wrong::new(reason, self.way(form)))
    }

    /// What would make the value fit.
    fn way(&self, form: &Form) -> String {
        let (have, want) = (form.elements().max(1), self.port.elements());
        if let Some(way) = image::way(self, form) {
            return way;
        }
        if self.in_hop && want > have && want.is_multiple_of(have) {
            return format!("add `frames {}`: so many rows of {have} are one input", want / have);
        }
        "change the steps, or export the model with this input".to_owned()
    }

    fn finish(mut self, value: Value) -> Result<Built, Wrong> {
        let mut value = value;
        if self.in_hop {
            value = self.frames(1, 1, value, true)?;
        } else if value.id != TensorId(0) {
            value = plain::quantize(&mut self, value)?;
            self.fits(&value.form)?;
            if image::is_untouched(&self, &value, self.source) {
                self.tensors.truncate(1);
                let Self { tensors, weights, .. } = self;
                return Ok(Built { tensors, weights, source: TensorId(0), hops: None, before: Vec::new() });
            }
            // The last step writes where the model reads.
            let before = self.before.last_mut().into_iter();
            let written = before.flat_map(|operator| &mut operator.outputs).find(|output| **output == value.id);
            let Some(output) = written else {
                return Err(Wrong::new(
                    "there is no step",
                    "leave `preprocess` out: the model's input is what arrives",
                ));
            };
            *output = TensorId(0);
        }
        debug_assert_eq!(value.form.elements(), self.port.elements());
        let Self { tensors, weights, source, hop, before, .. } = self;
        Ok(Built { tensors, weights, source, hops: hop, before })
    }
}

pub(super) fn tensor(name: &str, dtype: TensorType, shape: Vec<usize>) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dtype,
        shape,
        signature: Vec::new(),
        variable: false,
        unpacked_from: None,
        quantization: None,
        constant: None,
    }
}
