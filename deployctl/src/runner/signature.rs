//! Failure signatures: the ways in which a target fails to give a measurement, and the facts that each comes with.
//!
//! Knows the codes of the harness's `error` lines; what people are told about a code is in `guide`, how a transcript is
//! read is `transcript`'s business.

use std::fmt;

use super::decode::Names;
use super::guide::{self, Guide};

/// One way in which a target fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// The image was built from something else.
    WrongImage {
        /// Digest in the image.
        have: String,
        /// Digest of the build.
        want: String,
    },
    /// The guard before the arena was overwritten.
    GuardLow {
        /// The operator, where it ran alone.
        operator: Option<usize>,
    },
    /// The guard after the arena was overwritten.
    GuardHigh {
        /// The operator, where it ran alone.
        operator: Option<usize>,
    },
    /// The stack reached its end.
    StackOverflow {
        /// The operator, where known.
        operator: Option<usize>,
    },
    /// Memory that is left to other firmware was overwritten while the services' timers interrupted.
    ServicesDamaged {
        /// The operator, where it ran alone.
        operator: Option<usize>,
    },
    /// An interrupt came that nobody asked for.
    Interrupt {
        /// Its line, counted from the first that is not the core's own.
        line: i16,
        /// The operator, where known.
        operator: Option<usize>,
    },
    /// Interrupts of a load leave the model no time.
    InterruptStorm {
        /// The line of the last one, counted from the first that is not the core's own.
        line: i16,
        /// The operator, where known.
        operator: Option<usize>,
    },
    /// The processor took a fault.
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
    Panic {
        /// The operator, where known.
        operator: Option<usize>,
        /// Place and message.
        message: String,
    },
    /// The harness did not understand the session.
    Protocol {
        /// The harness's words.
        message: String,
    },
    /// An operator, or the model, computes something else than the host reference.
    Mismatch {
        /// The first such operator; absent where all agree and an output does not.
        operator: Option<usize>,
        /// What the target said.
        found: String,
        /// What it should have said.
        wanted: String,
    },
    /// The target sent something that no harness sends.
    Garbage {
        /// Line of the transcript, from 1.
        line: usize,
        /// Its beginning, printable.
        text: String,
    },
    /// A valid line at a place where another belongs.
    OutOfOrder {
        /// Line of the transcript, from 1.
        line: usize,
        /// Its text.
        text: String,
        /// What belongs there.
        expected: String,
    },
    /// The target restarted within the session.
    Reset {
        /// Line of the transcript, from 1.
        line: usize,
        /// The last line before.
        after: String,
    },
    /// The target ended without having said anything.
    Silent {
        /// Exit code of the process that ran it.
        code: Option<i32>,
        /// First line of that process's diagnostics.
        diagnostics: String,
    },
    /// The target ended before `bye`.
    Died {
        /// Exit code of the process that ran it.
        code: Option<i32>,
        /// The last whole line.
        after: String,
        /// First line of that process's diagnostics.
        diagnostics: String,
    },
    /// The time limit passed.
    TimedOut {
        /// The last whole line, empty if there was none.
        after: String,
    },
}

