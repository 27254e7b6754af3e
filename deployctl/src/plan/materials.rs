//! What builds are made from, besides manifests.

use camino::Utf8PathBuf;
use deployctl_cache::{FileInput, TreeInput};

use crate::gate::Governance;
use crate::library::Build;
use crate::stage::{ConvertSource, LastRelease, LibraryFile, OwnSource, Vendored};
use crate::tool::{Binutils, Gcc, HostLinker, Program, Qemu, Rustc, Strace};

/// What a deployment is made of besides its manifest: contents of files, identities of tools.
#[derive(Clone, Debug)]
pub struct Materials {
    /// The `.tflite` file in the project; absent where it is not there and a command makes it.
    pub model: Option<FileInput>,
    /// The command that makes it, where one is declared and may run.
    pub convert: Option<ConvertMaterials>,
    /// The vectors, where they are files.
    pub vectors: Option<VectorMaterials>,
    /// Features of the training side, where any are declared.
    pub parity: Option<ParityMaterials>,
    /// Kernels of the deployment's own, where it has any.
    pub own: Option<OwnMaterials>,
    /// Instructions that a scenario may take, where it shall take more than the fewest that are of use.
    pub budget: Option<u64>,
    /// Whether firmware with known mistakes is made and run, too.
    pub inject: bool,
    /// Paths of the waivers that have expired. The day is asked for once, and is in no key.
    pub expired: Vec<String>,
    /// Governed values and their approvals, where anything was ever approved for the deployment.
    pub governance: Option<Governance>,
    /// The last release before the present version, where there is one.
    pub release: Option<LastRelease>,
    /// The release of the present version, where there is one and the manifest promises something else.
    pub reissued: Option<LastRelease>,
    /// Whether the verdict is that of a release, which is built twice before it is put anywhere.
    pub reproduced: bool,
    /// For each target, in the manifest's order.
    pub targets: Vec<TargetMaterials>,
}

/// A command that makes the model, with everything that it reads.
#[derive(Clone, Debug)]
pub struct ConvertMaterials {
    /// Its inputs.
    pub inputs: Vec<ConvertSource>,
    /// Whether the command's first word is one of them.
    pub script: bool,
    /// What is started.
    pub program: Program,
    /// What looks for undeclared reads, where it is installed.
    pub watcher: Option<Strace>,
    /// The user's home folder.
    pub home: Option<Utf8PathBuf>,
}

/// Files of vectors.
#[derive(Clone, Debug)]
pub enum VectorMaterials {
    /// One `.npz` file.
    File(FileInput),
    /// Recordings.
    Recordings {
        /// The files.
        files: TreeInput,
        /// Their labels.
        labels: Option<FileInput>,
    },
}

/// Files of the training side.
#[derive(Clone, Debug)]
pub struct ParityMaterials {
    /// Features.
    pub features: FileInput,
    /// Raw inputs in files of their own.
    pub inputs: Option<TreeInput>,
}

/// Kernels of the deployment's own, and what compiles them for the host.
#[derive(Clone, Debug)]
pub struct OwnMaterials {
    /// The crates.
    pub crates: Vec<OwnSource>,
    /// The Rust toolchain.
    pub rustc: Rustc,
    /// What links.
    pub linker: HostLinker,
    /// Vendored firmware crates.
    pub vendored: Vendored,
}

/// What a target needs.
#[derive(Clone, Debug)]
pub struct TargetMaterials {
    /// The Rust toolchain.
    pub rustc: Rustc,
    /// What links for the host: its firmware, and for any target the build scripts of crates.
    pub linker: HostLinker,
    /// What packs the library for C.
    pub binutils: Binutils,
    /// Vendored firmware crates.
    pub crates: Vendored,
    /// Kernel library sources and the compilers that they need; absent where reference kernels run.
    pub library: Option<LibraryMaterials>,
    /// The emulator, where the board's runner is one.
    pub qemu: Option<Qemu>,
}

/// A kernel library and its compilers.
#[derive(Clone, Debug)]
pub struct LibraryMaterials {
    /// The file that says which they are.
    pub file: LibraryFile,
    /// The library's sources: compiled files and headers.
    pub sources: TreeInput,
    /// Digest of the whole source, as `deploy.lock` records it.
    pub source_digest: String,
    /// What is compiled for the target, and how.
    pub build: Build,
    /// The cross compiler.
    pub cross: Gcc,
    /// The host's compiler, for questions about scratch sizes.
    pub host: Gcc,
}
