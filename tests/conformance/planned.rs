//! A model run as firmware runs it: tensors at the offsets of the memory plan, kernels of CMSIS-NN where it has one.

use deployctl::library::{Features, Kernel, reference, scratch_bytes, select};
use deployctl::memory::{MemoryPlan, plan};
use deployctl::model::lower::{Call, Step};
use deployctl::model::{Block, Graph, Read, TensorId};
use kernels::{Op, Weights, as_i8, words_as_i8, words_as_i8_mut};

use crate::compare::{Executor, Inputs, Written};
use crate::{conv, convolve, depthwise_conv, elementwise, fully_connected, pool, softmax, svdf};

/// x86-64 takes the library's scalar path.
const SCALAR: Features = Features { dsp: false, mve: false };
/// What memory holds that nobody has written.
const POISON: i8 = 77;

/// The kernel that the product would take.
fn kernel(step: &Step) -> Kernel {
    select(step, SCALAR).unwrap_or_else(|_| reference(step))
}

/// Runs a model in an arena.
pub(crate) struct Planned;

impl Executor for Planned {
    fn name(&self, _graph: &Graph, step: &Step) -> String {
        let kernel = kernel(step);
        if kernel.library == "cmsis-nn" { kernel.symbol } else { format!("({})", kernel.library) }
    }

    fn execute(&self, model: &Read, steps: &[Step], sequence: &[Inputs]) -> Result<Vec<Written>, String> {
        let kernels: Vec<Kernel> = steps.iter().map(kernel).collect();
        let scratch: Vec<usize> =
            steps.iter().zip(&kernels).map(|(step, kernel)| scratch_bytes(kernel, step, SCALAR)).collect();
        let plan = plan(&model.graph, steps, &scratch).map_err(|error| error.to_string())?;
        let mut arena = Arena { bytes: vec![POISON; plan.peak], plan, model };
        arena.reset();
        Ok(sequence.iter().map(|inputs| arena.invoke(steps, &kernels, inputs)).collect())
    }
}

struct Arena<'a> {
    bytes: Vec<i8>,
    plan: MemoryPlan,
    model: &'a Read,
}

