//! The script of a session: which lines make the harness run every vector as often as asked. Pure.
//!
//! Vectors follow each other within a repetition, so that between two runs of one vector others have used the arena; every
//! run starts from other noise. A session of a single vector has its complement run in between.

use std::fmt::Write as _;

/// Bytes of a tensor in one line, as the harness reads it (`protocol::CHUNK_BYTES`).
const CHUNK_BYTES: usize = 256;

/// What to run on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Build digest that the image must carry, as `model::DIGEST` writes it.
    pub digest: String,
    /// For each vector the bytes of each model input.
    pub vectors: Vec<Vec<Vec<u8>>>,
    /// How often each vector is run.
    pub runs: u32,
    /// Bytes of each model output.
    pub output_bytes: Vec<usize>,
}

/// One place in the order of a session: one run of one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Which vector.
    pub(super) vector: usize,
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
            for vector in 0..self.vectors.len() {
                plan.push(Turn { vector, run, complement: false, poison: 0 });
            }
            if self.vectors.len() == 1 {
                plan.push(Turn { vector: 0, run, complement: true, poison: 0 });
            }
        }
        for (item, seed) in plan.iter_mut().zip((1..).step_by(2)) {
            item.poison = seed;
        }
        plan
    }

    /// The lines that the harness reads.
    pub fn script(&self) -> String {
        let mut script = Script::new(&self.digest);
        for turn in self.plan() {
            for (seed, verb) in [(turn.poison, "step"), (turn.poison + 1, "invoke")] {
                script.inputs(seed, &self.vectors[turn.vector], turn.complement);
                script.line(verb);
            }
        }
        script.end()
    }

    /// The lines of a first bring-up: one vector operator by operator, then uninterrupted.
    pub fn bringup_script(&self, vector: usize) -> String {
        let mut script = Script::new(&self.digest);
        for (seed, verb) in [(1, "step"), (2, "invoke")] {
            script.inputs(seed, &self.vectors[vector], false);
            script.line(verb);
        }
        script.end()
    }

    /// The lines that make the harness send the output tensor of `operator` for `vector`.
    pub fn dump_script(&self, vector: usize, operator: usize) -> String {
        let mut script = Script::new(&self.digest);
        script.inputs(1, &self.vectors[vector], false);
        script.line(&format!("dump {operator}"));
        script.end()
    }
}

/// Lines with their check words.
struct Script(String);

impl Script {
    fn new(digest: &str) -> Self {
        let mut script = Self(String::new());
        script.line(&format!("hello {digest}"));
        script
    }

    fn line(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{text} *{:08x}", check_word(text.as_bytes()));
    }

    fn inputs(&mut self, seed: u32, vector: &[Vec<u8>], complement: bool) {
        self.line(&format!("poison {seed}"));
        let flip = if complement { 0xff } else { 0 };
        for (index, tensor) in vector.iter().enumerate() {
            for (chunk, bytes) in tensor.chunks(CHUNK_BYTES).enumerate() {
                let mut text = format!("input {index} {} ", chunk * CHUNK_BYTES);
                for byte in bytes {
                    let _ = write!(text, "{:02x}", byte ^ flip);
                }
                self.line(&text);
            }
        }
    }

    fn end(mut self) -> String {
        self.line("bye");
        self.0
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
        Session { digest: "00ff".into(), vectors, runs, output_bytes: vec![4] }
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
                    .all(|pair| (pair[0].vector, pair[0].complement) != (pair[1].vector, pair[1].complement))
            );
            let seeds: std::collections::BTreeSet<u32> =
                plan.iter().flat_map(|run| [run.poison, run.poison + 1]).collect();
            assert_eq!(seeds.len(), 2 * plan.len());
        }
    }
}
