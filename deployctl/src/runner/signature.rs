//! Failure signatures: the ways in which a target fails to give a measurement, each with what it means and what to do.
//!
//! Knows the codes of the harness's `error` lines; does not know how a transcript is read.

/// One way in which a target fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Signature {
    /// The image was built from something else.
    #[error(
        "wrong image: the target runs build `{have}`, expected `{want}`; flash the harness of this build, then run again"
    )]
    WrongImage {
        /// Digest in the image.
        have: String,
        /// Digest of the build.
        want: String,
    },
    /// The guard before the arena was overwritten.
    #[error(
        "guard-low: something wrote before the start of the arena during {}; \
         check the memory plan and the kernel of that operator", during(*operator)
    )]
    GuardLow {
        /// The operator, where it ran alone.
        operator: Option<usize>,
    },
    /// The guard after the arena was overwritten.
    #[error(
        "guard-high: something wrote past the end of the arena during {}; \
         check its scratch size and the memory plan, and whether the stack grew into the arena", during(*operator)
    )]
    GuardHigh {
        /// The operator, where it ran alone.
        operator: Option<usize>,
    },
    /// The stack reached its end.
    #[error(
        "stack-overflow: the stack reached its end during {}; \
         give the board's RAM region more room, or take static data out of it", during(*operator)
    )]
    StackOverflow {
        /// The operator, where known.
        operator: Option<usize>,
    },
    /// The processor took a fault.
    #[error(
        "fault: {} during {}, at pc {pc:#010x}{}; find the line with `arm-none-eabi-addr2line -e harness {pc:#x}` \
         (lr {lr:#010x}, cfsr {cfsr:#010x}, hfsr {hfsr:#010x})",
        fault_cause(*cfsr, *hfsr), during(*operator), accessing(*address)
    )]
    Fault {
        /// The operator, where known.
        operator: Option<usize>,
        /// Program counter.
        pc: u32,
        /// Link register.
        lr: u32,
        /// Configurable fault status register.
        cfsr: u32,
        /// Hard fault status register.
        hfsr: u32,
        /// The address that was accessed, where the core kept it.
        address: Option<u32>,
    },
    /// Rust code on the target panicked.
    #[error("panic: {message} (during {}); this is a defect of the firmware, not of the board", during(*operator))]
    Panic {
        /// The operator, where known.
        operator: Option<usize>,
        /// Place and message.
        message: String,
    },
    /// The harness did not understand the session.
    #[error(
        "protocol: the harness refused the session: {message}; \
         something between host and target loses or changes bytes, or the two are of different versions"
    )]
    Protocol {
        /// The harness's words.
        message: String,
    },
    /// The target sent something that no harness sends.
    #[error(
        "garbage: line {line} of the transcript is not the harness's: `{text}`; \
         check that nothing else uses the console, its speed, and that the harness is what runs"
    )]
    Garbage {
        /// Line of the transcript, from 1.
        line: usize,
        /// Its beginning, printable.
        text: String,
    },
    /// A valid line at a place where another belongs.
    #[error("out of order: line {line} of the transcript is `{text}`, expected {expected}; lines were lost on the way")]
    OutOfOrder {
        /// Line of the transcript, from 1.
        line: usize,
        /// Its text.
        text: String,
        /// What belongs there.
        expected: String,
    },
    /// The target restarted within the session.
    #[error(
        "reset: the target restarted at line {line} of the transcript, after `{after}`; \
         look for a watchdog, a brown-out or a reset line that floats"
    )]
    Reset {
        /// Line of the transcript, from 1.
        line: usize,
        /// The last line before.
        after: String,
    },
    /// The target ended without having said anything.
    #[error("silent: the target ended (exit code {}) without a line; {}", code_text(*code), hint(diagnostics))]
    Silent {
        /// Exit code of the process that ran it.
        code: Option<i32>,
        /// First line of that process's diagnostics.
        diagnostics: String,
    },
    /// The transcript ends before `bye`.
    #[error(
        "truncated: the transcript ends (exit code {}) after `{after}`; the target died without last words, \
         which on an emulator is a lockup: a fault while handling a fault. {}", code_text(*code), hint(diagnostics)
    )]
    Truncated {
        /// Exit code of the process that ran it.
        code: Option<i32>,
        /// The last whole line.
        after: String,
        /// First line of that process's diagnostics.
        diagnostics: String,
    },
    /// The time limit passed.
    #[error(
        "time-out: no end within the time limit; the last line was `{after}`. \
         This may be the machine and is not held against the firmware; if it repeats at the same line, the target hangs there"
    )]
    TimedOut {
        /// The last whole line, empty if there was none.
        after: String,
    },
}