/// Bytes where any element may start.
struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl Aligned {
    fn of(bytes: &[i8]) -> Self {
        let mut words = vec![0; bytes.len().div_ceil(8)];
        words_as_i8_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    fn bytes(&self) -> &[i8] {
        &words_as_i8(&self.words)[..self.len]
    }

    fn bytes_mut(&mut self) -> &mut [i8] {
        &mut words_as_i8_mut(&mut self.words)[..self.len]
    }
}

impl Arena<'_> {
    /// A tensor's bytes: the arena's, or the model's where it is a constant.
    fn read(&self, id: TensorId) -> Aligned {
        match self.model.graph.tensor(id).constant {
            Some(constant) => Aligned::of(as_i8(&self.model.weights[constant.offset..][..constant.len])),
            None => Aligned::of(&self.bytes[self.plan.tensors[&id].clone()]),
        }
    }

    fn write(&mut self, id: TensorId, bytes: &[i8]) {
        self.bytes[self.plan.tensors[&id].clone()].copy_from_slice(bytes);
    }

    /// The variables at their beginning.
    fn reset(&mut self) {
        for (&id, range) in &self.plan.tensors {
            let tensor = self.model.graph.tensor(id);
            if let Some(first) = self.model.graph.first_value(id) {
                let first = as_i8(&self.model.weights[first.offset..][..first.len]);
                self.bytes[range.clone()].copy_from_slice(first);
            } else if tensor.variable {
                self.bytes[range.clone()].fill(tensor.initial());
            }
        }
    }

    /// Runs all steps once.
    fn invoke(&mut self, steps: &[Step], kernels: &[Kernel], inputs: &Inputs) -> Written {
        for (&id, bytes) in self.model.graph.inputs.iter().zip(inputs) {
            self.write(id, as_i8(bytes));
        }
        let mut written = Vec::new();
        for id in self.model.graph.main().operators() {
            self.step(steps, kernels, id.0);
            let step = &steps[id.0];
            let unsigned = |id: &TensorId| self.read(*id).bytes().iter().map(|byte| byte.cast_unsigned()).collect();
            written.push(step.outputs.iter().map(unsigned).collect());
        }
        written
    }

    /// What a step finds where it writes: state, or nothing that it may read.
    fn place(&self, id: TensorId) -> Aligned {
        let tensor = self.model.graph.tensor(id);
        if tensor.variable { self.read(id) } else { Aligned::of(&vec![POISON; tensor.bytes()]) }
    }

    fn block(&mut self, steps: &[Step], kernels: &[Kernel], block: Block) {
        block.operators().for_each(|id| self.step(steps, kernels, id.0));
    }

    /// Runs one step and all that it runs.
    fn step(&mut self, steps: &[Step], kernels: &[Kernel], position: usize) {
        match steps[position].call {
            Call::If { then, otherwise } => {
                let block = if self.holds(steps[position].inputs[0]) { then } else { otherwise };
                self.block(steps, kernels, block);
            }
            Call::While { start, condition, body, proceeds } => {
                self.block(steps, kernels, start);
                self.block(steps, kernels, condition);
                while self.holds(proceeds) {
                    self.block(steps, kernels, body);
                    self.block(steps, kernels, condition);
                }
            }
            _ => self.run(position, &steps[position], &kernels[position]),
        }
    }

    fn holds(&self, condition: TensorId) -> bool {
        self.read(condition).bytes()[0] != 0
    }

    /// Runs one step and poisons what it used as scratch memory.
    fn run(&mut self, position: usize, step: &Step, kernel: &Kernel) {
        let mut inputs: Vec<Aligned> = step.inputs.iter().map(|&id| self.read(id)).collect();
        inputs.extend(step.tables.iter().map(|table| Aligned::of(table)));
        let inputs: Vec<&[i8]> = inputs.iter().map(Aligned::bytes).collect();
        let mut outputs: Vec<Aligned> = step.outputs.iter().map(|&id| self.place(id)).collect();
        let range = self.plan.scratch[position].clone().unwrap_or_default();
        self.bytes[range.clone()].fill(POISON);
        let mut scratch = Aligned::of(&self.bytes[range]);
        match (&step.call, outputs.as_mut_slice()) {
            (Call::Op(op), outputs) => {
                let mut outputs: Vec<&mut [i8]> = outputs.iter_mut().map(Aligned::bytes_mut).collect();
                common_form(op, kernel, &inputs, &mut outputs, scratch.bytes_mut());
            }
            (Call::Reshape, []) => {}
            (_, [output]) => self.call(step, kernel, &inputs, output.bytes_mut(), scratch.bytes_mut()),
            _ => panic!("{kernel:?} has one output"),
        }
        for (&id, output) in step.outputs.iter().zip(&outputs) {
            self.write(id, output.bytes());
        }
    }

    fn call(&self, step: &Step, kernel: &Kernel, inputs: &[&[i8]], output: &mut [i8], scratch: &mut [i8]) {
        let factors = step.weights.as_ref();
        let filter = factors.map(|factors| self.read(factors.filter));
        let bias = factors.and_then(|factors| factors.bias).map(|id| self.read(id));
        let w = Weights {
            filter: filter.as_ref().map(Aligned::bytes).unwrap_or_default(),
            bias: bias.as_ref().map(|bias| kernels::view::<i32>(bias.bytes())),
            multipliers: factors.map(|factors| factors.multipliers.as_slice()).unwrap_or_default(),
            shifts: factors.map(|factors| factors.shifts.as_slice()).unwrap_or_default(),
        };
        let input = inputs[0];
        match (&step.call, kernel.entry.as_str()) {
            (Call::Conv2d(p), "cmsis_nn::conv_2d") => conv::conv_2d(p, &w, input, output, scratch),
            (Call::Conv2d(p), "cmsis_nn::conv_2d_1_x_n") => conv::conv_2d_1_x_n(p, &w, input, output, scratch),
            (Call::Conv2d(p), "cmsis_nn::conv_2d_1x1") => conv::conv_2d_1x1(p, &w, input, output),
            (Call::Conv2d(p), "cmsis_nn::conv_2d_1x1_fast") => conv::conv_2d_1x1_fast(p, &w, input, output),
            (Call::Conv2d(p), "kernels::conv_2d") => kernels::conv_2d(p, &w, input, output),
            (Call::DepthwiseConv2d(p), "cmsis_nn::depthwise_conv_2d") => {
                depthwise_conv::depthwise_conv_2d(p, &w, input, output);
            }
            (Call::DepthwiseConv2d(p), "cmsis_nn::depthwise_conv_2d_3x3") => {
                depthwise_conv::depthwise_conv_2d_3x3(p, &w, input, output);
            }
            (Call::DepthwiseConv2d(p), "cmsis_nn::depthwise_conv_2d_opt") => {
                depthwise_conv::depthwise_conv_2d_opt(p, &w, input, output, scratch);
            }
            (Call::DepthwiseConv2d(p), "kernels::depthwise_conv_2d") => {
                kernels::depthwise_conv_2d(p, &w, input, output);
            }
            (Call::FullyConnected(p), "cmsis_nn::fully_connected") => {
                fully_connected::fully_connected(p, &w, input, output, scratch);
            }
            (Call::FullyConnected(p), "cmsis_nn::fully_connected_per_channel") => {
                fully_connected::fully_connected_per_channel(p, &w, input, output);
            }
            (Call::FullyConnected(p), "kernels::fully_connected") => kernels::fully_connected(p, &w, input, output),
            (Call::AveragePool2d(p), "cmsis_nn::average_pool_2d") => pool::average_pool_2d(p, input, output, scratch),
            (Call::AveragePool2d(p), "kernels::average_pool_2d") => kernels::average_pool_2d(p, input, output),
            (Call::MaxPool2d(p), "cmsis_nn::max_pool_2d") => pool::max_pool_2d(p, input, output),
            (Call::MaxPool2d(p), "kernels::max_pool_2d") => kernels::max_pool_2d(p, input, output),
            (Call::Add(p), "cmsis_nn::add") => elementwise::add(p, input, inputs[1], output),
            (Call::Add(p), "kernels::add") => kernels::add(p, input, inputs[1], output),
            (Call::Softmax(p), "cmsis_nn::softmax") => softmax::softmax(p, input, output),
            (Call::Softmax(p), "kernels::softmax") => kernels::softmax(p, input, output),
            (Call::Reshape, "") => output.copy_from_slice(input),
            (call, entry) => panic!("no call of `{entry}` for {call:?}"),
        }
    }
}

