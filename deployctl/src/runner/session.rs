//! The script of a session: which lines make the harness run every vector as often as asked. Pure.
//!
//! Vectors follow each other within a repetition, so that between two runs of one vector others have used the arena; every
//! run starts from other noise. A session of a single vector has its complement run in between. Where vectors are inferences
//! of a sequence, all this is said of sequences.

use std::fmt::Write as _;
use std::ops::Range;

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
    /// Seed for the run operator by operator; the next number is the seed for the uninterrupted run.
    pub(super) poison: u32,
}

impl Session {
    /// The runs in order.
    pub(super) fn plan(&self) -> Vec<Turn> {
        let mut plan = Vec::new();
        for run in 0..self.runs {
            let sequences: Vec<Range<usize>> = self.sequences().collect();
            for vectors in sequences.iter().cloned() {
                plan.push(Turn { vectors, run, complement: false, poison: 0 });
            }
            if let [vectors] = sequences.as_slice() {
                plan.push(Turn { vectors: vectors.clone(), run, complement: true, poison: 0 });
            }
        }
        for (item, seed) in plan.iter_mut().zip((1..).step_by(2)) {
            item.poison = seed;
        }
        plan
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
            for (seed, verb) in [(turn.poison, "step"), (turn.poison + 1, "invoke")] {
                for vector in turn.vectors.clone() {
                    script.begin((vector == turn.vectors.start).then_some(seed));
                    script.run(vector, turn.complement, verb);
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
            script.begin(seed);
            script.run(vector, false, "invoke");
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
        for (seed, verb) in [(1, "step"), (2, "invoke")] {
            script.begin(Some(seed));
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
            None => script.run(vector, false, &verb),
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
            script.begin((earlier == before.start).then_some(1));
            script.run(earlier, false, "invoke");
        }
        script.begin(before.is_empty().then_some(1));
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

    /// Begins a run: from noise of `seed`, else where the last one ended.
    fn begin(&mut self, seed: Option<u32>) {
        match seed {
            Some(seed) => self.line(&format!("poison {seed}")),
            None => self.line("continue"),
        }
    }

    /// All that a vector brings, then `verb`; hops run as the verb asks for.
    fn run(&mut self, vector: usize, complement: bool, verb: &str) {
        let hops = self.session.stream.map_or(0, |stream| stream.hops);
        self.hops(vector, 0..hops, complement, &[if verb == "step" { "step-hop" } else { "hop" }]);
        let session = self.session;
        let tensors = &session.vectors[vector];
        let inputs = tensors.len() - usize::from(session.stream.is_some());
        for (index, tensor) in tensors[..inputs].iter().enumerate() {
            self.bytes(&format!("input {index}"), tensor, complement);
        }
        self.line(verb);
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
                 poison 1\ninput 0 0 00*256\ninput 0 256 {zeros}\nstep\n\
                 poison 2\ninput 0 0 00*256\ninput 0 256 {zeros}\ninvoke\n\
                 poison 3\ninput 0 0 ff*256\ninput 0 256 {ones}\nstep\n\
                 poison 4\ninput 0 0 ff*256\ninput 0 256 {ones}\ninvoke\n\
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
        let (first, second) = (["poison 1", "step", "continue", "step"], ["poison 2", "invoke", "continue", "invoke"]);
        let expected =
            [&["hello 00ff"], &first[..], &second, &["poison 3", "step", "poison 4", "invoke", "bye"]].concat();
        assert_eq!(verbs(&session.script()), expected);
        assert_eq!(verbs(&session.dump_script(1, 5, None))[1..], ["poison 1", "invoke", "continue", "dump 5", "bye"]);
        assert_eq!(verbs(&session.dump_script(2, 5, None))[1..], ["poison 1", "dump 5", "bye"]);
    }

    #[test]
    fn hops_come_before_inputs() {
        let stream = Stream { hop_bytes: 2, hops: 2, first: 3, operators: 4 };
        let vectors = vec![vec![vec![7], vec![1, 2, 3, 4]]];
        let session = Session { vectors, stream: Some(stream), ..session(1, 1) };
        let hops = |verb: &str| format!("samples 0 0102\n{verb}\nsamples 0 0304\n{verb}\n");
        let run = |seed: u32, verb: &str, hop: &str| format!("poison {seed}\n{}input 0 0 07\n{verb}\n", hops(hop));
        let joined = |script: &str| texts(script)[1..].join("\n") + "\n";
        let expected = run(1, "step", "step-hop") + &run(2, "invoke", "hop") + "bye\n";
        assert_eq!(joined(&session.bringup_script(0)), expected);
        assert!(
            joined(&session.script())
                .contains("poison 3\nsamples 0 fefd\nstep-hop\nsamples 0 fcfb\nstep-hop\ninput 0 0 f8\nstep")
        );
        let dump = "poison 1\nsamples 0 0102\nhop\nsamples 0 0304\ndump 4\nbye\n";
        assert_eq!(joined(&session.dump_script(0, 4, Some(1))), dump);
        assert_eq!(joined(&session.dump_script(0, 1, None)), run(1, "dump 1", "hop") + "bye\n");
        assert_eq!(joined(&session.trace_script(0)), format!("poison 1\n{}bye\n", hops("step-hop\ndigests")));
    }

    #[test]
    fn a_line_ends_with_the_check_word_of_its_text() {
        assert!(session(1, 1).script().ends_with("bye *71f39f63\n"));
        assert_eq!(check_word(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn other_inputs_and_other_noise_lie_between_two_runs_of_a_vector() {
        for vectors in [1, 2, 3] {
            let plan = session(vectors, 3).plan();
            assert!(
                plan.windows(2)
                    .all(|pair| (&pair[0].vectors, pair[0].complement) != (&pair[1].vectors, pair[1].complement))
            );
            let seeds: std::collections::BTreeSet<u32> =
                plan.iter().flat_map(|run| [run.poison, run.poison + 1]).collect();
            assert_eq!(seeds.len(), 2 * plan.len());
        }
    }
}