impl Signature {
    /// The short name by which runbooks list it.
    pub fn code(&self) -> &'static str {
        self.guide().code
    }

    /// What people are told about it.
    pub fn guide(&self) -> Guide {
        match self {
            Self::WrongImage { .. } => guide::WRONG_IMAGE,
            Self::GuardLow { .. } => guide::GUARD_LOW,
            Self::GuardHigh { .. } => guide::GUARD_HIGH,
            Self::StackOverflow { .. } => guide::STACK_OVERFLOW,
            Self::ServicesDamaged { .. } => guide::SERVICES_DAMAGED,
            Self::Interrupt { .. } => guide::INTERRUPT,
            Self::InterruptStorm { .. } => guide::INTERRUPT_STORM,
            Self::Fault { .. } => guide::FAULT,
            Self::Panic { .. } => guide::PANIC,
            Self::Protocol { .. } => guide::PROTOCOL,
            Self::Mismatch { .. } => guide::MISMATCH,
            Self::Garbage { .. } => guide::GARBAGE,
            Self::OutOfOrder { .. } => guide::OUT_OF_ORDER,
            Self::Reset { .. } => guide::RESET,
            Self::Silent { .. } => guide::SILENT,
            Self::Died { .. } => guide::DIED,
            Self::TimedOut { .. } => guide::TIME_OUT,
        }
    }

    /// The operator that was running, where the target could tell.
    pub fn operator(&self) -> Option<usize> {
        match self {
            Self::GuardLow { operator }
            | Self::GuardHigh { operator }
            | Self::StackOverflow { operator }
            | Self::ServicesDamaged { operator }
            | Self::Interrupt { operator, .. }
            | Self::InterruptStorm { operator, .. }
            | Self::Fault { operator, .. }
            | Self::Mismatch { operator, .. }
            | Self::Panic { operator, .. } => *operator,
            _ => None,
        }
    }

    /// What it says, with operators and addresses under their names.
    pub fn named<N: Names>(&self, names: N) -> Named<'_, N> {
        Named { signature: self, names }
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
    pub fn from_error_line(text: &str) -> Option<Self> {
        let (code, rest) = text.split_once(' ')?;
        let field = |name: &str| rest.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let operator = || field("operator").and_then(|word| word.parse().ok());
        let hex = |name: &str| u32::from_str_radix(field(name)?, 16).ok();
        Some(match code {
            "wrong-image" => Self::WrongImage { have: field("have")?.into(), want: field("want")?.into() },
            "guard-low" => Self::GuardLow { operator: operator() },
            "guard-high" => Self::GuardHigh { operator: operator() },
            "stack-overflow" => Self::StackOverflow { operator: operator() },
            "services-damaged" => Self::ServicesDamaged { operator: operator() },
            "interrupt" => Self::Interrupt { line: field("line")?.parse().ok()?, operator: operator() },
            "interrupt-storm" => Self::InterruptStorm { line: field("line")?.parse().ok()?, operator: operator() },
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

/// The code, this failure's own facts, and the next step.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.named(|index: usize| format!("op:{index}")).fmt(f)
    }
}

/// A failure, with the names that its numbers have for people.
pub struct Named<'a, N> {
    signature: &'a Signature,
    names: N,
}

impl<N: Names> Named<'_, N> {
    /// When it happened.
    fn during(&self) -> String {
        let during = self.signature.operator().map(|index| self.names.operator(index));
        during.unwrap_or_else(|| "the uninterrupted run or between operators".to_owned())
    }

    /// A place in the code, with its name where it has one.
    fn code(&self, address: u32) -> String {
        let name = self.names.code(address).map_or_else(String::new, |name| format!(" in {name}"));
        format!("{address:#010x}{name}")
    }
}

impl<N: Names> fmt::Display for Named<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (signature, during) = (self.signature, self.during());
        write!(f, "{}: ", signature.code())?;
        match signature {
            Signature::WrongImage { have, want } => {
                write!(f, "the image carries build `{have}`, the session is for `{want}`")
            }
            Signature::GuardLow { .. } | Signature::GuardHigh { .. } | Signature::ServicesDamaged { .. } => {
                write!(f, "{} during {during}", signature.guide().meaning)
            }
            Signature::StackOverflow { .. } => {
                write!(f, "the stack reached the end of its memory during {during}")
            }
            Signature::Interrupt { line, .. } => write!(f, "interrupt line {line} during {during}"),
            Signature::InterruptStorm { line, .. } => {
                write!(f, "interrupt line {line} comes again before its handler has ended, during {during}")
            }
            Signature::Fault { pc, lr, cfsr, hfsr, address, .. } => {
                write!(f, "{} during {during}, at pc {}", fault_cause(*cfsr, *hfsr), self.code(*pc))?;
                if let Some(address) = address {
                    let what = self.names.data(*address, signature.operator());
                    write!(
                        f,
                        ", accessing {address:#010x}{}",
                        what.map_or_else(String::new, |what| format!(", {what}"))
                    )?;
                }
                write!(f, " (lr {}, cfsr {cfsr:#010x}, hfsr {hfsr:#010x})", self.code(*lr))
            }
            Signature::Panic { message, .. } => write!(f, "`{message}` during {during}"),
            Signature::Protocol { message } => write!(f, "the harness refused the session: {message}"),
            Signature::Mismatch { operator: Some(_), found, wanted } => {
                write!(
                    f,
                    "{during} is the first to give another tensor than the host reference: digest `{found}`, not `{wanted}`"
                )
            }
            Signature::Mismatch { operator: None, found, wanted } => {
                write!(
                    f,
                    "an output is `{found}`, not `{wanted}` as the host reference's, though every operator agrees"
                )
            }
            Signature::Garbage { line, text } => {
                write!(f, "line {line} of the transcript is not the harness's: `{text}`")
            }
            Signature::OutOfOrder { line, text, expected } => {
                write!(f, "line {line} of the transcript is `{text}`, where {expected} belongs")
            }
            Signature::Reset { line, after } => {
                write!(f, "the target restarted at line {line} of the transcript, after `{after}`")
            }
            Signature::Silent { code, diagnostics } => {
                write!(f, "the target ended without a line, {}{}", Exit(*code), Said(diagnostics))
            }
            Signature::Died { code, after, diagnostics } => {
                write!(f, "the transcript ends after `{after}`, {}{}", Exit(*code), Said(diagnostics))
            }
            Signature::TimedOut { after } if after.is_empty() => {
                f.write_str("no end within the time limit, and not one line")
            }
            Signature::TimedOut { after } => write!(f, "no end within the time limit; the last line was `{after}`"),
        }?;
        write!(f, "; {}", signature.guide().fix)
    }
}