/// Calls the kernel of an operator of the common form.
fn common_form(op: &Op, kernel: &Kernel, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8]) {
    match (op, kernel.entry.as_str()) {
        (Op::Combine(p), "cmsis_nn::add_s16") => elementwise::add_s16(p, inputs, outputs),
        (Op::Multiply(p), "cmsis_nn::multiply") => elementwise::multiply(p, inputs, outputs),
        (Op::Multiply(p), "cmsis_nn::multiply_s16") => elementwise::multiply_s16(p, inputs, outputs),
        (Op::ConvolveI16(p), "cmsis_nn::convolve_s16") => convolve::convolve_s16(p, inputs, outputs),
        (Op::ConvolveI16(p), "cmsis_nn::convolve_fast_s16") => {
            convolve::convolve_fast_s16(p, inputs, outputs, scratch);
        }
        (Op::ConvolveI16(p), "cmsis_nn::depthwise_conv_s16") => convolve::depthwise_conv_s16(p, inputs, outputs),
        (Op::ConvolveI16(p), "cmsis_nn::depthwise_conv_fast_s16") => {
            convolve::depthwise_conv_fast_s16(p, inputs, outputs, scratch);
        }
        (Op::ConvolveI16(p), "cmsis_nn::fully_connected_s16") => convolve::fully_connected_s16(p, inputs, outputs),
        (Op::PoolI16(p), "cmsis_nn::average_pool_s16") => pool::average_pool_s16(p, inputs, outputs, scratch),
        (Op::PoolI16(p), "cmsis_nn::max_pool_s16") => pool::max_pool_s16(p, inputs, outputs),
        (Op::SoftmaxI16(p), "cmsis_nn::softmax_s16") => softmax::softmax_s16(p, inputs, outputs),
        (Op::Svdf(p), "cmsis_nn::svdf_s8") => svdf::svdf_s8(p, inputs, outputs, scratch),
        (Op::Svdf(p), "cmsis_nn::svdf_state_s16_s8") => svdf::svdf_state_s16_s8(p, inputs, outputs, scratch),
        (op, entry) if entry.starts_with("kernels::") => op.run(inputs, outputs),
        (op, entry) => panic!("no call of `{entry}` for {op:?}"),
    }
}
