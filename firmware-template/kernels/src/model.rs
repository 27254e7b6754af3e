//! What a generated model tells the code around it: its tensors, its operators and how to run them one at a time.

/// A model input or output in the arena.
#[derive(Clone, Copy, Debug)]
pub struct TensorInfo {
    /// Name in the model.
    pub name: &'static str,
    /// Offset in the arena, in bytes.
    pub offset: usize,
    /// Size, in bytes.
    pub len: usize,
    /// Real value of one quantization step.
    pub scale: f32,
    /// Quantized value that stands for zero.
    pub zero_point: i32,
}

/// One operator of a model in execution order. `A` is the model's arena type.
#[derive(Debug)]
pub struct OperatorInfo<A: 'static> {
    /// LiteRT's name of the operator, such as `CONV_2D`.
    pub name: &'static str,
    /// The output tensors.
    pub outputs: &'static [TensorInfo],
    /// Runs this operator on the arena, all operators before it having run.
    pub run: fn(&mut A),
}

/// What a model with a stream runs for each hop: the samples that arrive at once. `A` is the model's arena type.
#[derive(Debug)]
pub struct HopInfo<A: 'static> {
    /// Where a hop's samples go.
    pub input: TensorInfo,
    /// The operators, in execution order. The first one cuts a frame; where none is complete then, the others do not run.
    pub operators: &'static [OperatorInfo<A>],
    /// Index of the first of them, as `CURRENT` has it; those of the others follow.
    pub first: usize,
    /// Offset in the arena of one byte that the first operator writes: not 0 where a frame is complete.
    pub ready: usize,
    /// Offset in the arena of one byte that the last operator writes: not 0 where an inference is due.
    pub due: usize,
    /// Hops from the beginning to the first inference.
    pub total: usize,
}
