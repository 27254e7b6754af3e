//! How a sequence of vectors is run: which way, and on what.
//!
//! Knows the lines that begin a run; in which order runs come, the session knows.

use serde::{Deserialize, Serialize};

/// What the arena holds before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// What the reset left, in the first run after it.
    Cold,
    /// Noise, of another seed each time.
    Noise,
    /// 0x00.
    Zeros,
    /// 0xff.
    Ones,
}

impl Fill {
    /// Those of runs of one sequence, in their order, again and again: three are odd, so that each comes to both ways of running.
    pub(super) const WARM: [Self; 3] = [Self::Noise, Self::Zeros, Self::Ones];

    /// As reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Noise => "noise",
            Self::Zeros => "0x00",
            Self::Ones => "0xFF",
        }
    }
}

/// How a sequence is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Operator by operator.
    Step,
    /// Uninterrupted.
    Invoke,
}

/// One way of running a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) verb: Verb,
    /// What the harness says that it is; 0 is the cold one.
    pub(super) seed: u32,
    pub(super) fill: Fill,
}

impl Pass {
    /// The beginning of a look at one vector.
    pub(super) const FIRST: Self = Self { verb: Verb::Invoke, seed: 1, fill: Fill::Noise };

    /// The line that begins it.
    pub(super) fn line(self) -> String {
        let Self { seed, fill, .. } = self;
        match fill {
            Fill::Cold => "cold".to_owned(),
            Fill::Noise => format!("poison {seed} noise"),
            Fill::Zeros => format!("poison {seed} 00"),
            Fill::Ones => format!("poison {seed} ff"),
        }
    }
}
