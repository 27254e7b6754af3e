//! The part of a plan that makes the model, where the manifest declares a command.

use deployctl_cache::{Input, StageId};

use super::{Materials, Plan, input};
use crate::manifest::{Manifest, plain};
use crate::stage::{self, Runtime, artifact};

/// Most bytes of files that a conversion may write, besides its inputs.
const MOST_FILES: u64 = 1 << 30;
/// Most bytes that a conversion may print.
const MOST_LOG: u64 = 64 << 20;

/// A model that a command makes.
pub(super) struct Made {
    pub(super) convert: StageId,
    /// Where the project has a file too.
    committed: Option<StageId>,
}

impl Made {
    /// What the gate judges.
    pub(super) fn evidence(&self) -> Vec<Input> {
        let committed = self.committed.map(|stage| input("committed", stage, artifact::COMMITTED));
        [Some(input("conversion", self.convert, artifact::CONVERSION)), committed].into_iter().flatten().collect()
    }
}

impl Plan {
    /// The command that makes the model, and the project's file against what it makes.
    pub(super) fn conversion(
        &mut self,
        index: usize,
        manifest: &Manifest,
        materials: &Materials,
        runtime: &Runtime,
    ) -> Option<Made> {
        let name = Some(manifest.name.value.as_str());
        let convert = convert(manifest, materials, runtime)?;
        let convert = self.add(name, None, convert, vec![]);
        let committed = materials.model.as_ref().map(|file| {
            let stage = stage::Committed { file: file.clone(), written: manifest.model.written.value.clone() };
            self.add(name, None, stage, vec![input("tflite", convert, artifact::MODEL)])
        });
        self.converts.push((index, convert));
        Some(Made { convert, committed })
    }
}

fn convert(manifest: &Manifest, materials: &Materials, runtime: &Runtime) -> Option<stage::Convert> {
    let (declared, found) = (manifest.convert.as_ref()?, materials.convert.as_ref()?);
    let line = manifest.text[..declared.written.span.start.min(manifest.text.len())].matches('\n').count() + 1;
    let shown = manifest.path.strip_prefix(&manifest.root).unwrap_or(&manifest.path);
    let folder = shown.parent().map(plain).unwrap_or_default();
    Some(stage::Convert {
        command: declared.command.clone(),
        script: found.script,
        folder,
        output: manifest.model.path.file_name().unwrap_or(artifact::MODEL).to_owned(),
        inputs: found.inputs.clone(),
        environment: declared.environment.clone(),
        program: found.program.clone(),
        reproducible: declared.reproducible,
        provenance: declared.provenance.clone(),
        watcher: found.watcher.clone(),
        surroundings: stage::Surroundings {
            line: format!("`{shown}` line {line}"),
            written: declared.written.value.clone(),
            root: manifest.root.clone(),
            home: found.home.clone(),
            time_limit: declared.time_limit,
            most_files: MOST_FILES,
            most_log: MOST_LOG,
            runtime: runtime.clone(),
        },
    })
}
