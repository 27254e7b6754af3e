//! What must hold before C code gets pointers: slices as long as shapes say, windows that touch their input.

use kernels::{Dims, Extent, Weights};

/// Ends the program unless `condition` holds.
pub(crate) fn require(condition: bool) {
    if !condition {
        refuse();
    }
}

/// Ends the program unless the library reports success.
pub(crate) fn success(status: i32) {
    require(status == 0);
}

#[cold]
#[inline(never)]
fn refuse() -> ! {
    panic!("CMSIS-NN: arguments do not fit the kernel")
}

/// Requires that the library can count in 31 bits.
pub(crate) fn counts(values: &[usize]) {
    require(values.iter().all(|&value| value <= i32::MAX as usize));
}

/// Requires that the library can count heights and widths.
pub(crate) fn extents(values: &[Extent]) {
    values.iter().for_each(|value| counts(&[value.h, value.w]));
}

/// Requires that a slice holds a tensor of `dims`, and that the library can count its elements.
pub(crate) fn holds(slice: &[i8], dims: Dims) {
    product(slice.len(), &[dims.n, dims.h, dims.w, dims.c]);
}

/// Requires that the product of `factors` is at most `len`.
pub(crate) fn product(len: usize, factors: &[usize]) {
    counts(factors);
    let elements = factors.iter().try_fold(1_usize, |product, &factor| product.checked_mul(factor));
    require(elements.is_some_and(|elements| elements <= len && elements <= i32::MAX as usize));
}

/// Requires a filter of `dims`, and a bias, multiplier and shift for each of `channels`.
pub(crate) fn weights(w: &Weights, dims: Dims, channels: usize) {
    holds(w.filter, dims);
    require(w.bias.is_none_or(|bias| bias.len() >= channels));
    require(w.multipliers.len() >= channels && w.shifts.len() >= channels);
}

/// Requires that at every output position at least one tap of the window lies inside the input.
pub(crate) fn windows_touch(input: Dims, window: Extent, stride: Extent, padding: Extent, output: Dims) {
    let touches = |input: usize, window: usize, stride: usize, padding: usize, output: usize| {
        let last = output.saturating_sub(1).saturating_mul(stride);
        require(padding < window && last < input.saturating_add(padding));
    };
    touches(input.h, window.h, stride.h, padding.h, output.h);
    touches(input.w, window.w, stride.w, padding.w, output.w);
}

/// The only output.
pub(crate) fn one_output<'a>(outputs: &'a mut [&mut [i8]]) -> &'a mut [i8] {
    require(outputs.len() == 1);
    &mut *outputs[0]
}