impl Signature {
    /// The short name by which runbooks list it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongImage { .. } => "wrong-image",
            Self::GuardLow { .. } => "guard-low",
            Self::GuardHigh { .. } => "guard-high",
            Self::StackOverflow { .. } => "stack-overflow",
            Self::Fault { .. } => "fault",
            Self::Panic { .. } => "panic",
            Self::Protocol { .. } => "protocol",
            Self::Garbage { .. } => "garbage",
            Self::OutOfOrder { .. } => "out-of-order",
            Self::Reset { .. } => "reset",
            Self::Silent { .. } => "silent",
            Self::Truncated { .. } => "truncated",
            Self::TimedOut { .. } => "time-out",
        }
    }

    /// The operator that was running, where the target could tell.
    pub fn operator(&self) -> Option<usize> {
        match self {
            Self::GuardLow { operator }
            | Self::GuardHigh { operator }
            | Self::StackOverflow { operator }
            | Self::Fault { operator, .. }
            | Self::Panic { operator, .. } => *operator,
            _ => None,
        }
    }

    /// Whether the machine failed rather than the product.
    pub fn is_infrastructure(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            // The process that runs the target gave up by itself, before the target had its first word.
            Self::Silent { code: Some(code), diagnostics } => *code != 0 && !diagnostics.is_empty(),
            _ => false,
        }
    }

    /// The signature of an `error` line, without that word; `None` where it is not one.
    pub(super) fn from_error_line(text: &str) -> Option<Self> {
        let (code, rest) = text.split_once(' ')?;
        let field = |name: &str| rest.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let operator = || field("operator").and_then(|word| word.parse().ok());
        let hex = |name: &str| u32::from_str_radix(field(name)?, 16).ok();
        Some(match code {
            "wrong-image" => Self::WrongImage { have: field("have")?.into(), want: field("want")?.into() },
            "guard-low" => Self::GuardLow { operator: operator() },
            "guard-high" => Self::GuardHigh { operator: operator() },
            "stack-overflow" => Self::StackOverflow { operator: operator() },
            "fault" => Self::Fault {
                operator: operator(),
                pc: hex("pc")?,
                lr: hex("lr")?,
                cfsr: hex("cfsr")?,
                hfsr: hex("hfsr")?,
                address: hex("address"),
            },
            "panic" => Self::Panic { operator: operator(), message: rest.split_once(' ')?.1.into() },
            "protocol" => Self::Protocol { message: rest.into() },
            _ => return None,
        })
    }
}

fn during(operator: Option<usize>) -> String {
    operator.map_or_else(|| "the uninterrupted run or between operators".into(), |index| format!("op:{index}"))
}

fn accessing(address: Option<u32>) -> String {
    address.map_or_else(String::new, |address| format!(", accessing {address:#010x}"))
}

fn code_text(code: Option<i32>) -> String {
    code.map_or_else(|| "none, a signal".into(), |code| code.to_string())
}

fn hint(diagnostics: &str) -> String {
    match diagnostics {
        "" => "check that the image is built for this board".into(),
        text => format!("its runner said `{text}`"),
    }
}

/// The first cause that the fault status registers name (ARMv7-M Architecture Reference Manual, B3.2.15 and B3.2.16).
fn fault_cause(cfsr: u32, hfsr: u32) -> &'static str {
    const CAUSES: [(u32, &str); 14] = [
        (0, "instruction fetch from forbidden memory"),
        (1, "data access to forbidden memory"),
        (4, "forbidden memory while stacking for an exception"),
        (5, "forbidden memory while saving floating-point state"),
        (8, "bus error on an instruction fetch"),
        (9, "bus error on a data access"),
        (10, "bus error on an earlier data access"),
        (12, "bus error while stacking for an exception"),
        (13, "bus error while saving floating-point state"),
        (16, "undefined instruction"),
        (17, "invalid execution state"),
        (19, "coprocessor or floating-point unit switched off"),
        (24, "unaligned access"),
        (25, "division by zero"),
    ];
    match CAUSES.iter().find(|(bit, _)| cfsr >> bit & 1 == 1) {
        Some((_, cause)) => cause,
        None if hfsr >> 1 & 1 == 1 => "bus error on a vector table read",
        None => "fault of unknown cause",
    }
}
