//! Stage `kernels`: the kernel library as a static library, once for each library, core and compiler.
//!
//! The objects are the ones that `firmware-template/cmsis-nn/build.rs` makes in a project without deployctl; that crate's
//! documentation has the compiler's arguments.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use deployctl_cache::{BoxError, Fields, Job, Stage, TreeInput};
use serde::Serialize;

use super::{LibraryFile, Runtime, artifact};
use crate::library::Build;
use crate::tool::{Gcc, Invocation};

/// Where the shim lies in the firmware template.
const SHIM_FOLDER: &str = "firmware-template/cmsis-nn/csrc/";
/// The shim's only C file that is linked into firmware.
const SHIM: &str = "shim.c";

/// A library, a core and a compiler.
#[derive(Debug, Serialize)]
pub struct Kernels {
    /// The library's C files and headers.
    pub sources: TreeInput,
    /// The shim's files by name.
    pub shim: BTreeMap<String, String>,
    /// What is compiled, and how.
    pub build: Build,
    /// The cross compiler.
    pub compiler: Gcc,
    /// The file that selects these sources, for messages.
    #[serde(skip)]
    pub file: LibraryFile,
    /// Starts it.
    #[serde(skip)]
    pub runtime: Runtime,
}

impl Kernels {
    /// With the shim that is packed into the binary.
    pub fn new(sources: TreeInput, build: Build, compiler: Gcc, file: LibraryFile, runtime: Runtime) -> Self {
        let shim = crate::builtin::under(SHIM_FOLDER)
            .map(|file| (file.path[SHIM_FOLDER.len()..].to_owned(), String::from_utf8_lossy(file.bytes).into_owned()));
        let shim = shim.filter(|(name, _)| name.starts_with("shim.")).collect();
        Self { sources, shim, build, compiler, file, runtime }
    }
}

impl Stage for Kernels {
    fn name(&self) -> &'static str {
        "kernels"
    }

    fn version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let crate_folder = job.work_dir().join("cmsis-nn");
        let (root, objects) = (job.work_dir().join("library"), job.work_dir().join("objects"));
        self.sources.copy_into(&root)?;
        for folder in [&crate_folder.join("csrc"), &objects] {
            std::fs::create_dir_all(folder)?;
        }
        for (name, text) in &self.shim {
            std::fs::write(crate_folder.join("csrc").join(name), text)?;
        }
        let mut files: Vec<Utf8PathBuf> = vec![crate_folder.join("csrc").join(SHIM)];
        files.extend(self.build.source.iter().map(|path| root.join(path)));
        let compile = Invocation::new(self.compiler.driver.clone())
            .args(self.build.arguments(root.as_str(), crate_folder.as_str()))
            .args(files.iter().map(|file| file.as_str()))
            .env("PATH", self.runtime.path.as_str())
            .env("LC_ALL", "C")
            .cwd(objects.clone());
        let help = "the library's file in `manifests/kernels` says which C files are compiled, and with which flags";
        self.file.run(&self.runtime, &compile, "the kernel library", help)?;
        for function in &self.build.libc {
            let take = Invocation::new(self.compiler.driver.clone())
                .args(self.build.libc_arguments(function))
                .env("PATH", self.runtime.path.as_str())
                .env("LC_ALL", "C")
                .cwd(objects.clone());
            self.runtime
                .run(&take, "the library's file in `manifests/kernels` says which functions come from the C library")?;
        }
        let stems = files.iter().filter_map(|file| file.file_stem());
        let names = stems.chain(self.build.libc.iter().map(String::as_str)).map(|stem| format!("{stem}.o"));
        let archive = Invocation::new(self.compiler.archiver.clone())
            .args(["rcsD", job.out_dir().join(artifact::ARCHIVE).as_str()])
            .args(names)
            .env("LC_ALL", "C")
            .cwd(objects);
        self.runtime.run(&archive, "is there room on the disk?")?;
        Ok(())
    }
}
