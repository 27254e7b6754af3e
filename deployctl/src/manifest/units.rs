//! Quantities as manifests write them, `"24KiB"` or `"9.5M instructions"`, to base units and back. Exact: no number goes
//! through floating point on its way to an integer.

use std::time::Duration;

use super::gates::Latency;
use super::types::{Bytes, Ratio};

/// Why a quantity cannot be read, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnitError {
    pub(super) message: String,
    pub(super) help: String,
}

fn refuse<T>(message: impl Into<String>, help: &str) -> Result<T, UnitError> {
    Err(UnitError { message: message.into(), help: help.to_owned() })
}

/// An integer with a comma between groups of three digits, as people read it.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const BYTES_HELP: &str =
    "write bytes as a number with one of the units B, KiB (1024) or MiB (1024 × 1024): `\"24KiB\"`";
const LATENCY_HELP: &str = "write instructions for emulated boards, `\"9.5M instructions\"` or `\"120k instructions\"`, or a time for hardware, `\"12ms\"`";
const PERCENT_HELP: &str = "write a percentage between 0% and 100%, such as `\"10%\"`";
const DURATION_HELP: &str = "write a time of a second to a week in s, min or h: `\"30min\"`";
/// Seconds of a week.
const DURATION_MOST: u64 = 7 * 24 * 3600;
const HERTZ_HELP: &str = "write a frequency in Hz, kHz or MHz: `\"25MHz\"`";

/// Bytes: `"24KiB"`, `"24 KiB"`, `"1.5MiB"`, `"24576 B"`, `"24576"`.
pub(super) fn bytes(text: &str) -> Result<Bytes, UnitError> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "k" | "K" | "kB" | "KB" | "M" | "MB" | "mb" | "kb" | "Kb" | "Mb" => {
            return refuse(format!("`{unit}` can mean two different sizes"), BYTES_HELP);
        }
        _ => return refuse(format!("`{text}` is not a size in bytes"), BYTES_HELP),
    };
    match scaled(number, factor) {
        Some(value) => Ok(Bytes(value)),
        None => refuse(format!("`{text}` is not a whole number of bytes"), BYTES_HELP),
    }
}

/// A time: `"90s"`, `"30min"`, `"2h"`.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        _ => return refuse(format!("`{text}` is not a time"), DURATION_HELP),
    };
    match scaled(number, seconds) {
        Some(value @ 1..=DURATION_MOST) => Ok(Duration::from_secs(value)),
        _ => refuse(format!("`{text}` is not a whole number of seconds, or too many"), DURATION_HELP),
    }
}

/// How long something may take: `"9.5M instructions"`, or `"12ms"` on hardware.
pub(super) fn latency(text: &str) -> Result<Latency, UnitError> {
    let (number, rest) = split(text);
    let nanoseconds = match rest {
        "ns" => Some(1),
        "us" | "µs" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        _ => None,
    };
    if let Some(factor) = nanoseconds {
        return match scaled(number, factor) {
            Some(value) => Ok(zero_is_zero(Latency::Nanoseconds(value))),
            None => refuse(format!("`{text}` is not a whole number of nanoseconds"), LATENCY_HELP),
        };
    }
    let (prefix, word) = match rest.split_once(char::is_whitespace) {
        Some((prefix, word)) => (prefix, word.trim()),
        None => ("", rest),
    };
    let factor = match prefix {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return refuse(format!("`{text}` is neither a number of instructions nor a time"), LATENCY_HELP),
    };
    if !matches!(word, "instructions" | "instruction") {
        return refuse(format!("`{text}` does not say what it counts"), LATENCY_HELP);
    }
    match scaled(number, factor) {
        Some(value) => Ok(Latency::Instructions(value)),
        None => refuse(format!("`{text}` is not a whole number of instructions"), LATENCY_HELP),
    }
}

/// Nothing is the same in every unit.
fn zero_is_zero(latency: Latency) -> Latency {
    if latency == Latency::Nanoseconds(0) { Latency::Instructions(0) } else { latency }
}

/// A ratio: `"10%"` is 0.1.
pub(super) fn percent(text: &str) -> Result<Ratio, UnitError> {
    let (number, unit) = split(text);
    if unit != "%" {
        return refuse(format!("`{text}` is not a percentage"), PERCENT_HELP);
    }
    match decimal(number).and_then(|_| number.parse::<f64>().ok()) {
        Some(value) if (0.0..=100.0).contains(&value) => Ok(Ratio(value / 100.0)),
        _ => refuse(format!("`{text}` is not between 0% and 100%"), PERCENT_HELP),
    }
}

/// A frequency in Hz: `"25MHz"`.
pub(super) fn hertz(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text);
    let factor = match unit {
        "Hz" => 1,
        "kHz" => 1_000,
        "MHz" => 1_000_000,
        _ => return refuse(format!("`{text}` is not a frequency"), HERTZ_HELP),
    };
    match scaled(number, factor) {
        Some(value) => Ok(value),
        None => refuse(format!("`{text}` is not a whole number of hertz"), HERTZ_HELP),
    }
}

/// A frequency as people read it: `6.5 MHz`, exact.
pub fn frequency(hz: u64) -> String {
    let (whole, rest, unit) = match hz {
        1_000_000.. => (hz / 1_000_000, format!("{:06}", hz % 1_000_000), "MHz"),
        1_000.. => (hz / 1_000, format!("{:03}", hz % 1_000), "kHz"),
        _ => (hz, String::new(), "Hz"),
    };
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    format!("{whole}{point}{rest} {unit}")
}