impl std::error::Error for Signature {}

/// How the process that ran the target ended.
struct Exit(Option<i32>);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, "exit code {code}"),
            None => f.write_str("ended by a signal"),
        }
    }
}

/// What the process that ran the target had to say.
struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", and its runner said `{}`", self.0) }
    }
}

/// The first cause that the fault status registers name (ARMv7-M Architecture Reference Manual, B3.2.15 and B3.2.16).
fn fault_cause(cfsr: u32, hfsr: u32) -> &'static str {
    const CAUSES: [(u32, &str); 15] = [
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
        (20, "stack pointer below its limit"),
        (24, "unaligned access"),
        (25, "division by zero"),
    ];
    match CAUSES.iter().find(|(bit, _)| cfsr >> bit & 1 == 1) {
        Some((_, cause)) => cause,
        None if hfsr >> 1 & 1 == 1 => "bus error on a vector table read",
        None => "fault of unknown cause",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guide::guide;

    /// One of each, as the harness and its runners give them.
    fn all() -> Vec<Signature> {
        let lines = [
            "wrong-image have=11 want=22",
            "guard-low operator=3",
            "guard-high operator=none",
            "stack-overflow operator=2",
            "services-damaged operator=none",
            "interrupt line=5 operator=1",
            "interrupt-storm line=8 operator=none",
            "fault operator=1 pc=0000040a lr=000003ff cfsr=00010000 hfsr=40000000 address=none",
            "panic operator=none panicked at harness/src/bench.rs:140:25: provoked",
            "protocol a line's check word is wrong",
        ];
        let mut all: Vec<_> = lines.iter().map(|line| Signature::from_error_line(line).unwrap()).collect();
        all.push(Signature::Mismatch { operator: Some(2), found: "00aa".into(), wanted: "00bb".into() });
        all.push(Signature::Mismatch { operator: None, found: "7f".into(), wanted: "80".into() });
        all.push(Signature::Garbage { line: 3, text: "U-Boot".into() });
        all.push(Signature::OutOfOrder { line: 4, text: "op 1".into(), expected: "`op 0 DIGEST`".into() });
        all.push(Signature::Reset { line: 5, after: "op 3".into() });
        all.push(Signature::Silent { code: Some(1), diagnostics: "could not load kernel".into() });
        all.push(Signature::Died { code: None, after: "op 3".into(), diagnostics: String::new() });
        all.push(Signature::TimedOut { after: String::new() });
        all
    }

    #[test]
    fn messages_begin_with_their_code_and_end_with_the_next_step() {
        let texts: Vec<String> = all().iter().map(ToString::to_string).collect();
        for (signature, text) in all().iter().zip(&texts) {
            assert!(text.starts_with(signature.code()) && text.ends_with(signature.guide().fix), "{text}");
            assert_eq!(guide(signature.code()), Some(&signature.guide()));
        }
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn what_is_no_error_line_is_not_taken_for_one() {
        for line in ["", "guard-low", "fault operator=1 pc=zz lr=0 cfsr=0 hfsr=0", "fire operator=1"] {
            assert_eq!(Signature::from_error_line(line), None, "{line}");
        }
    }
}
