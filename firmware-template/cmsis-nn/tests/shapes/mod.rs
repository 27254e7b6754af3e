//! What the comparisons with the reference kernels share: random shapes, and scratch memory.

use kernels::{Dims, Extent};

#[expect(dead_code, reason = "shared with the reference kernels' tests, which use the rest")]
#[path = "../../../kernels/src/testing.rs"]
pub(crate) mod testing;

use testing::Random;

/// Scratch memory as the memory plan gives it, poisoned.
#[repr(align(16))]
pub(crate) struct Scratch(pub [i8; 16384]);

pub(crate) fn scratch() -> Scratch {
    Scratch([0x7E; 16384])
}

pub(crate) const ONE: Extent = Extent { h: 1, w: 1 };

pub(crate) fn input(random: &mut Random, side: usize, channels: usize) -> Dims {
    Dims { n: 1 + random.below(2), h: 1 + random.below(side), w: 1 + random.below(side), c: 1 + random.below(channels) }
}

/// Output shape and padding of a convolution.
pub(crate) fn window(
    random: &mut Random,
    input: Dims,
    taps: Extent,
    stride: Extent,
    dilation: Extent,
    channels: usize,
) -> (Dims, Extent) {
    let (h, top) = random.geometry(input.h, taps.h, stride.h, dilation.h);
    let (w, left) = random.geometry(input.w, taps.w, stride.w, dilation.w);
    (Dims { n: input.n, h, w, c: channels }, Extent { h: top, w: left })
}
