//! The line protocol between a host and the harness, version 4.
//!
//! A session is a text that a host writes in one go and a transcript that comes back; nothing waits for an answer, so a
//! session is played with `qemu-system-arm … < session.txt`. Both are lines of printable ASCII, each ended by ` *` and eight
//! hexadecimal digits, the 32-bit FNV-1a of everything before the space, and a newline. `HEX` is two digits a byte.
//!
//! | the host says | the harness answers |
//! |---|---|
//! | (after each reset) | `boot 4 DIGEST`: protocol version and the image's build digest |
//! | `hello DIGEST` | `ready inputs=N outputs=N operators=N hops=N arena=BYTES services=BYTES clock=CLOCK`, `startup T M`, or `error wrong-image …` |
//! | `load TIMER PERIOD CYCLES BUSY STACK PRIORITY` | nothing: from now on this timer interrupts each PERIOD of its ticks, which are CYCLES of the core, for BUSY cycles and with STACK bytes of stack; every `hop` and `invoke` begins at another phase of it, on top of STACK bytes of stack, and before each run all of the services' memory is looked after |
//! | `cold` | nothing: begins the first run after reset, with the arena as the reset left it, and the guards; SEED is 0 |
//! | `poison SEED FILL` | nothing: fills the arena, resets the model's state and renews the guards. FILL is `00` or `ff` for such bytes, or `noise` for that of the 32-bit number SEED |
//! | `continue` | nothing: the next run follows the last one, with the state that it left |
//! | `samples OFFSET HEX` | nothing: places bytes of the next hop of a stream; offsets in order, without gaps |
//! | `step-hop` | nothing: runs the hop operator by operator, and adds what each has written to its digest |
//! | `hop` | `hop H due=D ticks=T stack=BYTES interrupts=N`: runs the hop, which is the run's H-th from 0; D is 1 where an inference is due, else 0 |
//! | `digests` | for each operator of a hop `op I DIGEST T` of what it has written in the run's hops so far and the most ticks that it took, `done` |
//! | `input N OFFSET HEX` | nothing: places bytes of input N; inputs and offsets in order, without gaps |
//! | `step VECTOR` | `step SEED VECTOR`, for each operator of a hop, then after each other operator `op I DIGEST T` (64-bit FNV-1a of its output tensors, its ticks), `output N OFFSET HEX` …, `arena BYTES`, `done` |
//! | `invoke VECTOR` | `invoke SEED VECTOR`, `output N OFFSET HEX` …, `ticks T`, `stack BYTES`, `interrupts N`, `arena BYTES`, `done` |
//! | `dump I` | `dump I`, `tensor OFFSET HEX` … of the output of operator I, taken right after it, `done` |
//! | `bye` | `stack-total BYTES`, `bye`; the harness ends with exit code 0 |
//!
//! `hello` comes first. A run is `cold`, `poison` or `continue`, where there is a stream as many hops as `ready` says, every `input` in
//! full, then one of `step`, `invoke`, `dump`;
//! operators reuse the inputs' memory, so inputs are sent again for each run. `continue` follows a `step` or `invoke`, and
//! SEED stays that of the last `cold` or `poison`; in a model without state the two give the same outputs. `invoke` runs the model uninterrupted, as an app does, and counts
//! its ticks and its own stack. VECTOR is the host's name for what it has sent, a number; it may be left out, and is `none` then.
//!
//! A hop is its `samples` in full, then `step-hop` or `hop`, which does for it what `invoke` does for an inference. Before `step`
//! all hops of the run are stepped, before `invoke` none is. Where the first operator of a hop has no frame, the others do not
//! run. Operators of a hop have the indices behind all others; `dump` of one of them comes right after the samples of the hop
//! that is asked for, and answers with no `tensor` where it did not run.
//!
//! `startup` is what the start took: T ticks from reset to where the first run could begin, of which M put the model's state to its
//! beginning; the rest is memory. What the harness says and hears in between is not counted. `services` is the memory that is left to
//! other firmware and looked after, in whole pieces.
//!
//! `arena` is the end of the highest byte touched. A value that a platform cannot measure is
//! `none`. `CLOCK` is what a tick is: the core clock in Hz or a range of it, `instructions` on an emulator that counts
//! those, `none` where there are no ticks, `unknown`. It is the board file's: nothing in the image sets up another clock.
//!
//! Anything unexpected ends the session with `error CODE …` and exit code 1:
//!
//! | code | meaning |
//! |---|---|
//! | `wrong-image` | the image carries another build digest than `hello` named |
//! | `guard-low`, `guard-high` | something wrote before or after the arena; `operator=I`, or `none` during `invoke` |
//! | `stack-overflow` | the stack reached its end |
//! | `services-damaged` | the memory of other firmware was overwritten while a load was on; `operator=I`, or `none` |
//! | `interrupt` | an interrupt came that nobody asked for: `line=N`; `operator=I` |
//! | `interrupt-storm` | interrupts of a load leave no time: `line=N`; `operator=I` |
//! | `fault` | the processor took a fault: `operator=I pc= lr= cfsr= hfsr= address=` in hexadecimal |
//! | `protocol` | a line was damaged, unknown or out of order |
//! | `panic` | Rust code panicked: `operator=I`, place and message |

