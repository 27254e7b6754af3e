//! The script of a session: which lines make the harness run every vector as often as asked. Pure.
//!
//! Vectors follow each other within a repetition, so that between two repetitions of one vector others have used the arena. A
//! session of a single vector has its complement run in between. What is in the arena before changes from run to run: noise,
//! 0x00, 0xff. The session's first run is that after reset, on an arena that nothing has used. Where vectors are inferences of a
//! sequence, all this is said of sequences.

use std::fmt::Write as _;
use std::ops::Range;

use super::pass::{Fill, Pass, Verb};
use crate::model::Graph;

/// Bytes of a tensor in one line, as the harness reads it (`protocol::CHUNK_BYTES`).
const CHUNK_BYTES: usize = 256;

/// What to run on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Build digest that the image must carry, as `model::DIGEST` writes it.
    pub digest: String,
    /// What the harness must say of its clock: another one is another board's firmware.
    pub clock: String,
    /// For each vector the bytes of each model input, then those of all samples where there is a stream.
    pub vectors: Vec<Vec<Vec<u8>>>,
    /// The stream, where there is one.
    pub stream: Option<Stream>,
    /// So many vectors follow each other in time, the state being reset before the first of them; at least 1.
    pub steps: usize,
    /// How often each vector is run.
    pub runs: u32,
    /// Bytes of each model output.
    pub output_bytes: Vec<usize>,
}

/// What a session knows of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Bytes of a hop; not 0.
    pub hop_bytes: usize,
    /// Hops of a run.
    pub hops: usize,
    /// Position of the first operator of a hop.
    pub first: usize,
    /// Operators of a hop.
    pub operators: usize,
}

impl Stream {
    /// The stream of a graph that has one.
    pub fn of(graph: &Graph) -> Option<Self> {
        let hops = graph.hops()?;
        Some(Self {
            hop_bytes: graph.tensor(hops.input).bytes().max(1),
            hops: hops.total(),
            first: hops.block.first,
            operators: hops.block.end - hops.block.first,
        })
    }
}

/// What a timer does to everything that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerLoad {
    /// Which of the board's timers.
    pub timer: usize,
    /// Ticks of the timer between two interrupts.
    pub period: u32,
    /// The same in cycles of the core, on an emulator in instructions.
    pub cycles: u32,
    /// Cycles that an interrupt takes beyond what it does anyway.
    pub busy: u32,
    /// Bytes of stack that an interrupt uses.
    pub stack: u32,
    /// Priority, as the interrupt controller has it.
    pub priority: u8,
}

impl TimerLoad {
    fn line(&self) -> String {
        let Self { timer, period, cycles, busy, stack, priority } = self;
        format!("load {timer} {period} {cycles} {busy} {stack} {priority}")
    }
}

/// One place in the order of a session: one run of one sequence of vectors, which mostly is one vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Which vectors.
    pub(super) vectors: Range<usize>,
    /// Which repetition.
    pub(super) run: u32,
    /// Whether its complement is run, only to disturb.
    pub(super) complement: bool,
    /// Both ways of running it.
    pub(super) passes: [Pass; 2],
}

impl Session {
    /// The runs in order.
    pub(super) fn plan(&self) -> Vec<Turn> {
        let mut plan = Vec::new();
        for run in 0..self.runs {
            let sequences: Vec<Range<usize>> = self.sequences().collect();
            for vectors in sequences.iter().cloned() {
                plan.push((vectors, run, false));
            }
            if let [vectors] = sequences.as_slice() {
                plan.push((vectors.clone(), run, true));
            }
        }
        let turn = |((vectors, run, complement), seed): ((Range<usize>, u32, bool), u32)| {
            let fill = |pass: usize| Fill::WARM[(2 * run as usize + pass) % Fill::WARM.len()];
            let warm = Pass { verb: Verb::Step, seed, fill: fill(0) };
            let step = if seed == 1 { Pass { seed: 0, fill: Fill::Cold, ..warm } } else { warm };
            let invoke = Pass { verb: Verb::Invoke, seed: seed + 1, fill: fill(1) };
            Turn { vectors, run, complement, passes: [step, invoke] }
        };
        plan.into_iter().zip((1..).step_by(2)).map(turn).collect()
    }

