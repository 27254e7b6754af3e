//! Scratch sizes: the library's `*_get_buffer_size*` functions as a table, and the question that the real ones are asked.
//!
//! The table holds for the library versions that the shim supports. For another tree ask the library: `csrc/sizes.c` of the
//! `cmsis-nn` crate, compiled for the host with the library's sources, answers one [`size_query`] a line.

use kernels::{Conv2d, Convolution, ConvolveI16, DepthwiseConv2d, Op, PoolI16, Svdf, SvdfSizes};

use super::select::MVE_BLOCK;
use super::variant::Variant;
use super::{Features, Kernel};
use crate::model::lower::{Call, Step};

/// Bytes of scratch memory that `kernel`, selected for `step`, needs on a core with `features`.
///
/// What the manifest says for a kernel of the deployment's own; zero for the reference kernels and for functions of the library that do not touch their context's buffer.
pub fn scratch_bytes(kernel: &Kernel, step: &Step, features: Features) -> usize {
    match (Variant::of(kernel), &step.call) {
        // Two windows as 16-bit numbers, each rounded up to four; with MVE four windows in bytes, rounded up to eight.
        (Some(Variant::Conv), Call::Conv2d(p)) if features.mve => 4 * window(p).next_multiple_of(8),
        (Some(Variant::Conv), Call::Conv2d(p)) => 2 * 2 * window(p).next_multiple_of(4),
        (Some(Variant::ConvOneRow), Call::Conv2d(p)) if !features.mve => 2 * 2 * window(p).next_multiple_of(4),
        // One window as 16-bit numbers; with MVE four windows of one block of channels in bytes.
        (Some(Variant::DepthwiseOptimized), Call::DepthwiseConv2d(p)) if features.mve => 4 * MVE_BLOCK * taps(p),
        (Some(Variant::DepthwiseOptimized), Call::DepthwiseConv2d(p)) if features.dsp => 2 * p.input.c * taps(p),
        // The sum of each filter row as a 32-bit number.
        (Some(Variant::FullyConnected), Call::FullyConnected(p)) if features.mve => 4 * p.units,
        // The sum of each channel as a 32-bit number.
        (Some(Variant::AveragePool), Call::AveragePool2d(p)) if features.dsp && !features.mve => 4 * p.input.c,
        (Some(variant), Call::Op(op)) => common_form(variant, op, features),
        (_, Call::Own(own)) => own.kernel.scratch,
        _ => 0,
    }
}

fn common_form(variant: Variant, op: &Op, features: Features) -> usize {
    let window = |at: &Convolution| 2 * at.input.c * at.taps.h * at.taps.w;
    match (variant, op) {
        // Two windows.
        (Variant::ConvFastInt16, Op::ConvolveI16(p)) if features.dsp && !features.mve => 2 * window(&p.at),
        // One window; with MVE four, and what a vector may reach beyond them.
        (Variant::DepthwiseFastInt16, Op::ConvolveI16(p)) if features.mve => 4 * window(&p.at) + 8,
        (Variant::DepthwiseFastInt16, Op::ConvolveI16(p)) if features.dsp => window(&p.at),
        // The sum of each channel as a 32-bit number.
        (Variant::AveragePoolInt16, Op::PoolI16(p)) if features.dsp && !features.mve => 4 * p.at.input.c,
        // A 32-bit number for each filter and each output; with MVE the sums of the feature weights.
        (Variant::Svdf, Op::Svdf(p)) if features.mve => svdf(p) + 4 * p.sizes.units * p.sizes.rank,
        (Variant::Svdf | Variant::SvdfStateInt16, Op::Svdf(p)) => svdf(p),
        _ => 0,
    }
}

fn svdf(p: &Svdf) -> usize {
    let SvdfSizes { batches, units, rank, .. } = p.sizes;
    4 * batches * units * (rank + 1)
}

fn window(p: &Conv2d) -> usize {
    p.filter.h * p.filter.w * p.input.c
}

fn taps(p: &DepthwiseConv2d) -> usize {
    p.filter.h * p.filter.w
}

/// The question that `csrc/sizes.c` answers with the size in bytes, without a line end.
///
/// `SYMBOL FEATURES N H W C FILTER_H FILTER_W OUTPUT_H OUTPUT_W OUTPUT_C`, FEATURES being `scalar`, `dsp` or `mve`, the dimensions
/// in LiteRT's order and one where an operator has none. A dense layer's depth is `C`, its units are `OUTPUT_C`; an SVDF's
/// rank is `FILTER_H`. A kernel
/// that is none of the library's has symbol `none`.
pub fn size_query(kernel: &Kernel, step: &Step, features: Features) -> String {
    let symbol = if Variant::of(kernel).is_some() { kernel.symbol.as_str() } else { "none" };
    let core = match features {
        Features { mve: true, .. } => "mve",
        Features { dsp: true, .. } => "dsp",
        Features { .. } => "scalar",
    };
    let [n, h, w, c, filter_h, filter_w, output_h, output_w, output_c] = dimensions(&step.call);
    format!("{symbol} {core} {n} {h} {w} {c} {filter_h} {filter_w} {output_h} {output_w} {output_c}")
}

fn dimensions(call: &Call) -> [usize; 9] {
    match call {
        Call::Conv2d(p) => {
            let (i, f, o) = (p.input, p.filter, p.output);
            [i.n, i.h, i.w, i.c, f.h, f.w, o.h, o.w, o.c]
        }
        Call::DepthwiseConv2d(p) => {
            let (i, f, o) = (p.input, p.filter, p.output);
            [i.n, i.h, i.w, i.c, f.h, f.w, o.h, o.w, o.c]
        }
        Call::FullyConnected(p) => [p.batches, 1, 1, p.depth, 1, 1, 1, 1, p.units],
        Call::AveragePool2d(p) | Call::MaxPool2d(p) => {
            let (i, o) = (p.input, p.output);
            [i.n, i.h, i.w, i.c, p.window.h, p.window.w, o.h, o.w, o.c]
        }
        Call::Add(p) => [p.output.n, p.output.h, p.output.w, p.output.c, 1, 1, p.output.h, p.output.w, p.output.c],
        Call::Softmax(p) => [p.rows, 1, 1, p.depth, 1, 1, 1, 1, p.depth],
        Call::Op(Op::ConvolveI16(ConvolveI16 { at, .. })) => {
            let (i, o) = (at.input, at.output);
            [i.n, i.h, i.w, i.c, at.taps.h, at.taps.w, o.h, o.w, o.c]
        }
        Call::Op(Op::PoolI16(PoolI16 { at, .. })) => {
            let (i, o) = (at.input, at.output);
            [i.n, i.h, i.w, i.c, at.window.h, at.window.w, o.h, o.w, o.c]
        }
        Call::Op(Op::Svdf(Svdf { sizes: p, .. })) => [p.batches, 1, 1, p.depth, p.rank, 1, 1, 1, p.units],
        Call::Reshape | Call::If { .. } | Call::While { .. } | Call::Op(_) | Call::Step(_) | Call::Own(_) => [1; 9],
    }
}