use core::fmt::{self, Write};

use crate::arena::{Damage, Fill};
use crate::load::Load;

/// Version of the protocol, which `boot` names.
pub const VERSION: u32 = 4;

/// Bytes of a tensor in one line, at most.
pub const CHUNK_BYTES: usize = 256;

/// What the host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'l> {
    /// Start, if the image is the one named.
    Hello {
        /// The digest of the build that the host expects.
        digest: &'l str,
    },
    /// Put a load on.
    Load(Load),
    /// Begin the first run after reset.
    Cold,
    /// Begin a run.
    Poison {
        /// What the run is known by.
        seed: u32,
        /// What the arena is filled with.
        fill: Fill,
    },
    /// Begin a run with the state that the last one left.
    Continue,
    /// Place a part of a hop.
    Samples {
        /// First byte, counted from the hop's start.
        offset: usize,
        /// The bytes, two digits each.
        hex: &'l [u8],
    },
    /// Run a hop operator by operator.
    StepHop,
    /// Run a hop uninterrupted.
    Hop,
    /// Send the digests of a hop's operators.
    Digests,
    /// Place a part of an input.
    Input {
        /// Which input.
        index: usize,
        /// First byte, counted from the input's start.
        offset: usize,
        /// The bytes, two digits each.
        hex: &'l [u8],
    },
    /// Run operator by operator.
    Step {
        /// What the host calls the inputs.
        vector: Option<u32>,
    },
    /// Run uninterrupted.
    Invoke {
        /// What the host calls the inputs.
        vector: Option<u32>,
    },
    /// Run to an operator and send its output.
    Dump {
        /// Which operator.
        operator: usize,
    },
    /// Provoke a failure.
    #[cfg(feature = "faults")]
    Fault {
        /// Which one.
        kind: &'l str,
    },
    /// End.
    Bye,
}

impl<'l> Command<'l> {
    /// Reads a line's text, its check word removed.
    pub fn parse(text: &'l str) -> Result<Self, Failure<'l>> {
        let mut words = text.split(' ');
        let command = match words.next() {
            Some("hello") => Self::Hello { digest: words.next().ok_or(Failure::Protocol("`hello` without digest"))? },
            Some("cold") => Self::Cold,
            Some("poison") => {
                let seed = number(words.next())?;
                Self::Poison { seed, fill: fill(words.next(), seed)? }
            }
            Some("load") => Self::Load(Load {
                timer: number(words.next())?,
                period: number(words.next())?,
                cycles: number(words.next())?,
                busy: number(words.next())?,
                stack: number(words.next())?,
                priority: number(words.next())?,
            }),
            Some("continue") => Self::Continue,
            Some("samples") => Self::Samples { offset: number(words.next())?, hex: bytes(words.next())? },
            Some("step-hop") => Self::StepHop,
            Some("hop") => Self::Hop,
            Some("digests") => Self::Digests,
            Some("input") => {
                Self::Input { index: number(words.next())?, offset: number(words.next())?, hex: bytes(words.next())? }
            }
            Some("step") => Self::Step { vector: words.next().map(|word| number(Some(word))).transpose()? },
            Some("invoke") => Self::Invoke { vector: words.next().map(|word| number(Some(word))).transpose()? },
            Some("dump") => Self::Dump { operator: number(words.next())? },
            #[cfg(feature = "faults")]
            Some("fault") => Self::Fault { kind: words.next().ok_or(Failure::Protocol("`fault` without kind"))? },
            Some("bye") => Self::Bye,
            _ => return Err(Failure::Protocol("unknown command")),
        };
        match words.next() {
            None => Ok(command),
            Some(_) => Err(Failure::Protocol("more words than the command takes")),
        }
    }
}

/// A decimal number.
fn number<'l, T: core::str::FromStr>(word: Option<&str>) -> Result<T, Failure<'l>> {
    word.and_then(|word| word.parse().ok()).ok_or(Failure::Protocol("a number was expected"))
}

/// What an arena is filled with.
fn fill<'l>(word: Option<&str>, seed: u32) -> Result<Fill, Failure<'l>> {
    match word {
        Some("00") => Ok(Fill::Zeros),
        Some("ff") => Ok(Fill::Ones),
        Some("noise") => Ok(Fill::Noise(seed)),
        _ => Err(Failure::Protocol("`00`, `ff` or `noise` was expected")),
    }
}

/// Hexadecimal digits.
fn bytes<'l>(word: Option<&'l str>) -> Result<&'l [u8], Failure<'l>> {
    word.map(str::as_bytes).ok_or(Failure::Protocol("bytes were expected"))
}

