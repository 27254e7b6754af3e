//! A sample model that shows the shape of a generated one: two operators on sixteen bytes.
//!
//! `deployctl` replaces this crate in the projects that it emits; the names below are what harness and app rely on.
#![no_std]

use core::sync::atomic::{AtomicU32, Ordering};

use kernels::model::{OperatorInfo, TensorInfo};

/// Identity of the build; a harness session starts only with the image that carries the digest it names.
pub const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Bytes of the arena.
pub const ARENA_BYTES: usize = 64;

/// Memory for every activation and scratch buffer.
#[repr(C, align(16))]
pub struct Arena(pub [i8; ARENA_BYTES]);

/// Index of the operator that is running, `u32::MAX` when none is.
pub static CURRENT: AtomicU32 = AtomicU32::new(u32::MAX);

/// Model inputs, in the model's order.
pub static INPUTS: [TensorInfo; 1] = [TensorInfo { name: "input", offset: 0, len: 16, scale: 0.5, zero_point: 0 }];

/// Model outputs, in the model's order.
pub static OUTPUTS: [TensorInfo; 1] = [TensorInfo { name: "output", offset: 48, len: 16, scale: 0.5, zero_point: 3 }];

/// Operators, in execution order.
pub static OPERATORS: [OperatorInfo<Arena>; 2] = [
    OperatorInfo {
        name: "NEG",
        output: TensorInfo { name: "negated", offset: 16, len: 16, scale: 0.5, zero_point: 0 },
        run: op_0_neg,
    },
    OperatorInfo {
        name: "ADD",
        output: TensorInfo { name: "output", offset: 48, len: 16, scale: 0.5, zero_point: 3 },
        run: op_1_add,
    },
];

/// Runs the model: inputs in the arena become outputs in the arena.
pub fn invoke(arena: &mut Arena) {
    CURRENT.store(0, Ordering::Relaxed);
    op_0_neg(arena);
    CURRENT.store(1, Ordering::Relaxed);
    op_1_add(arena);
    CURRENT.store(u32::MAX, Ordering::Relaxed);
}

/// `negated = -input`, saturating.
#[inline(never)]
fn op_0_neg(arena: &mut Arena) {
    let (input, rest) = arena.0.split_at_mut(16);
    for (negated, value) in rest[..16].iter_mut().zip(input) {
        *negated = value.saturating_neg();
    }
}

/// `output = negated + 3`, saturating.
#[inline(never)]
fn op_1_add(arena: &mut Arena) {
    let (head, output) = arena.0.split_at_mut(48);
    for (sum, value) in output[..16].iter_mut().zip(&head[16..32]) {
        *sum = value.saturating_add(3);
    }
}
