//! From evidence and limits to a verdict. Pure: no files, no clocks, no tools.
//!
//! Knows what was measured and what is allowed; does not know how either came to be.

mod accuracy;
mod conversion;
pub mod evidence;
mod governed;
mod judge;
mod linked;
mod load;
mod maximum;
pub mod metric;
mod release;
pub mod step;
mod time;
mod waiver;

pub use accuracy::Scores;
pub use governed::{Approved, Governance, GovernedValue};
pub use judge::{Evidence, Limits, Making, judge};
pub use load::Services;

pub use release::{Interface, PortRecord, Present, RELEASE_SCHEMA, Release, ReleasedTarget};
pub use waiver::Waived;

use serde::{Deserialize, Serialize};

/// What a check, or all of them together, comes to. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The target cannot measure this; listed with the reason, and no obstacle.
    NotApplicable,
    /// Within the limit, with the margin that is asked for.
    Pass,
    /// Outside the limit, which its owner has waived until a date that has not come.
    Waived,
    /// Within the limit, but closer than the margin.
    Thin,
    /// Not measured.
    Unknown,
    /// Outside the limit.
    Fail,
}

impl Verdict {
    /// As reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "not applicable",
            Self::Pass => "pass",
            Self::Waived => "waived",
            Self::Thin => "thin",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }

    /// True where nothing stands against shipping.
    pub fn is_good(self) -> bool {
        self <= Self::Waived
    }
}

/// Units of limits and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Instructions, counted by an emulator.
    Instructions,
    /// Cycles of a core clock, counted on hardware.
    Cycles,
    /// Milliseconds, from cycles on hardware.
    #[serde(rename = "ms")]
    Milliseconds,
    /// A plain count, named by the check.
    Count,
    /// A ratio, 0.1 for 10 %.
    Ratio,
}

impl Unit {
    /// As reports for programs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Instructions => "instructions",
            Self::Cycles => "cycles",
            Self::Milliseconds => "ms",
            Self::Count => "count",
            Self::Ratio => "ratio",
        }
    }
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

/// One check with everything needed to see how it came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Stable name, such as `arena_headroom`.
    pub name: String,
    /// What people read.
    pub title: String,
    /// The manifest node that sets the limit, such as `gates.flash`; absent for built-in limits.
    pub manifest: Option<String>,
    /// Most that is allowed.
    pub limit: Option<Quantity>,
    /// What was found.
    pub value: Option<Quantity>,
    /// (limit − value) / limit.
    pub margin: Option<f64>,
    /// The margin that is asked for.
    pub margin_required: Option<f64>,
    /// How it came out.
    pub verdict: Verdict,
    /// The reason, in a sentence; for anything but `pass` it says what to do next.
    pub detail: String,
}

/// All checks of a target and what they come to together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The worst of the checks.
    pub verdict: Verdict,
    /// In the order of a bring-up: interface, operators, memory, kernels.
    pub checks: Vec<Check>,
    /// What was measured.
    pub figures: Vec<metric::Figure>,
}
