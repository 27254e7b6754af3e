//! Seeded shapes and data for the kernels' tests, and the arithmetic of their definitions in 64 bits.
//!
//! The tests of the CMSIS-NN bindings include this file too.

extern crate std;

use std::vec::Vec;

use crate::{Activation, Conv2d, DepthwiseConv2d, Dims, Extent, FullyConnected, Pool2d, Requant, Weights};

/// xorshift64*: small, seeded, good enough for test data.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1) as usize) as i32
    }

    pub(crate) fn fill(&mut self, values: &mut [i8]) {
        values.fill_with(|| self.next() as i8);
    }

    pub(crate) fn extent(&mut self, largest: usize) -> Extent {
        Extent { h: 1 + self.below(largest), w: 1 + self.below(largest) }
    }

    pub(crate) fn activation(&mut self) -> Activation {
        let min = self.between(-128, 0);
        Activation { min, max: self.between(min, 127) }
    }

    /// Output length and leading padding, SAME or VALID, as LiteRT computes them.
    pub(crate) fn geometry(&mut self, input: usize, taps: usize, stride: usize, dilation: usize) -> (usize, usize) {
        let reach = (taps - 1) * dilation + 1;
        if input >= reach && self.below(2) == 0 {
            return ((input - reach) / stride + 1, 0);
        }
        let output = input.div_ceil(stride);
        (output, ((output - 1) * stride + reach).saturating_sub(input) / 2)
    }

    pub(crate) fn data(
        &mut self,
        input: usize,
        filter: usize,
        channels: usize,
        output: usize,
        per_tensor: bool,
    ) -> Data {
        let mut data = Data {
            input: std::vec![0; input],
            filter: std::vec![0; filter],
            bias: Vec::new(),
            multipliers: Vec::new(),
            shifts: Vec::new(),
            output,
        };
        self.fill(&mut data.input);
        self.fill(&mut data.filter);
        data.bias = (0..channels).map(|_| self.between(-20_000, 20_000)).collect();
        for _ in 0..if per_tensor { 1 } else { channels } {
            data.multipliers.push(self.between(1 << 30, i32::MAX));
            data.shifts.push(self.between(-12, 1));
        }
        data
    }

    pub(crate) fn conv_2d(&mut self) -> (Conv2d, Data) {
        let (groups, each, outputs) = (1 + self.below(3), 1 + self.below(4), 1 + self.below(4));
        let input = Dims { n: 1 + self.below(2), h: 1 + self.below(7), w: 1 + self.below(7), c: groups * each };
        let (taps, stride, dilation) = (self.extent(3), self.extent(3), self.extent(2));
        let (h, top) = self.geometry(input.h, taps.h, stride.h, dilation.h);
        let (w, left) = self.geometry(input.w, taps.w, stride.w, dilation.w);
        let p = Conv2d {
            input,
            filter: Dims { n: groups * outputs, h: taps.h, w: taps.w, c: each },
            output: Dims { n: input.n, h, w, c: groups * outputs },
            stride,
            padding: Extent { h: top, w: left },
            dilation,
            input_offset: self.between(-127, 128),
            output_offset: self.between(-128, 127),
            activation: self.activation(),
        };
        let per_tensor = self.below(4) == 0;
        (p, self.data(input.len(), p.filter.len(), p.output.c, p.output.len(), per_tensor))
    }

    pub(crate) fn depthwise_conv_2d(&mut self) -> (DepthwiseConv2d, Data) {
        let (conv, _) = self.conv_2d();
        let depth_multiplier = 1 + self.below(3);
        let channels = conv.input.c * depth_multiplier;
        let p = DepthwiseConv2d {
            input: conv.input,
            filter: Dims { n: 1, c: channels, ..conv.filter },
            output: Dims { c: channels, ..conv.output },
            depth_multiplier,
            stride: conv.stride,
            padding: conv.padding,
            dilation: conv.dilation,
            input_offset: conv.input_offset,
            output_offset: conv.output_offset,
            activation: conv.activation,
        };
        (p, self.data(p.input.len(), p.filter.len(), channels, p.output.len(), false))
    }

    pub(crate) fn fully_connected(&mut self) -> (FullyConnected, Data) {
        let p = FullyConnected {
            batches: 1 + self.below(3),
            depth: 1 + self.below(40),
            units: 1 + self.below(12),
            input_offset: self.between(-127, 128),
            filter_offset: if self.below(2) == 0 { 0 } else { self.between(-127, 128) },
            output_offset: self.between(-128, 127),
            activation: self.activation(),
        };
        let per_tensor = self.below(2) == 0;
        (p, self.data(p.batches * p.depth, p.units * p.depth, p.units, p.batches * p.units, per_tensor))
    }

    pub(crate) fn pool_2d(&mut self) -> (Pool2d, Data) {
        let input = Dims { n: 1 + self.below(2), h: 1 + self.below(8), w: 1 + self.below(8), c: 1 + self.below(6) };
        let (window, stride) = (self.extent(4), self.extent(3));
        let (h, top) = self.geometry(input.h, window.h, stride.h, 1);
        let (w, left) = self.geometry(input.w, window.w, stride.w, 1);
        let output = Dims { n: input.n, h, w, c: input.c };
        let p = Pool2d {
            input,
            output,
            window,
            stride,
            padding: Extent { h: top, w: left },
            activation: self.activation(),
        };
        (p, self.data(input.len(), 0, 0, output.len(), true))
    }
}

