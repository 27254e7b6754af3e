//! A session from `boot` to `bye`: reads commands and has the bench carry them out.

use model::{ARENA_BYTES, DIGEST, INPUTS, OPERATORS, OUTPUTS};

use crate::arena::GuardedArena;
use crate::bench::{Bench, Platform};
use crate::protocol::{Command, Failure, VERSION};
use crate::transport::{LineBuffer, LineReader, Port, Replies};

/// The memory of a session beside the arena; static in firmware, so that it is not counted as stack.
#[derive(Default)]
pub struct Buffers {
    lines: LineReader,
    reply: LineBuffer,
}

impl Buffers {
    /// Empty buffers.
    pub const fn new() -> Self {
        Self { lines: LineReader::new(), reply: LineBuffer::new() }
    }
}

/// Plays the session that `port` delivers. Gives the exit code: 0 after `bye`, 1 after an error, which has been sent.
pub fn serve(
    port: &mut impl Port,
    platform: &mut impl Platform,
    buffers: &mut Buffers,
    arena: &mut GuardedArena,
) -> i32 {
    let Buffers { lines, reply } = buffers;
    reply.send(port, format_args!("boot {VERSION} {DIGEST}"));
    let mut bench = Bench::new(arena, platform);
    let mut greeted = false;
    loop {
        let answered = match lines.next(port) {
            Ok(text) => answer(text, &mut greeted, &mut bench, &mut Replies { port, line: reply }),
            Err(failure) => Err(failure),
        };
        match answered {
            Ok(true) => {}
            Ok(false) => return 0,
            Err(failure) => {
                reply.send(port, format_args!("error {failure}"));
                return 1;
            }
        }
    }
}

/// Carries out one command; `false` after the last one.
fn answer<'l, L: Platform>(
    text: &'l str,
    greeted: &mut bool,
    bench: &mut Bench<'_, L>,
    replies: &mut Replies<'_, impl Port>,
) -> Result<bool, Failure<'l>> {
    match Command::parse(text)? {
        Command::Hello { digest } if digest == DIGEST => {
            *greeted = true;
            let (inputs, outputs, operators) = (INPUTS.len(), OUTPUTS.len(), OPERATORS.len());
            replies.send(format_args!(
                "ready inputs={inputs} outputs={outputs} operators={operators} arena={ARENA_BYTES}"
            ));
        }
        Command::Hello { digest } => return Err(Failure::WrongImage { want: digest }),
        _ if !*greeted => return Err(Failure::Protocol("a session begins with `hello`")),
        Command::Poison { seed } => bench.poison(seed),
        Command::Input { index, offset, hex } => bench.place(index, offset, hex)?,
        Command::Step => bench.step(replies)?,
        Command::Invoke => bench.invoke(replies)?,
        Command::Dump { operator } => bench.dump(operator, replies)?,
        #[cfg(feature = "faults")]
        Command::Fault { kind } => bench.fault(kind)?,
        Command::Bye => {
            bench.report_stack(replies);
            replies.send(format_args!("bye"));
            return Ok(false);
        }
    }
    Ok(true)
}
