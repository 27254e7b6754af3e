//! What a target wrote, read into a measurement or the signature of its failure. Pure.
//!
//! Every line must carry its check word and stand where the session puts it; nothing is skipped or guessed.

use std::str::FromStr;

use super::pass::{Fill, Verb};
use super::session::{Session, Turn, check_word};
use super::{Ended, Hop, Inference, Measurement, Observation, Signature, Startup, Sustained};
use crate::manifest::PerTick;

/// The answers of a target to one session.
#[derive(Clone, Debug)]
pub struct Transcript<'a> {
    /// Whole lines, not yet verified.
    lines: Vec<&'a [u8]>,
    /// How many of them are read.
    read: usize,
    /// The last good one, without its check word.
    after: &'a str,
    ended: &'a Ended,
}

/// What came of an uninterrupted run.
struct Invoked {
    hops: Vec<HopSaid>,
    outputs: Vec<Vec<u8>>,
    ticks: Option<u64>,
    stack: Option<usize>,
    interrupts: Option<u32>,
    arena_high: usize,
}

/// What the harness says of a hop.
struct HopSaid {
    due: bool,
    ticks: Option<u64>,
    stack: Option<usize>,
    interrupts: Option<u32>,
}

impl HopSaid {
    fn counted(&self, per_tick: Option<PerTick>) -> Hop {
        let instructions = per_tick.zip(self.ticks).map(|(per_tick, ticks)| per_tick.instructions(ticks));
        Hop { due: self.due, instructions, stack: self.stack, interrupts: self.interrupts }
    }
}

/// What the harness says of itself.
struct Greeting {
    operators: usize,
    arena_bytes: usize,
    services_bytes: usize,
    /// Ticks from reset, and those of the model's part.
    startup: Option<(u64, u64)>,
}

/// What the harness says of an operator.
struct OperatorSaid {
    digest: u64,
    ticks: Option<u64>,
}

/// A good line.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    /// From 1.
    number: usize,
    /// Without its check word.
    text: &'a str,
}

impl<'a> Transcript<'a> {
    /// Begins to read.
    pub fn new(ended: &'a Ended) -> Self {
        let mut lines: Vec<_> = ended.stdout.split(|&byte| byte == b'\n').collect();
        // What follows the last newline is no whole line, even if it looks like one.
        lines.pop();
        Self { lines, read: 0, after: "", ended }
    }

    /// Reads the answers to [`Session::script`].
    pub fn measurement(
        mut self,
        session: &Session,
        instructions_per_tick: Option<PerTick>,
    ) -> Result<Measurement, Signature> {
        let Greeting { operators, arena_bytes, startup, .. } = self.greeting(session)?;
        let startup = instructions_per_tick.zip(startup).map(|(per_tick, (ticks, model))| Startup {
            instructions: per_tick.instructions(ticks),
            model: per_tick.instructions(model),
        });
        let mut observations = Vec::new();
        for turn in session.plan() {
            let found = self.observations(&turn, operators, session, instructions_per_tick)?;
            if !turn.complement {
                observations.extend(found);
            }
        }
        let stack_total = self.optional("stack-total")?;
        self.expect("bye")?;
        Ok(Measurement { operators, arena_bytes, startup, observations, stack_total })
    }

    /// Reads the answers to [`Session::sustained_script`].
    pub fn sustained(
        mut self,
        session: &Session,
        inferences: usize,
        instructions_per_tick: Option<PerTick>,
    ) -> Result<Sustained, Signature> {
        let services_bytes = self.greeting(session)?.services_bytes;
        let (mut seed, mut found) = (1, Vec::new());
        for (vector, begun) in session.sustained(inferences) {
            seed = begun.unwrap_or(seed);
            let invoked = self.invoked(seed, Some(vector), session)?;
            found.push(Inference {
                vector,
                hops: invoked.hops.iter().map(|said| said.counted(instructions_per_tick)).collect(),
                outputs: invoked.outputs,
                instructions: instructions_per_tick.zip(invoked.ticks).map(|(per, ticks)| per.instructions(ticks)),
                interrupts: invoked.interrupts.unwrap_or(0),
                arena_high: invoked.arena_high,
                stack: invoked.stack,
            });
        }
        let stack_total = self.optional("stack-total")?;
        self.expect("bye")?;
        Ok(Sustained { inferences: found, services_bytes, stack_total })
    }

