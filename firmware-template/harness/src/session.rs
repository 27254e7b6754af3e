//! A session from `boot` to `bye`: reads commands and has the bench carry them out.

use model::{ARENA_BYTES, DIGEST, HOP, INPUTS, OPERATORS, OUTPUTS};

use crate::arena::GuardedArena;
use crate::bench::{Bench, Platform, Startup};
use crate::board::CLOCK;
use crate::protocol::{Command, Failure, OrNone, VERSION};
use crate::stream::Hops;
use crate::transport::{LineBuffer, LineReader, Port, Replies};

/// The memory of a session beside the arena; static in firmware, so that it is not counted as stack.
#[derive(Default)]
pub struct Buffers {
    lines: LineReader,
    reply: LineBuffer,
    hops: Hops,
}

impl Buffers {
    /// Empty buffers.
    pub const fn new() -> Self {
        Self { lines: LineReader::new(), reply: LineBuffer::new(), hops: Hops::new() }
    }
}

/// Plays the session that `port` delivers. Gives the exit code: 0 after `bye`, 1 after an error, which has been sent.
pub fn serve(
    port: &mut impl Port,
    platform: &mut impl Platform,
    buffers: &mut Buffers,
    arena: &mut GuardedArena,
) -> i32 {
    let Buffers { lines, reply, hops } = buffers;
    reply.send(port, format_args!("boot {VERSION} {DIGEST}"));
    let mut bench = Bench::new(arena, platform, hops);
    let mut greeting = Greeting { startup: bench.start(), sent: false };
    loop {
        let answered = match lines.next(port) {
            Ok(text) => answer(text, &mut greeting, &mut bench, &mut Replies { port, line: reply }),
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

/// What the session begins with.
struct Greeting {
    startup: Option<Startup>,
    /// Whether it has been asked for.
    sent: bool,
}

impl Greeting {
    /// Says what the image is and what its start took.
    fn send<L: Platform>(&mut self, bench: &Bench<'_, L>, replies: &mut Replies<'_, impl Port>) {
        self.sent = true;
        let (inputs, outputs, operators) = (INPUTS.len(), OUTPUTS.len(), OPERATORS.len());
        let (hops, services) = (HOP.map_or(0, |hop| hop.total), bench.services_bytes());
        replies.send(format_args!(
            "ready inputs={inputs} outputs={outputs} operators={operators} hops={hops} arena={ARENA_BYTES} services={services} clock={CLOCK}"
        ));
        let (ticks, model) = (self.startup.map(|start| start.ticks), self.startup.map(|start| start.model));
        replies.send(format_args!("startup {} {}", OrNone(ticks), OrNone(model)));
    }
}

/// Carries out one command; `false` after the last one.
fn answer<'l, L: Platform>(
    text: &'l str,
    greeting: &mut Greeting,
    bench: &mut Bench<'_, L>,
    replies: &mut Replies<'_, impl Port>,
) -> Result<bool, Failure<'l>> {
    match Command::parse(text)? {
        Command::Hello { digest } if digest == DIGEST => greeting.send(bench, replies),
        Command::Hello { digest } => return Err(Failure::WrongImage { want: digest }),
        _ if !greeting.sent => return Err(Failure::Protocol("a session begins with `hello`")),
        Command::Load(load) => bench.load(load)?,
        Command::Cold => bench.cold()?,
        Command::Poison { seed, fill } => bench.poison(seed, fill),
        Command::Continue => bench.proceed()?,
        Command::Samples { offset, hex } => bench.samples(offset, hex)?,
        Command::StepHop => bench.step_hop()?,
        Command::Hop => bench.hop(replies)?,
        Command::Digests => bench.digests(replies)?,
        Command::Input { index, offset, hex } => bench.place(index, offset, hex)?,
        Command::Step { vector } => bench.step(vector, replies)?,
        Command::Invoke { vector } => bench.invoke(vector, replies)?,
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

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::format;
    use std::string::{String, ToString};
    use std::vec::Vec;

    use super::*;
    use crate::bench::Cost;
    use crate::digest;
    use crate::load::Load;

    /// A port that delivers a text and keeps what comes back.
    struct Played {
        script: Vec<u8>,
        transcript: Vec<u8>,
    }

    impl Port for Played {
        fn read(&mut self, buffer: &mut [u8]) -> usize {
            let count = buffer.len().min(self.script.len());
            buffer[..count].copy_from_slice(&self.script[..count]);
            self.script.drain(..count);
            count
        }

        fn write(&mut self, bytes: &[u8]) {
            self.transcript.extend_from_slice(bytes);
        }
    }

    /// A machine that measures ready-made values, and overflows its stack on demand.
    #[derive(Default)]
    struct Machine {
        overflowed: bool,
        damaged: bool,
        loaded: bool,
        turns: usize,
    }

    impl Platform for Machine {
        fn start(&mut self, work: &mut dyn FnMut()) -> Option<Startup> {
            work();
            Some(Startup { ticks: 300, model: 4 })
        }

        fn serve_others(&mut self) {
            self.turns += 1;
        }

        fn services_bytes(&self) -> usize {
            64
        }

        fn measure(&mut self, work: &mut dyn FnMut()) -> Cost {
            work();
            Cost { ticks: Some(17), stack: None, interrupts: self.loaded.then_some(2) }
        }

        fn count(&mut self, work: &mut dyn FnMut()) -> Option<u64> {
            work();
            Some(5)
        }

        fn load(&mut self, load: Load) -> bool {
            self.loaded = load.timer == 0;
            self.loaded
        }

        fn services_damaged(&self) -> bool {
            self.damaged
        }

        fn stack_total(&mut self) -> Option<usize> {
            Some(99)
        }

        fn stack_overflowed(&self) -> bool {
            self.overflowed
        }

        #[cfg(feature = "faults")]
        fn provoke(&mut self, _: &str) -> bool {
            false
        }
    }

    /// Plays lines; gives the exit code and the answers without check words.
    fn play_on(machine: &mut Machine, lines: &[String]) -> (i32, Vec<String>) {
        let mut script = Played { script: Vec::new(), transcript: Vec::new() };
        lines.iter().for_each(|line| LineBuffer::new().send(&mut script, format_args!("{line}")));
        let mut port = Played { script: script.transcript, transcript: Vec::new() };
        let code = serve(&mut port, machine, &mut Buffers::new(), &mut Box::new(GuardedArena::new()));
        let transcript = String::from_utf8(port.transcript).unwrap();
        (code, transcript.lines().map(|line| line.rsplit_once(" *").unwrap().0.to_string()).collect())
    }

    fn play(lines: &[String]) -> (i32, Vec<String>) {
        play_on(&mut Machine::default(), lines)
    }

    fn hello() -> String {
        format!("hello {DIGEST}")
    }

    /// A run on inputs that are all `byte`, whatever the model's inputs are.
    fn run(verb: &str, seed: u32, byte: u8) -> Vec<String> {
        let mut lines = Vec::from([format!("poison {seed} noise")]);
        for (index, tensor) in INPUTS.iter().enumerate() {
            for offset in (0..tensor.len).step_by(256) {
                let hex = format!("{byte:02x}").repeat(usize::min(256, tensor.len - offset));
                lines.push(format!("input {index} {offset} {hex}"));
            }
        }
        lines.push(verb.to_string());
        lines
    }

    fn session(runs: &[Vec<String>]) -> Vec<String> {
        let mut lines = Vec::from([hello()]);
        lines.extend(runs.iter().flatten().cloned());
        lines.push("bye".to_string());
        lines
    }

    #[test]
    fn every_operators_tensor_is_digested_right_after_it() {
        let mut guarded = Box::new(GuardedArena::new());
        guarded.poison(crate::arena::Fill::Noise(1));
        INPUTS.iter().for_each(|tensor| guarded.bytes_mut(tensor.offset, tensor.len).fill(5));
        let (code, answers) = play(&session(&[run("step", 9, 5)]));
        assert_eq!(code, 0);
        let digests: Vec<&String> = answers.iter().filter(|line| line.starts_with("op ")).collect();
        assert_eq!(digests.len(), OPERATORS.len());
        for (index, operator) in OPERATORS.iter().enumerate() {
            (operator.run)(guarded.arena());
            let outputs = operator.outputs.iter().map(|output| guarded.bytes(output.offset, output.len));
            let digest = digest::tensors(outputs);
            assert_eq!(*digests[index], format!("op {index} {digest:016x} 5"));
        }
    }

    #[test]
    fn both_ways_of_running_give_the_same_outputs_whatever_the_noise() {
        let other = |fill: &str| {
            let mut lines = run("invoke 6", 3, 7);
            lines[0] = fill.to_string();
            lines
        };
        let mut machine = Machine::default();
        let (code, answers) = play_on(
            &mut machine,
            &session(&[
                other("cold"),
                run("step", 1, 7),
                run("invoke 4", 2, 7),
                other("poison 3 00"),
                other("poison 5 ff"),
            ]),
        );
        assert_eq!((code, machine.turns), (0, 5));
        let begun = ["invoke 0 6", "step 1 none", "invoke 2 4", "invoke 3 6", "invoke 5 6"];
        let starts: Vec<usize> = begun.map(|start| answers.iter().position(|line| line == start).unwrap()).into();
        let outputs = |from: usize| {
            let run = answers[from..].iter().take_while(|line| *line != "done");
            run.filter(|line| line.starts_with("output ")).collect::<Vec<_>>()
        };
        assert!(!outputs(starts[0]).is_empty());
        assert!(starts.iter().all(|&start| outputs(start) == outputs(starts[0])));
        assert!(answers.contains(&"ticks 17".to_string()) && answers.contains(&"stack none".to_string()));
        assert_eq!(answers[answers.len() - 2..], ["stack-total 99", "bye"]);
    }

    #[test]
    fn a_run_may_continue_the_last_one() {
        let continued = |kind: &str| {
            let mut lines = run(kind, 1, 7);
            lines[0] = "continue".to_string();
            lines
        };
        let (code, answers) = play(&session(&[run("step", 5, 7), continued("step"), continued("invoke")]));
        assert_eq!(code, 0);
        assert_eq!(answers.iter().filter(|line| *line == "step 5 none" || *line == "invoke 5 none").count(), 3);
        for before in [Vec::new(), run("dump 0", 1, 7)] {
            let (code, answers) = play(&session(&[before, continued("step")]));
            let error = "error protocol `continue` without a whole run before it";
            assert_eq!((code, answers.last().unwrap().as_str()), (1, error));
        }
    }

    #[test]
    fn a_dump_is_an_operators_whole_tensor() {
        let last = OPERATORS.len() - 1;
        let (code, answers) = play(&session(&[run(&format!("dump {last}"), 1, 3)]));
        assert_eq!(code, 0);
        let digits: usize = answers
            .iter()
            .filter_map(|line| line.strip_prefix("tensor ")?.split_once(' '))
            .map(|(_, hex)| hex.len())
            .sum();
        assert_eq!(digits, 2 * OPERATORS[last].outputs.iter().map(|output| output.len).sum::<usize>());
    }

    #[test]
    fn what_is_out_of_order_ends_the_session() {
        let complete = run("step", 1, 0);
        let poison = || "poison 1 noise".to_string();
        let without_inputs = Vec::from([poison(), "step".to_string()]);
        let twice: Vec<String> = complete.iter().cloned().chain(["step".to_string()]).collect();
        let no_poison = complete[1..].to_vec();
        let cases = [
            (session(&[without_inputs]), "protocol the inputs are not complete"),
            (session(&[twice]), "protocol a run begins with `poison`"),
            (session(&[no_poison]), "protocol `input` before `poison`"),
            (session(&[run("dump 99999", 1, 0)]), "protocol the model has no such operator"),
            (session(&[Vec::from([poison(), "samples 0 00".to_string()])]), "protocol the model has no stream"),
            (session(&[Vec::from([poison(), "step-hop".to_string()])]), "protocol the model has no stream"),
            (session(&[Vec::from([poison(), "hop".to_string()])]), "protocol the model has no stream"),
            (
                session(&[run("step", 1, 0), Vec::from(["cold".to_string()])]),
                "protocol `cold` is for the first run after reset",
            ),
            (complete, "protocol a session begins with `hello`"),
            (Vec::from([hello()]), "protocol the session ended without `bye`"),
            (Vec::from(["hello 00".to_string()]), &format!("wrong-image have={DIGEST} want=00")),
        ];
        for (lines, error) in cases {
            let (code, answers) = play(&lines);
            assert_eq!((code, answers.last().unwrap().as_str()), (1, format!("error {error}").as_str()));
        }
    }

    #[test]
    fn a_load_is_on_until_the_end() {
        let load = |timer: usize| Vec::from([format!("load {timer} 62 2480 250 128 64")]);
        let (code, answers) = play(&session(&[run("invoke", 1, 0), load(0), run("invoke", 2, 0), run("invoke", 3, 0)]));
        let interrupts: Vec<&str> = answers.iter().filter_map(|line| line.strip_prefix("interrupts ")).collect();
        assert_eq!((code, interrupts.as_slice()), (0, ["none", "2", "2"].as_slice()));
        let (code, answers) = play(&session(&[load(7)]));
        assert_eq!((code, answers.last().unwrap().as_str()), (1, "error protocol the board has no such timer"));
    }

    #[test]
    fn a_greeting_has_what_the_start_took() {
        let (_, answers) = play(&session(&[]));
        assert!(answers[1].contains(" services=64 clock="), "{}", answers[1]);
        assert_eq!(answers[2], "startup 300 4");
    }

    #[test]
    fn damage_to_others_memory_is_reported() {
        let mut machine = Machine { damaged: true, ..Machine::default() };
        let (code, answers) = play_on(&mut machine, &session(&[run("invoke", 1, 0)]));
        assert_eq!((code, answers.last().unwrap().as_str()), (1, "error services-damaged operator=none"));
    }

    #[test]
    fn a_stack_at_its_end_is_reported_with_the_operator() {
        let (code, answers) =
            play_on(&mut Machine { overflowed: true, ..Machine::default() }, &session(&[run("step", 1, 0)]));
        assert_eq!((code, answers.last().unwrap().as_str()), (1, "error stack-overflow operator=0"));
    }
}
