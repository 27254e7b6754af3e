//! The deployment's own kernels at work on the host: one process for each call, so that nothing that a kernel does, and nothing
//! that it remembers, gets into this program or into its next call.

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::Serialize;

use super::difference::coordinate;
use super::own::Place;
use super::{Runtime, artifact};
use crate::model::lower::{OwnKernel, Step};
use crate::model::{Graph, OwnKernels};
use crate::tool::{Invocation, Stdin, ToolError};

/// Longest that one call may take.
const LIMIT: Duration = Duration::from_mins(2);

/// A kernel whose program stage `own` made.
#[derive(Clone, Debug, Serialize)]
pub struct OwnProgram {
    /// Name of the kernel.
    pub name: String,
    /// Where the manifest names it, for messages.
    #[serde(skip)]
    pub place: Place,
}

/// The programs, and what it takes to run them.
pub(super) struct Player<'a> {
    pub(super) graph: &'a Graph,
    pub(super) kernels: &'a [OwnProgram],
    /// Folder of stage `own`'s outputs.
    pub(super) folder: Utf8PathBuf,
    pub(super) runtime: &'a Runtime,
}

impl OwnKernels for Player<'_> {
    fn run(&self, kernel: &OwnKernel, step: &Step, inputs: &[&[i8]]) -> Result<Vec<Vec<u8>>, String> {
        let known = self.kernels.iter().find(|known| known.name == kernel.name);
        let line = known.map(|known| known.place.line.clone()).unwrap_or_default();
        let told = |problem: String| format!("{problem} ({line})");
        let mut request = u32::try_from(step.operator.0).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        request.extend(inputs.iter().flat_map(|input| input.iter().map(|byte| byte.cast_unsigned())));
        let sizes: Vec<usize> = step.outputs.iter().map(|&id| self.graph.tensor(id).bytes()).collect();
        let total: usize = sizes.iter().sum();
        let mut call = Invocation::new(self.folder.join(artifact::OWN).join(&kernel.name))
            .stdin(Stdin::Bytes(request))
            .time_limit(LIMIT);
        call.output_limit = call.output_limit.max(2 * total);
        let output = call.run(&self.runtime.supervisor).map_err(|error| told(failed(&error)))?;
        let (first, second) = match output.stdout.bytes.split_at_checked(total) {
            Some((first, second)) if second.len() == total => (first, second),
            _ => return Err(told(format!("wrote {} bytes instead of {}", output.stdout.bytes.len(), 2 * total))),
        };
        if let Some(byte) = first.iter().zip(second).position(|(first, second)| first != second) {
            return Err(told(self.unwritten(step, &sizes, byte)));
        }
        let mut rest = first;
        let outputs = sizes.iter().map(|&size| {
            let (output, after) = rest.split_at(size);
            rest = after;
            output.to_vec()
        });
        Ok(outputs.collect())
    }
}

impl Player<'_> {
    /// What to say of a byte of all outputs that was not the same in two runs.
    fn unwritten(&self, step: &Step, sizes: &[usize], byte: usize) -> String {
        let mut byte = byte;
        let mut position = 0;
        while position + 1 < sizes.len() && byte >= sizes[position] {
            byte -= sizes[position];
            position += 1;
        }
        let tensor = self.graph.tensor(step.outputs[position]);
        format!(
            "element {:?} of its output {position}, `{}`, depends on what was in the memory before: write every element, and \
             read only what was written",
            coordinate(&tensor.shape, byte * 8 / tensor.dtype.bits().max(1)),
            tensor.name
        )
    }
}

/// What became of a call that did not end well.
fn failed(error: &ToolError) -> String {
    let (how, output) = match error {
        ToolError::Failed { output, .. } | ToolError::Signalled { output, .. } => {
            ("ended with a panic or fault", output)
        }
        ToolError::TimedOut { output, .. } => ("had not ended after two minutes", output),
        other => return format!("could not be run: {other}"),
    };
    let said = output.stderr.text();
    let said = said.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with("note: run with"));
    let said: Vec<&str> = said.take(10).collect();
    if said.is_empty() { how.to_owned() } else { format!("{how}:\n    {}\n   ", said.join("\n    ")) }
}
