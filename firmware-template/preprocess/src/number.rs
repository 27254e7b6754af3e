//! Numbers that steps may compute with.

/// The number itself where it is one: what is not a number counts as 0, and infinity as the largest number. Every step of
/// sensors and outputs writes numbers that have gone through this, so nothing else ever comes out, and host and target agree
/// bit for bit (which of the many patterns of not-a-number comes out is up to the processor).
#[inline]
pub(crate) fn finite(x: f32) -> f32 {
    if x.is_nan() { 0.0 } else { x.clamp(f32::MIN, f32::MAX) }
}

/// The sum from the first number to the last. (What the standard library's begins with, 0 or -0, has changed once.)
#[inline]
pub(crate) fn sum(numbers: impl Iterator<Item = f32>) -> f32 {
    numbers.fold(0.0, |sum, x| sum + x)
}

#[cfg(test)]
mod tests {
    use super::finite;

    #[test]
    fn only_numbers() {
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(finite), [0.0, f32::MAX, f32::MIN]);
        assert_eq!([-0.5, f32::MAX, 1e-45].map(finite), [-0.5, f32::MAX, 1e-45]);
    }
}