/// Tensors of one random operator.
pub(crate) struct Data {
    pub(crate) input: Vec<i8>,
    pub(crate) filter: Vec<i8>,
    pub(crate) bias: Vec<i32>,
    multipliers: Vec<i32>,
    shifts: Vec<i32>,
    output: usize,
}

impl Data {
    pub(crate) fn weights(&self) -> Weights<'_> {
        Weights { filter: &self.filter, bias: Some(&self.bias), multipliers: &self.multipliers, shifts: &self.shifts }
    }

    pub(crate) fn output(&self) -> Vec<i8> {
        std::vec![0x55; self.output]
    }

    /// The element of an NHWC input, or none outside of it.
    pub(crate) fn input_at(&self, dims: Dims, n: usize, row: isize, column: isize, c: usize) -> Option<i64> {
        let (row, column) = (usize::try_from(row).ok()?, usize::try_from(column).ok()?);
        (row < dims.h && column < dims.w)
            .then(|| i64::from(self.input[((n * dims.h + row) * dims.w + column) * dims.c + c]))
    }

    pub(crate) fn requant(&self, channel: usize) -> Requant {
        let index = channel % self.multipliers.len();
        Requant { multiplier: self.multipliers[index], shift: self.shifts[index] }
    }
}

/// Coordinates of an element of an NHWC tensor.
pub(crate) fn at(dims: Dims, index: usize) -> [usize; 4] {
    [index / (dims.c * dims.w * dims.h), index / (dims.c * dims.w) % dims.h, index / dims.c % dims.w, index % dims.c]
}

/// The definition of requantization, step by step in 64 bits and with divisions instead of shifts.
pub(crate) fn requantized(sum: i64, factor: Requant, offset: i32, activation: Activation) -> i8 {
    let doubled = (sum << factor.shift.max(0)) * i64::from(factor.multiplier) * 2;
    let high = (doubled + (1 << 31)).div_euclid(1 << 32);
    let divisor = 1_i64 << (-factor.shift).max(0);
    let rounded = (high.abs() + divisor / 2) / divisor * high.signum();
    i8::try_from((rounded + i64::from(offset)).clamp(i64::from(activation.min), i64::from(activation.max)))
        .expect("bounds are int8")
}

/// `e^x` by its series, for tests without a maths library.
pub(crate) fn exp(x: f64) -> f64 {
    let reduced = x / 1024.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..12 {
        term *= reduced / f64::from(n);
        sum += term;
    }
    (0..10).fold(sum, |power, _| power * power)
}

/// Bytes that any element type may start in.
#[repr(align(16))]
pub(crate) struct Aligned<const N: usize>(pub(crate) [i8; N]);

impl<const N: usize> Aligned<N> {
    pub(crate) fn zeroed() -> Self {
        Self([0; N])
    }
}