    /// Reads the answers to [`Session::dump_script`].
    pub fn dump(
        mut self,
        session: &Session,
        vector: usize,
        operator: usize,
        hop: Option<usize>,
    ) -> Result<Vec<u8>, Signature> {
        self.up_to(session, vector)?;
        let hops = session.stream.map_or(0, |stream| hop.unwrap_or(stream.hops));
        self.hops(hops)?;
        self.expect(&format!("dump {operator}"))?;
        let mut bytes = Vec::new();
        loop {
            let line = self.next()?;
            match line.text.split(' ').collect::<Vec<_>>()[..] {
                ["done"] => break,
                ["tensor", offset, hex] if extend(&mut bytes, offset, hex) => {}
                _ => return Err(line.out_of_order("`tensor OFFSET HEX` or `done`")),
            }
        }
        self.optional::<usize>("stack-total")?;
        self.expect("bye")?;
        Ok(bytes)
    }

    /// Reads the answers to [`Session::trace_script`].
    pub fn trace(mut self, session: &Session, vector: usize) -> Result<Vec<Vec<u64>>, Signature> {
        self.up_to(session, vector)?;
        let hops = session.stream.map_or(0, |stream| stream.hops);
        let mut hop = || {
            let said = self.hop_operators(session)?;
            self.expect("done")?;
            Ok(said.iter().map(|said| said.digest).collect())
        };
        let found = (0..hops).map(|_| hop()).collect::<Result<_, _>>()?;
        self.optional::<usize>("stack-total")?;
        self.expect("bye")?;
        Ok(found)
    }

    /// The greeting, and the runs of all before `vector` in its sequence.
    fn up_to(&mut self, session: &Session, vector: usize) -> Result<(), Signature> {
        self.greeting(session)?;
        session.before(vector).try_for_each(|earlier| self.invoked(1, Some(earlier), session).map(drop))
    }

    /// `boot`, `ready` and `startup`. The clock must be the one that was built for.
    fn greeting(&mut self, session: &Session) -> Result<Greeting, Signature> {
        let boot = self.next()?;
        if !boot.text.starts_with("boot 4 ") {
            return Err(boot.out_of_order("`boot 4 DIGEST`, which a harness says after reset"));
        }
        let ready = self.next()?;
        let field = |name: &str| {
            let word = ready.text.strip_prefix("ready ")?.split(' ').find_map(|word| word.strip_prefix(name));
            word?.strip_prefix('=')
        };
        let number = |name: &str| field(name)?.parse().ok();
        let sizes = number("operators").zip(number("arena")).zip(number("services"));
        let hops = session.stream.map_or(0, |stream| stream.hops);
        let right = field("clock") == Some(&session.clock) && number("hops") == Some(hops);
        let Some(((operators, arena_bytes), services_bytes)) = sizes.filter(|_| right) else {
            let clock = &session.clock;
            let expected = format!("`ready operators=N hops={hops} arena=BYTES services=BYTES clock={clock}`");
            return Err(ready.out_of_order(&expected));
        };
        let line = self.next()?;
        let said = || {
            let (ticks, model) = line.text.strip_prefix("startup ")?.split_once(' ')?;
            Some(value(ticks).ok()?.zip(value(model).ok()?))
        };
        let startup = said().ok_or_else(|| line.out_of_order("`startup TICKS TICKS`"))?;
        Ok(Greeting { operators, arena_bytes, services_bytes, startup })
    }