    /// Which vectors each sequence has; the last may be shorter.
    fn sequences(&self) -> impl Iterator<Item = Range<usize>> {
        let (steps, end) = (self.steps.max(1), self.vectors.len());
        (0..end).step_by(steps).map(move |first| first..end.min(first + steps))
    }

    /// The vectors before `vector` in its sequence.
    pub fn before(&self, vector: usize) -> Range<usize> {
        vector - vector % self.steps.max(1)..vector
    }

    /// The lines that the harness reads.
    pub fn script(&self) -> String {
        let mut script = Script::new(self);
        for turn in self.plan() {
            for pass in turn.passes {
                for vector in turn.vectors.clone() {
                    script.begin((vector == turn.vectors.start).then_some(pass));
                    script.run(vector, turn.complement, pass.verb);
                }
            }
        }
        script.end()
    }

    /// The lines of a sustained run: so many inferences under `loads`, uninterrupted, one vector after the other.
    pub fn sustained_script(&self, loads: &[TimerLoad], inferences: usize) -> String {
        let mut script = Script::new(self);
        for load in loads {
            script.line(&load.line());
        }
        for (vector, seed) in self.sustained(inferences) {
            script.begin(seed.map(|seed| Pass { verb: Verb::Invoke, seed, fill: Fill::Noise }));
            script.run(vector, false, Verb::Invoke);
        }
        script.end()
    }

    /// The vectors of a sustained run, with the seed of the noise that a sequence begins with.
    pub(super) fn sustained(&self, inferences: usize) -> impl Iterator<Item = (usize, Option<u32>)> {
        let (steps, vectors) = (self.steps.max(1), self.vectors.len().max(1));
        (0..inferences).map(move |inference| {
            let vector = inference % vectors;
            let seed = vector.is_multiple_of(steps).then(|| u32::try_from(inference + 1).unwrap_or(1));
            (vector, seed)
        })
    }

    /// The lines of a first bring-up: one vector operator by operator, then uninterrupted.
    pub fn bringup_script(&self, vector: usize) -> String {
        let mut script = Script::new(self);
        for (seed, verb) in [(1, Verb::Step), (2, Verb::Invoke)] {
            script.begin(Some(Pass { verb, seed, fill: Fill::Noise }));
            script.run(vector, false, verb);
        }
        script.end()
    }

    /// The lines that make the harness send the output tensor of `operator` for `vector`, after those before it in its
    /// sequence. Of an operator of a hop, `hop` says of which.
    pub fn dump_script(&self, vector: usize, operator: usize, hop: Option<usize>) -> String {
        let mut script = self.up_to(vector);
        let verb = format!("dump {operator}");
        match hop {
            None => script.run_to(vector, false, &verb, "hop"),
            Some(hop) => {
                script.hops(vector, 0..hop, false, &["hop"]);
                script.hops(vector, hop..hop + 1, false, &[&verb]);
            }
        }
        script.end()
    }

    /// The lines that make the harness send the digests of the operators of a hop after each hop of `vector`.
    pub fn trace_script(&self, vector: usize) -> String {
        let mut script = self.up_to(vector);
        let hops = self.stream.map_or(0, |stream| stream.hops);
        script.hops(vector, 0..hops, false, &["step-hop", "digests"]);
        script.end()
    }

    /// Runs of all before `vector` in its sequence, and the beginning of its own.
    fn up_to(&self, vector: usize) -> Script<'_> {
        let mut script = Script::new(self);
        let before = self.before(vector);
        for earlier in before.clone() {
            script.begin((earlier == before.start).then_some(Pass::FIRST));
            script.run(earlier, false, Verb::Invoke);
        }
        script.begin(before.is_empty().then_some(Pass::FIRST));
        script
    }
}

/// Lines with their check words.
struct Script<'a> {
    session: &'a Session,
    text: String,
}

impl<'a> Script<'a> {
    fn new(session: &'a Session) -> Self {
        let mut script = Self { session, text: String::new() };
        script.line(&format!("hello {}", session.digest));
        script
    }