/// Why a session ended early; its `Display` is what follows `error `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure<'l> {
    /// Another image was expected.
    WrongImage {
        /// The digest that the host named.
        want: &'l str,
    },
    /// A guard beside the arena was overwritten.
    Guard {
        /// Which end.
        damage: Damage,
        /// The operator that did it, where known.
        operator: Option<usize>,
    },
    /// The stack reached its end.
    StackOverflow {
        /// The operator that was running, where known.
        operator: Option<usize>,
    },
    /// Memory that belongs to other firmware was overwritten.
    Services {
        /// The operator that was running, where known.
        operator: Option<usize>,
    },
    /// A line was damaged, unknown or out of order.
    Protocol(&'static str),
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::WrongImage { want } => write!(f, "wrong-image have={} want={want}", model::DIGEST),
            Self::Guard { damage: Damage::Low, operator } => write!(f, "guard-low operator={}", OrNone(operator)),
            Self::Guard { damage: Damage::High, operator } => write!(f, "guard-high operator={}", OrNone(operator)),
            Self::StackOverflow { operator } => write!(f, "stack-overflow operator={}", OrNone(operator)),
            Self::Services { operator } => write!(f, "services-damaged operator={}", OrNone(operator)),
            Self::Protocol(what) => write!(f, "protocol {what}"),
        }
    }
}

/// A value, or the word `none`.
pub struct OrNone<T>(pub Option<T>);

impl<T: fmt::Display> fmt::Display for OrNone<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// Hexadecimal digits, in ASCII.
pub(crate) const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Bytes as hexadecimal digits.
pub struct Hex<'a>(pub &'a [i8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().map(|byte| usize::from(byte.cast_unsigned())).try_for_each(|byte| {
            f.write_char(DIGITS[byte >> 4].into())?;
            f.write_char(DIGITS[byte & 15].into())
        })
    }
}

/// Fills `bytes` from hexadecimal digits, two a byte.
pub fn decode(hex: &[u8], bytes: &mut [i8]) -> Result<(), Failure<'static>> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(Failure::Protocol("a hexadecimal digit was expected")),
    };
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?).cast_signed();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(Command::parse("hello 00ff"), Ok(Command::Hello { digest: "00ff" }));
        let poisons = [("00", Fill::Zeros), ("ff", Fill::Ones), ("noise", Fill::Noise(u32::MAX))];
        for (word, fill) in poisons {
            let line = format!("poison 4294967295 {word}");
            assert_eq!(Command::parse(&line), Ok(Command::Poison { seed: u32::MAX, fill }));
        }
        assert_eq!(["cold", "continue"].map(Command::parse), [Ok(Command::Cold), Ok(Command::Continue)]);
        assert_eq!(Command::parse("step"), Ok(Command::Step { vector: None }));
        assert_eq!(Command::parse("invoke 7"), Ok(Command::Invoke { vector: Some(7) }));
        assert_eq!(Command::parse("input 0 256 7f80"), Ok(Command::Input { index: 0, offset: 256, hex: b"7f80" }));
        assert_eq!(Command::parse("samples 2 7f80"), Ok(Command::Samples { offset: 2, hex: b"7f80" }));
        assert_eq!(["step-hop", "hop"].map(Command::parse), [Ok(Command::StepHop), Ok(Command::Hop)]);
        assert_eq!(Command::parse("dump 3"), Ok(Command::Dump { operator: 3 }));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for text in [
            "",
            "hullo",
            "hello",
            "poison",
            "poison -1 00",
            "poison 1",
            "poison 1 01",
            "cold 1",
            "input 0 0",
            "samples 0",
            "samples x 00",
            "hop 1",
            "step now",
            "invoke 1 2",
            "dump x",
        ] {
            assert!(matches!(Command::parse(text), Err(Failure::Protocol(_))), "`{text}`");
        }
    }

    #[test]
    fn hexadecimal_goes_both_ways() {
        let bytes = [0, 1, 127, -128, -1];
        let text = format!("{}", Hex(&bytes));
        assert_eq!(text, "00017f80ff");
        let mut read = [0; 5];
        decode(text.as_bytes(), &mut read).unwrap();
        assert_eq!(read, bytes);
        assert!(decode(b"0G", &mut read).is_err());
    }
}
