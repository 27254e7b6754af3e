//! The functions of `csrc/shim.h`. Parameters are those of the `kernels` crate, whose structs have C's layout.

use kernels::{Activation, Add, Conv2d, DepthwiseConv2d, FullyConnected, Pool2d, Requant, Softmax, Weights};

/// Memory that a function may use while it runs.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Scratch {
    start: *mut i8,
    len: usize,
}

impl Scratch {
    /// For functions that use none.
    pub(crate) const NONE: Self = Self { start: core::ptr::null_mut(), len: 0 };

    pub(crate) fn of(slice: &mut [i8]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len() }
    }
}

/// Constants of an operator with weights; the bias may be null.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Constants {
    filter: *const i8,
    bias: *const i32,
    multipliers: *const i32,
    shifts: *const i32,
}

impl Constants {
    pub(crate) fn of(w: &Weights) -> Self {
        Self {
            filter: w.filter.as_ptr(),
            bias: w.bias.map_or(core::ptr::null(), <[i32]>::as_ptr),
            multipliers: w.multipliers.as_ptr(),
            shifts: w.shifts.as_ptr(),
        }
    }
}

/// MUL of operands of one shape.
#[repr(C)]
pub(crate) struct Product {
    pub(crate) len: usize,
    pub(crate) a_offset: i32,
    pub(crate) b_offset: i32,
    pub(crate) requant: Requant,
    pub(crate) output_offset: i32,
    pub(crate) activation: Activation,
}

unsafe extern "C" {
    pub(crate) fn shim_convolve_s8(
        p: *const Conv2d,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_convolve_1_x_n_s8(
        p: *const Conv2d,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_convolve_1x1_s8(
        p: *const Conv2d,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_convolve_1x1_s8_fast(
        p: *const Conv2d,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_depthwise_conv_s8(
        p: *const DepthwiseConv2d,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_depthwise_conv_3x3_s8(
        p: *const DepthwiseConv2d,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_depthwise_conv_s8_opt(
        p: *const DepthwiseConv2d,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_fully_connected_s8(
        p: *const FullyConnected,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_fully_connected_per_channel_s8(
        p: *const FullyConnected,
        w: *const Constants,
        input: *const i8,
        output: *mut i8,
        scratch: Scratch,
    ) -> i32;
    pub(crate) fn shim_avgpool_s8(p: *const Pool2d, input: *const i8, output: *mut i8, scratch: Scratch) -> i32;
    pub(crate) fn shim_max_pool_s8(p: *const Pool2d, input: *const i8, output: *mut i8, scratch: Scratch) -> i32;
    pub(crate) fn shim_elementwise_add_s8(p: *const Add, a: *const i8, b: *const i8, output: *mut i8) -> i32;
    pub(crate) fn shim_elementwise_add_s16(p: *const Add, a: *const i16, b: *const i16, output: *mut i16) -> i32;
    pub(crate) fn shim_elementwise_mul_s8(p: *const Product, a: *const i8, b: *const i8, output: *mut i8) -> i32;
    pub(crate) fn shim_elementwise_mul_s16(p: *const Product, a: *const i16, b: *const i16, output: *mut i16) -> i32;
    pub(crate) fn shim_softmax_s8(p: *const Softmax, input: *const i8, output: *mut i8) -> i32;
}
