//! Sliding windows: output sizes and paddings as LiteRT computes them (`padding.h`).

use kernels::{Dims, Extent};

use super::Fault;
use crate::model::graph::Padding;

/// Larger strides, dilations and windows have no use, and would overflow 32-bit kernels.
const MAX: i64 = 65_535;

/// Height and width of a window's geometry, checked.
pub(super) struct Window {
    pub(super) stride: Extent,
    pub(super) dilation: Extent,
    pub(super) padding: Extent,
    /// Rows and columns of the output.
    pub(super) output: Extent,
}

/// The geometry of a window of `taps` over `input`. Pairs are (height, width).
pub(super) fn window(
    input: Dims,
    taps: Extent,
    padding: Padding,
    stride: [i32; 2],
    dilation: [i32; 2],
) -> Result<Window, Fault> {
    let rows = along(input.h, taps.h, padding, stride[0], dilation[0], "rows")?;
    let columns = along(input.w, taps.w, padding, stride[1], dilation[1], "columns")?;
    let extent = |of: fn(&Along) -> usize| Extent { h: of(&rows), w: of(&columns) };
    Ok(Window {
        stride: extent(|along| along.stride),
        dilation: extent(|along| along.dilation),
        padding: extent(|along| along.padding),
        output: extent(|along| along.output),
    })
}

struct Along {
    stride: usize,
    dilation: usize,
    padding: usize,
    output: usize,
}

fn along(input: usize, taps: usize, padding: Padding, stride: i32, dilation: i32, what: &str) -> Result<Along, Fault> {
    let wrong = |reason: String| Fault::new(reason, "export the model again with a window that fits its input");
    let (stride, dilation) = (i64::from(stride), i64::from(dilation));
    let (Ok(input), Ok(taps)) = (i64::try_from(input), i64::try_from(taps)) else {
        return Err(wrong(format!("has a window of {taps} over {input} {what}")));
    };
    let reasonable = |value: i64| (1..=MAX).contains(&value);
    if ![stride, dilation, taps].into_iter().all(reasonable) {
        return Err(wrong(format!("has a window of {taps} {what} with stride {stride} and dilation {dilation}")));
    }
    let reach = (taps - 1) * dilation + 1;
    if reach > MAX {
        return Err(wrong(format!("has a window that reaches over {reach} {what}")));
    }
    let output = match padding {
        Padding::Same => (input + stride - 1) / stride,
        Padding::Valid => (input + stride - reach) / stride,
    };
    if output < 1 {
        return Err(wrong(format!("has a window that reaches over {reach} {what} of an input of {input}")));
    }
    let padding = ((output - 1) * stride + reach - input).max(0) / 2;
    let number = |value: i64| usize::try_from(value).map_err(|_| wrong(format!("has {value} {what}")));
    Ok(Along {
        stride: number(stride)?,
        dilation: number(dilation)?,
        padding: number(padding)?,
        output: number(output)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(input: usize, taps: usize, padding: Padding, stride: i32, dilation: i32) -> Option<(usize, usize)> {
        let along = along(input, taps, padding, stride, dilation, "rows").ok()?;
        Some((along.output, along.padding))
    }

    #[test]
    fn same_and_valid() {
        assert_eq!(sizes(49, 10, Padding::Same, 2, 1), Some((25, 4)), "the larger half is behind");
        assert_eq!(sizes(10, 4, Padding::Same, 2, 1), Some((5, 1)));
        assert_eq!(sizes(96, 3, Padding::Same, 2, 1), Some((48, 0)));
        assert_eq!(sizes(25, 25, Padding::Valid, 25, 1), Some((1, 0)));
        assert_eq!(sizes(9, 3, Padding::Same, 1, 2), Some((9, 2)));
        assert_eq!(sizes(9, 3, Padding::Valid, 1, 2), Some((5, 0)));
    }

    #[test]
    fn absurd_windows_are_refused() {
        for (taps, stride, dilation) in [
            (3, 0, 1),
            (3, -1, 1),
            (3, 1, 0),
            (0, 1, 1),
            (10, 1, 1),
            (3, i32::MAX, 1),
            (3, 1, i32::MAX),
            (60_000, 1, 2),
        ] {
            assert_eq!(sizes(9, taps, Padding::Valid, stride, dilation), None, "{taps} {stride} {dilation}");
        }
    }
}