    /// The answers to both ways of running one sequence.
    fn observations(
        &mut self,
        turn: &Turn,
        operators: usize,
        session: &Session,
        instructions_per_tick: Option<PerTick>,
    ) -> Result<Vec<Observation>, Signature> {
        let empty = |vector: usize| Observation { vector, run: turn.run, ..Observation::default() };
        let mut found: Vec<Observation> = turn.vectors.clone().map(empty).collect();
        for pass in turn.passes {
            for observation in &mut found {
                let vector = Some(observation.vector).filter(|_| !turn.complement);
                match pass.verb {
                    Verb::Step => {
                        self.stepped(pass.seed, vector, (operators, session, instructions_per_tick), observation)?;
                        observation.fill = Some(pass.fill);
                    }
                    Verb::Invoke => {
                        let invoked = self.invoked(pass.seed, vector, session)?;
                        observation.invoked(invoked, pass.fill, instructions_per_tick);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The answers to a `step`.
    fn stepped(
        &mut self,
        seed: u32,
        vector: Option<usize>,
        (operators, session, instructions_per_tick): (usize, &Session, Option<PerTick>),
        observation: &mut Observation,
    ) -> Result<(), Signature> {
        self.expect(&begun("step", seed, vector))?;
        let hop = self.hop_operators(session)?;
        let main: Vec<OperatorSaid> = (0..operators).map(|index| self.operator(index)).collect::<Result<_, _>>()?;
        let counted = |said: &OperatorSaid| Some(instructions_per_tick?.instructions(said.ticks?));
        observation.operator_instructions = main.iter().chain(&hop).map(counted).collect();
        observation.operator_digests = main.iter().map(|said| said.digest).collect();
        observation.hop_digests = hop.iter().map(|said| said.digest).collect();
        observation.outputs = self.outputs(&session.output_bytes)?;
        observation.arena_high = observation.arena_high.max(self.required("arena")?);
        self.expect("done")
    }

    /// The answers to the hops of a run, and to `invoke`.
    fn invoked(&mut self, seed: u32, vector: Option<usize>, session: &Session) -> Result<Invoked, Signature> {
        let hops = self.hops(session.stream.map_or(0, |stream| stream.hops))?;
        self.expect(&begun("invoke", seed, vector))?;
        let outputs = self.outputs(&session.output_bytes)?;
        let (ticks, stack) = (self.optional("ticks")?, self.optional("stack")?);
        let interrupts = self.optional("interrupts")?;
        let arena_high = self.required("arena")?;
        self.expect("done")?;
        Ok(Invoked { hops, outputs, ticks, stack, interrupts, arena_high })
    }

    /// The first hops of a run: `hop NUMBER due=D ticks=T stack=BYTES interrupts=N`.
    fn hops(&mut self, count: usize) -> Result<Vec<HopSaid>, Signature> {
        (0..count).map(|number| self.hop(number)).collect()
    }

    fn hop(&mut self, number: usize) -> Result<HopSaid, Signature> {
        let line = self.next()?;
        let words: Vec<&str> = line.text.split(' ').collect();
        let read = || {
            let ["hop", index, due, ticks, stack, interrupts] = words[..] else { return None };
            let due = match due {
                "due=0" => false,
                "due=1" => true,
                _ => return None,
            };
            let (ticks, stack) =
                (value(ticks.strip_prefix("ticks=")?).ok()?, value(stack.strip_prefix("stack=")?).ok()?);
            let interrupts = value(interrupts.strip_prefix("interrupts=")?).ok()?;
            (index.parse() == Ok(number)).then_some(HopSaid { due, ticks, stack, interrupts })
        };
        read().ok_or_else(|| line.out_of_order(&format!("`hop {number} due=D ticks=T stack=BYTES interrupts=N`")))
    }

    /// What each operator of a hop has written, and what it took.
    fn hop_operators(&mut self, session: &Session) -> Result<Vec<OperatorSaid>, Signature> {
        let operators = session.stream.map_or(0..0, |stream| stream.first..stream.first + stream.operators);
        operators.map(|index| self.operator(index)).collect()
    }

    /// `op INDEX DIGEST TICKS`.
    fn operator(&mut self, index: usize) -> Result<OperatorSaid, Signature> {
        let line = self.next()?;
        let read = || {
            let (digest, ticks) = line.text.strip_prefix(&format!("op {index} "))?.split_once(' ')?;
            let digest = u64::from_str_radix(Some(digest).filter(|digest| digest.len() == 16)?, 16).ok()?;
            Some(OperatorSaid { digest, ticks: value(ticks).ok()? })
        };
        read().ok_or_else(|| line.out_of_order(&format!("`op {index} DIGEST TICKS`")))
    }

    /// `output INDEX OFFSET HEX` …, until every output is complete.
    fn outputs(&mut self, sizes: &[usize]) -> Result<Vec<Vec<u8>>, Signature> {
        let mut outputs = Vec::new();
        for (index, &size) in sizes.iter().enumerate() {
            let mut bytes = Vec::new();
            while bytes.len() < size {
                let line = self.next()?;
                let words = line.text.strip_prefix(&format!("output {index} ")).and_then(|rest| rest.split_once(' '));
                if !words.is_some_and(|(offset, hex)| extend(&mut bytes, offset, hex)) || bytes.len() > size {
                    return Err(line.out_of_order(&format!("`output {index} HEX` up to {size} bytes")));
                }
            }
            outputs.push(bytes);
        }
        Ok(outputs)
    }

    /// `NAME VALUE`, where the value may be `none`.
    fn optional<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Signature> {
        let line = self.next()?;
        let found = line.text.strip_prefix(name).and_then(|rest| value(rest.strip_prefix(' ')?).ok());
        found.ok_or_else(|| line.out_of_order(&format!("`{name} NUMBER`")))
    }

    /// `NAME VALUE`, where the value must be there.
    fn required<T: FromStr>(&mut self, name: &str) -> Result<T, Signature> {
        let line = self.next()?;
        let value = line.text.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')?.parse().ok());
        value.ok_or_else(|| line.out_of_order(&format!("`{name} NUMBER`")))
    }

    fn expect(&mut self, text: &str) -> Result<(), Signature> {
        let line = self.next()?;
        if line.text == text { Ok(()) } else { Err(line.out_of_order(&format!("`{text}`"))) }
    }

    /// The next line. Errors, resets, damage and the end of the transcript are signatures.
    fn next(&mut self) -> Result<Line<'a>, Signature> {
        let Some(&bytes) = self.lines.get(self.read) else {
            return Err(self.end());
        };
        self.read += 1;
        let number = self.read;
        let Some(text) = verified(bytes) else {
            let text = String::from_utf8_lossy(bytes).chars().take(60).flat_map(char::escape_default).collect();
            return Err(Signature::Garbage { line: number, text });
        };
        let line = Line { number, text };
        if let Some(error) = text.strip_prefix("error ") {
            return Err(Signature::from_error_line(error).unwrap_or_else(|| line.out_of_order("a known error code")));
        }
        if number > 1 && text.starts_with("boot ") {
            return Err(Signature::Reset { line: number, after: self.after.into() });
        }
        self.after = text;
        Ok(line)
    }

    /// Why there is no next line.
    fn end(&self) -> Signature {
        let after = self.after.to_owned();
        let Ended { code, stderr, timed_out, .. } = self.ended;
        let said = String::from_utf8_lossy(stderr);
        let diagnostics = said.lines().find(|line| !line.contains(": warning: ")).unwrap_or_default().to_owned();
        match (timed_out, self.read) {
            (true, _) => Signature::TimedOut { after },
            (false, 0) => Signature::Silent { code: *code, diagnostics },
            (false, _) => Signature::Died { code: *code, after, diagnostics },
        }
    }
}

impl Observation {
    /// Adds what came of the uninterrupted run.
    fn invoked(&mut self, invoked: Invoked, fill: Fill, per_tick: Option<PerTick>) {
        self.invoke_fill = Some(fill);
        self.hops = invoked.hops.iter().map(|said| said.counted(per_tick)).collect();
        self.invoke_outputs = invoked.outputs;
        self.instructions = per_tick.zip(invoked.ticks).map(|(per_tick, ticks)| per_tick.instructions(ticks));
        self.arena_high = self.arena_high.max(invoked.arena_high);
        self.stack_invoke = invoked.stack;
    }
}

/// The line that a run begins with.
fn begun(verb: &str, seed: u32, vector: Option<usize>) -> String {
    match vector {
        Some(vector) => format!("{verb} {seed} {vector}"),
        None => format!("{verb} {seed} none"),
    }
}

impl Line<'_> {
    fn out_of_order(self, expected: &str) -> Signature {
        let text = self.text.chars().take(60).collect();
        Signature::OutOfOrder { line: self.number, text, expected: expected.into() }
    }
}

/// A number, or `none`.
fn value<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    if text == "none" { Ok(None) } else { text.parse().map(Some) }
}

/// The text before ` *CHECKWORD`, if the two agree.
fn verified(line: &[u8]) -> Option<&str> {
    let (text, check) = line.split_at_checked(line.len().checked_sub(10)?)?;
    let check = std::str::from_utf8(check.strip_prefix(b" *")?).ok()?;
    let agrees = u32::from_str_radix(check, 16).is_ok_and(|word| word == check_word(text));
    std::str::from_utf8(text).ok().filter(|_| agrees)
}

/// Adds the bytes of `hex` if they continue at `offset`.
fn extend(bytes: &mut Vec<u8>, offset: &str, hex: &str) -> bool {
    let digits = hex.as_bytes().chunks_exact(2);
    let whole = digits.remainder().is_empty() && !hex.is_empty() && offset.parse() == Ok(bytes.len());
    let decode = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    match digits.map(decode).collect::<Option<Vec<u8>>>() {
        Some(more) if whole => {
            bytes.extend(more);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
