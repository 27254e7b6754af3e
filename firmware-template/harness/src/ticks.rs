//! Arithmetic of a 24-bit counter that counts down.

/// Values that the counter takes: it reloads 2^24 - 1 after zero.
pub const PERIOD: u32 = 1 << 24;

/// Ticks since the counter was cleared, from the number of times it reached zero and its present value.
pub fn elapsed(zeros: u32, present: u32) -> u64 {
    let partial = if present == 0 { 0 } else { PERIOD - present };
    u64::from(zeros) * u64::from(PERIOD) + u64::from(partial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards_around_zero() {
        let readings = [(0, 0), (0, PERIOD - 1), (0, 1), (1, 0), (1, PERIOD - 1), (1, 1), (2, 0)];
        let ticks = readings.map(|(zeros, present)| elapsed(zeros, present));
        assert!(ticks.is_sorted(), "{ticks:?}");
        assert_eq!(elapsed(1, PERIOD - 1) - elapsed(0, 1), 2);
    }
}
