//! Which taps of a sliding window lie inside the input, along one dimension.

use core::ops::Range;

/// One dimension of a window that slides over an input.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// Elements of the input.
    pub(crate) input: usize,
    /// Taps of the window.
    pub(crate) taps: usize,
    /// Distance between positions.
    pub(crate) stride: usize,
    /// Distance between taps.
    pub(crate) dilation: usize,
    /// Elements before the input.
    pub(crate) padding: usize,
}

impl Window {
    /// The taps that lie inside the input when the window is at output element `position`.
    pub(crate) fn inside(self, position: usize) -> Range<usize> {
        let start = position * self.stride;
        let first = self.padding.saturating_sub(start).div_ceil(self.dilation);
        let last = (self.input + self.padding).saturating_sub(start).div_ceil(self.dilation).min(self.taps);
        first.min(last)..last
    }

    /// The input element under `tap`, one of those inside.
    pub(crate) fn element(self, position: usize, tap: usize) -> usize {
        position * self.stride + tap * self.dilation - self.padding
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn inside_is_exactly_the_taps_over_the_input() {
        let mut checked = 0;
        for input in 1..6 {
            for (taps, stride, dilation, padding) in
                (0..256).map(|i| (1 + i % 4, 1 + i / 4 % 4, 1 + i / 16 % 4, i / 64))
            {
                let window = Window { input, taps, stride, dilation, padding };
                for position in 0..6 {
                    for tap in 0..taps {
                        let element = (position * stride + tap * dilation) as isize - padding as isize;
                        let is_inside = (0..input as isize).contains(&element);
                        assert_eq!(window.inside(position).contains(&tap), is_inside);
                        if is_inside {
                            assert_eq!(window.element(position, tap) as isize, element);
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert!(checked > 1000);
    }
}
