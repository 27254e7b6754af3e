//! Time on hardware: cycles of a clock that the board's file states, against limits in milliseconds.
//!
//! A clock that is not exact is known to lie in a range. What is within the limit at its slowest passes, what is not at its fastest
//! fails, and what lies between nobody knows.

use super::judge::{after, number};
use super::maximum::under;
use super::{Check, Quantity, Unit, Verdict};
use crate::manifest::{Ratio, frequency, grouped};

/// A core clock in Hz, as firmware runs it: the least and the most.
pub(super) type Clock = (u64, u64);

const NANOSECONDS: u128 = 1_000_000_000;

/// How long so many cycles take, in nanoseconds, rounded up.
fn nanoseconds(cycles: u64, hz: u64) -> u64 {
    let time = (u128::from(cycles) * NANOSECONDS).div_ceil(u128::from(hz.max(1)));
    u64::try_from(time).unwrap_or(u64::MAX)
}

/// Microseconds at the clock's slowest, rounded up.
pub(super) fn microseconds(cycles: u64, (least, _): Clock) -> u64 {
    nanoseconds(cycles, least).div_ceil(1_000)
}

fn milliseconds(nanoseconds: u64) -> f64 {
    number(nanoseconds) / 1e6
}

/// Cycles, and the time that they take where the clock is known: `1,234,567 cycles, 77.160 ms at 16 MHz`.
pub(super) fn shown(cycles: u64, clock: Option<Clock>) -> String {
    let text = format!("{} cycles", grouped(cycles));
    let Some((least, most)) = clock else { return format!("{text} of a clock that the board's file does not state") };
    let slow = milliseconds(nanoseconds(cycles, least));
    if least == most {
        return format!("{text}, {slow:.3} ms at {}", frequency(least));
    }
    let fast = milliseconds(nanoseconds(cycles, most));
    format!("{text}, {fast:.3} ms to {slow:.3} ms at {} to {}", frequency(most), frequency(least))
}

/// The figure of a check: milliseconds where the clock is known, else cycles.
pub(super) fn quantity(cycles: u64, clock: Option<Clock>) -> Quantity {
    match clock {
        Some((least, _)) => Quantity { value: milliseconds(nanoseconds(cycles, least)), unit: Unit::Milliseconds },
        None => Quantity { value: number(cycles), unit: Unit::Cycles },
    }
}

/// Cycles against a limit in nanoseconds; `text` is what was found, `next` what to do where that is too much.
pub(super) fn judged(
    base: Check,
    (max, margin): (u64, Ratio),
    cycles: u64,
    clock: Option<Clock>,
    (text, next): (String, &str),
) -> Check {
    let Some((least, most)) = clock else {
        let why = "the board's file states no `clock`, so cycles are no time";
        return Check { verdict: Verdict::Unknown, detail: format!("{text}; {why}"), ..base };
    };
    let (slow, fast) = (nanoseconds(cycles, least), nanoseconds(cycles, most));
    let value = if fast > max { fast } else { slow };
    let mut result = under(base, Unit::Milliseconds, max, value, margin);
    let in_ms = |quantity: Quantity| Quantity { value: quantity.value / 1e6, ..quantity };
    (result.limit, result.value) = (result.limit.map(in_ms), result.value.map(in_ms));
    let mut next = next;
    if fast <= max && slow > max {
        result.verdict = Verdict::Unknown;
        next = "the clock is not exact, and at its slowest this is too long: set it up in the firmware, and say so in the board's file";
    }
    result.detail = after(text, result.verdict, next);
    result
}

#[cfg(test)]
mod tests {
    use super::super::judge::check;
    use super::*;

    fn verdict(max_ms: u64, cycles: u64, clock: Option<Clock>) -> Check {
        let limit = (max_ms * 1_000_000, Ratio(0.1));
        let base = check("latency", "latency", Verdict::NotApplicable, "");
        judged(base, limit, cycles, clock, (shown(cycles, clock), "shrink it"))
    }

    #[test]
    fn cycles_of_an_exact_clock_are_a_time() {
        let exact = Some((16_000_000, 16_000_000));
        let good = verdict(12, 160_000, exact);
        assert_eq!((good.verdict, good.detail.as_str()), (Verdict::Pass, "160,000 cycles, 10.000 ms at 16 MHz"));
        assert_eq!(good.limit, Some(Quantity { value: 12.0, unit: Unit::Milliseconds }));
        assert_eq!(good.value, Some(Quantity { value: 10.0, unit: Unit::Milliseconds }));
        assert_eq!(verdict(12, 176_000, exact).verdict, Verdict::Thin);
        assert_eq!(verdict(12, 192_016, exact).verdict, Verdict::Fail);
    }

    #[test]
    fn a_clock_that_is_not_exact_leaves_a_doubt() {
        let vague = Some((1_800_000, 12_000_000));
        assert_eq!(verdict(10, 12_000, vague).verdict, Verdict::Pass);
        let doubt = verdict(10, 100_000, vague);
        assert_eq!(doubt.verdict, Verdict::Unknown);
        assert!(
            doubt.detail.starts_with("100,000 cycles, 8.333 ms to 55.556 ms at 12 MHz to 1.8 MHz; the clock"),
            "{}",
            doubt.detail
        );
        assert_eq!(verdict(10, 200_000, vague).verdict, Verdict::Fail);
    }

    #[test]
    fn without_a_clock_nobody_knows() {
        assert_eq!(verdict(10, 1, None).verdict, Verdict::Unknown);
        assert_eq!(quantity(7, None).unit, Unit::Cycles);
        assert_eq!(nanoseconds(u64::MAX, 1), u64::MAX);
    }
}