    fn line(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{text} *{:08x}", check_word(text.as_bytes()));
    }

    /// Begins a run: as the pass does, else where the last one ended.
    fn begin(&mut self, pass: Option<Pass>) {
        match pass {
            Some(pass) => self.line(&pass.line()),
            None => self.line("continue"),
        }
    }

    /// All that a vector brings, then it is run. A complement is no vector, and has no name.
    fn run(&mut self, vector: usize, complement: bool, verb: Verb) {
        let (verb, hop) = match verb {
            Verb::Step => ("step", "step-hop"),
            Verb::Invoke => ("invoke", "hop"),
        };
        let line = if complement { verb.to_owned() } else { format!("{verb} {vector}") };
        self.run_to(vector, complement, &line, hop);
    }

    /// All that a vector brings, hops by the verb for them, then the line.
    fn run_to(&mut self, vector: usize, complement: bool, line: &str, hop: &str) {
        let hops = self.session.stream.map_or(0, |stream| stream.hops);
        self.hops(vector, 0..hops, complement, &[hop]);
        let session = self.session;
        let tensors = &session.vectors[vector];
        let inputs = tensors.len() - usize::from(session.stream.is_some());
        for (index, tensor) in tensors[..inputs].iter().enumerate() {
            self.bytes(&format!("input {index}"), tensor, complement);
        }
        self.line(line);
    }

    /// Some hops of a vector, each with its samples before `verbs`.
    fn hops(&mut self, vector: usize, hops: Range<usize>, complement: bool, verbs: &[&str]) {
        let (Some(stream), Some(samples)) = (self.session.stream, self.session.vectors[vector].last()) else { return };
        for hop in samples.chunks(stream.hop_bytes).skip(hops.start).take(hops.len()) {
            self.bytes("samples", hop, complement);
            for verb in verbs {
                self.line(verb);
            }
        }
    }

    /// A tensor in lines that begin with `what`.
    fn bytes(&mut self, what: &str, tensor: &[u8], complement: bool) {
        let flip = if complement { 0xff } else { 0 };
        for (chunk, bytes) in tensor.chunks(CHUNK_BYTES).enumerate() {
            let mut text = format!("{what} {} ", chunk * CHUNK_BYTES);
            for byte in bytes {
                let _ = write!(text, "{:02x}", byte ^ flip);
            }
            self.line(&text);
        }
    }

    fn end(mut self) -> String {
        self.line("bye");
        self.text
    }
}

