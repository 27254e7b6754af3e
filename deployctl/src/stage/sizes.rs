//! Stage `sizes`: scratch bytes of every operator, asked of the kernel library itself.
//!
//! The library's own `*_get_buffer_size*` functions are compiled for the host and asked; the table that `audit` and `init`
//! answer from without a compiler must agree, and this stage fails if it does not.

use camino::Utf8PathBuf;
use deployctl_cache::{BoxError, Fields, Job, Stage, TreeInput};
use serde::Serialize;

use super::{LibraryFile, Runtime, artifact, fail};
use crate::error::Kind;
use crate::gate::evidence::Audit;
use crate::library::{self, Features};
use crate::model::lower::{Refusal, Step};
use crate::tool::{Gcc, Invocation, Stdin};

/// The core, and the library where one is used.
#[derive(Debug, Serialize)]
pub struct Sizes {
    /// Instruction set features of the core.
    pub features: Features,
    /// What asks the library; absent where reference kernels run, which need no scratch.
    pub tool: Option<SizeTool>,
}

/// The questions' program and what it is compiled from.
#[derive(Debug, Serialize)]
pub struct SizeTool {
    /// C text of the program.
    pub program: String,
    /// The library's C files and headers.
    pub sources: TreeInput,
    /// Include folders, relative to the sources.
    pub include: Vec<String>,
    /// Definitions.
    pub define: Vec<String>,
    /// The host's compiler.
    pub compiler: Gcc,
    /// The file that selects these sources, for messages.
    #[serde(skip)]
    pub file: LibraryFile,
    /// Starts it.
    #[serde(skip)]
    pub runtime: Runtime,
}

impl Stage for Sizes {
    fn name(&self) -> &'static str {
        "sizes"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let audit: Audit = job.read_json("audit")?;
        let mut sizes = vec![0usize; lowered.len()];
        let mut questions = Vec::new();
        for (index, (step, row)) in lowered.iter().zip(&audit.rows).enumerate() {
            let (Ok(step), Some(kernel)) = (step, &row.kernel) else { continue };
            sizes[index] = library::scratch_bytes(kernel, step, self.features);
            if kernel.library == audit.library {
                questions.push((index, library::size_query(kernel, step, self.features)));
            }
        }
        if let (Some(tool), false) = (&self.tool, questions.is_empty()) {
            let answers = tool.ask(questions.iter().map(|(_, question)| question.as_str()), job)?;
            for ((index, question), answer) in questions.iter().zip(answers) {
                if answer != sizes[*index] {
                    return Err(fail(
                        Kind::Tool,
                        format!(
                            "op:{}: the kernel library asks for {answer} bytes of scratch (`{question}`), and the table for {} says {}",
                            audit.rows[*index].label, audit.library, sizes[*index]
                        ),
                        "these library sources are not the ones that this version supports; `deployctl fetch` brings the pinned ones",
                    ));
                }
            }
        }
        job.write_json(artifact::SIZES, &sizes)?;
        Ok(())
    }
}

impl SizeTool {
    /// Compiles the program and asks all questions at once.
    fn ask<'q>(&self, questions: impl Iterator<Item = &'q str>, job: &Job) -> Result<Vec<usize>, BoxError> {
        let (text, program) = (job.work_dir().join("sizes.c"), job.work_dir().join("sizes"));
        std::fs::write(&text, &self.program)?;
        let root = job.work_dir().join("library");
        self.sources.copy_into(&root)?;
        let asked = |path: &&Utf8PathBuf| path.as_str().contains("get_buffer_size");
        let files = self.sources.files().iter().map(|(path, _)| path).filter(asked);
        let compile = Invocation::new(self.compiler.driver.clone())
            .args(["-O1", "-w", "-o", program.as_str(), text.as_str()])
            .args(files.map(|path| root.join(path).into_string()))
            .args(self.include.iter().map(|folder| format!("-I{root}/{folder}")))
            .args(self.define.iter().map(|define| format!("-D{define}")))
            .env("PATH", self.runtime.path.as_str())
            .env("LC_ALL", "C")
            .cwd(job.work_dir().to_owned());
        let help = "a host C compiler is needed: `apt-get install gcc libc6-dev`";
        self.file.run(&self.runtime, &compile, "the program that asks the library for its scratch sizes", help)?;
        let lines: Vec<&str> = questions.collect();
        let count = lines.len();
        let ask = Invocation::new(program).stdin(Stdin::Bytes((lines.join("\n") + "\n").into_bytes()));
        let output = self.runtime.run(&ask, "please report this with the model's operator list")?;
        let answers: Vec<usize> = output.stdout.text().lines().filter_map(|line| line.trim().parse().ok()).collect();
        if answers.len() != count {
            let said = output.stdout.text().into_owned();
            return Err(fail(
                Kind::Internal,
                format!("{count} questions about scratch sizes, answers: {said}"),
                "please report this",
            ));
        }
        Ok(answers)
    }
}