/// A size as people read it: in MiB or KiB where that is exact.
pub fn size(bytes: u64) -> String {
    match bytes {
        whole if whole > 0 && whole.is_multiple_of(1 << 20) => format!("{} MiB", whole >> 20),
        whole if whole > 0 && whole.is_multiple_of(1 << 10) => format!("{} KiB", whole >> 10),
        bytes => format!("{} bytes", grouped(bytes)),
    }
}

/// The number at the front and the unit behind it, spaces between them dropped.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// `12.50` as 1250 and 2 decimals; at most 18 digits.
fn decimal(number: &str) -> Option<(u64, u32)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = whole.len() + fraction.len();
    if whole.is_empty() || fraction.is_empty() || digits > 19 || fraction.contains('.') {
        return None;
    }
    let mantissa = format!("{whole}{fraction}").parse().ok()?;
    Some((mantissa, u32::try_from(fraction.len()).ok()?))
}

/// `number * factor` where that is a whole number that fits.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (mantissa, decimals) = decimal(number)?;
    let product = u128::from(mantissa) * u128::from(factor);
    let divisor = 10_u128.pow(decimals);
    (product % divisor == 0).then(|| u64::try_from(product / divisor).ok()).flatten()
}

/// The shortest exact way to write a number of bytes.
pub(super) fn write_bytes(bytes: Bytes) -> String {
    match bytes.0 {
        n if n > 0 && n % (1 << 20) == 0 => format!("{}MiB", n >> 20),
        n if n > 0 && n % (1 << 10) == 0 => format!("{}KiB", n >> 10),
        n => format!("{n} B"),
    }
}

/// A time in the largest unit in which it is a whole number.
pub(super) fn write_nanoseconds(count: u64) -> String {
    match count {
        n if n > 0 && n % 1_000_000_000 == 0 => format!("{} s", n / 1_000_000_000),
        n if n > 0 && n % 1_000_000 == 0 => format!("{} ms", n / 1_000_000),
        n if n > 0 && n % 1_000 == 0 => format!("{} µs", n / 1_000),
        n => format!("{n} ns"),
    }
}

/// A ratio as a percentage that reads back as the same ratio where it has up to 12 decimals.
pub(super) fn write_percent(ratio: Ratio) -> String {
    let percent = format!("{:.12}", ratio.0 * 100.0);
    format!("{}%", percent.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 7_698_123].map(grouped), ["0", "999", "1,000", "7,698,123"]);
    }

    #[test]
    fn bytes_are_exact() {
        for (text, value) in [
            ("24KiB", 24_576),
            ("24 KiB", 24_576),
            (" 1.5MiB ", 1_572_864),
            ("24576", 24_576),
            ("0 B", 0),
            ("17179869183MiB", 17_179_869_183 << 20),
        ] {
            assert_eq!(bytes(text).unwrap().0, value, "{text}");
        }
    }

    #[test]
    fn bytes_that_cannot_be_meant_are_refused() {
        for text in
            ["", "KiB", "24KB", "24kB", "24M", "1.3B", "-1 B", "1..5KiB", "1e3", "24 KiB KiB", "NaN", "0.0001KiB"]
        {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert!(bytes("99999999999999999999").is_err());
        assert!(bytes("9999999999999999999MiB").is_err());
    }

    #[test]
    fn instructions_need_their_word_and_times_their_unit() {
        let (instructions, time) = (Latency::Instructions, Latency::Nanoseconds);
        for (text, value) in [
            ("9.5M instructions", instructions(9_500_000)),
            ("120k instructions", instructions(120_000)),
            ("1 instruction", instructions(1)),
            ("7 M instructions", instructions(7_000_000)),
            ("12ms", time(12_000_000)),
            ("0.5 ms", time(500_000)),
            ("850us", time(850_000)),
            ("3 s", time(3_000_000_000)),
            ("0 ms", instructions(0)),
        ] {
            assert_eq!(latency(text).unwrap(), value, "{text}");
        }
        for text in ["9.5M", "9.5", "9.5M cycles", "instructions", "0.5 instructions", "3 min", "0.5 ns", "1 k"] {
            assert!(latency(text).is_err(), "{text}");
        }
        assert_eq!(latency("12ms").unwrap().to_string(), "12 ms");
        assert_eq!(latency("1500us").unwrap().to_string(), "1500 µs");
    }

    #[test]
    fn percentages_are_the_literal_ratio() {
        assert_eq!(percent("10%").unwrap(), Ratio(0.1));
        assert_eq!(percent("0%").unwrap(), Ratio(0.0));
        assert_eq!(percent("2.5 %").unwrap(), Ratio(0.025));
        for text in ["10", "101%", "-1%", "NaN%", "inf%", "%"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for value in [0, 1, 1000, 1024, 22_832, 1 << 20, 3 << 19, u64::MAX / 1024] {
            assert_eq!(bytes(&write_bytes(Bytes(value))).unwrap().0, value);
        }
        for value in ["10%", "5%", "0%", "2.5%", "33.3%", "7%", "29%"] {
            assert_eq!(write_percent(percent(value).unwrap()), value);
        }
        assert_eq!(hertz("25MHz").unwrap(), 25_000_000);
    }
}