/// 32-bit FNV-1a of a line's text.
pub(super) fn check_word(text: &[u8]) -> u32 {
    text.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(vectors: usize, runs: u32) -> Session {
        let vectors = (0..vectors).map(|vector| vec![vec![u8::try_from(vector).unwrap(); 300]]).collect();
        Session {
            digest: "00ff".into(),
            clock: "none".into(),
            vectors,
            stream: None,
            steps: 1,
            runs,
            output_bytes: vec![4],
        }
    }

    fn texts(script: &str) -> Vec<&str> {
        script.lines().map(|line| line.rsplit_once(" *").unwrap().0).collect()
    }

    #[test]
    fn a_script_in_full() {
        let (mut script, session) = (String::new(), session(1, 1));
        for line in texts(&session.script()) {
            script += &line.replace(&"00".repeat(256), "00*256").replace(&"ff".repeat(256), "ff*256");
            script.push('\n');
        }
        let (zeros, ones) = ("00".repeat(44), "ff".repeat(44));
        assert_eq!(
            script,
            format!(
                "hello 00ff\n\
                 cold\ninput 0 0 00*256\ninput 0 256 {zeros}\nstep 0\n\
                 poison 2 00\ninput 0 0 00*256\ninput 0 256 {zeros}\ninvoke 0\n\
                 poison 3 noise\ninput 0 0 ff*256\ninput 0 256 {ones}\nstep\n\
                 poison 4 00\ninput 0 0 ff*256\ninput 0 256 {ones}\ninvoke\n\
                 bye\n"
            )
        );
    }

    #[test]
    fn a_sequence_is_reset_once() {
        let session = Session { steps: 2, ..session(3, 1) };
        let verbs = |script: &str| -> Vec<String> {
            texts(script).into_iter().filter(|line| !line.starts_with("input ")).map(str::to_owned).collect()
        };
        let first = ["cold", "step 0", "continue", "step 1"];
        let second = ["poison 2 00", "invoke 0", "continue", "invoke 1"];
        let third = ["poison 3 noise", "step 2", "poison 4 00", "invoke 2", "bye"];
        let expected = [&["hello 00ff"], &first[..], &second, &third].concat();
        assert_eq!(verbs(&session.script()), expected);
        assert_eq!(
            verbs(&session.dump_script(1, 5, None))[1..],
            ["poison 1 noise", "invoke 0", "continue", "dump 5", "bye"]
        );
        assert_eq!(verbs(&session.dump_script(2, 5, None))[1..], ["poison 1 noise", "dump 5", "bye"]);
    }

    #[test]
    fn hops_come_before_inputs() {
        let stream = Stream { hop_bytes: 2, hops: 2, first: 3, operators: 4 };
        let vectors = vec![vec![vec![7], vec![1, 2, 3, 4]]];
        let session = Session { vectors, stream: Some(stream), ..session(1, 1) };
        let hops = |verb: &str| format!("samples 0 0102\n{verb}\nsamples 0 0304\n{verb}\n");
        let run =
            |seed: u32, verb: &str, hop: &str| format!("poison {seed} noise\n{}input 0 0 07\n{verb}\n", hops(hop));
        let joined = |script: &str| texts(script)[1..].join("\n") + "\n";
        let expected = run(1, "step 0", "step-hop") + &run(2, "invoke 0", "hop") + "bye\n";
        assert_eq!(joined(&session.bringup_script(0)), expected);
        assert!(
            joined(&session.script())
                .contains("poison 3 noise\nsamples 0 fefd\nstep-hop\nsamples 0 fcfb\nstep-hop\ninput 0 0 f8\nstep")
        );
        let dump = "poison 1 noise\nsamples 0 0102\nhop\nsamples 0 0304\ndump 4\nbye\n";
        assert_eq!(joined(&session.dump_script(0, 4, Some(1))), dump);
        assert_eq!(joined(&session.dump_script(0, 1, None)), run(1, "dump 1", "hop") + "bye\n");
        assert_eq!(joined(&session.trace_script(0)), format!("poison 1 noise\n{}bye\n", hops("step-hop\ndigests")));
    }

    #[test]
    fn a_line_ends_with_the_check_word_of_its_text() {
        assert!(session(1, 1).script().ends_with("bye *71f39f63\n"));
        assert_eq!(check_word(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn other_inputs_lie_between_two_runs_of_a_vector() {
        for vectors in [1, 2, 3] {
            let plan = session(vectors, 3).plan();
            assert!(
                plan.windows(2)
                    .all(|pair| (&pair[0].vectors, pair[0].complement) != (&pair[1].vectors, pair[1].complement))
            );
            let seeds: std::collections::BTreeSet<u32> =
                plan.iter().flat_map(|turn| turn.passes).map(|pass| pass.seed).collect();
            assert_eq!(seeds.len(), 2 * plan.len());
        }
    }

    #[test]
    fn three_runs_have_every_fill_in_both_ways_and_the_first_is_cold() {
        let plan = session(2, 3).plan();
        let fills = |vector: usize, verb: Verb| -> Vec<&str> {
            let turns = plan.iter().filter(|turn| turn.vectors.start == vector);
            turns.flat_map(|turn| turn.passes).filter(|pass| pass.verb == verb).map(|pass| pass.fill.name()).collect()
        };
        assert_eq!(
            (fills(0, Verb::Step), fills(0, Verb::Invoke)),
            (vec!["cold", "0xFF", "0x00"], vec!["0x00", "noise", "0xFF"])
        );
        assert_eq!(
            (fills(1, Verb::Step), fills(1, Verb::Invoke)),
            (vec!["noise", "0xFF", "0x00"], vec!["0x00", "noise", "0xFF"])
        );
        assert_eq!(plan[0].passes[0].fill, Fill::Cold);
    }
}
