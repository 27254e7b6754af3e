//! The static library for C: what Cargo made of the crate `capi`, as one object that shows the functions of the header and
//! nothing else.
//!
//! Linked into one object first, without what no function of the header reaches. All other symbols are then its own: neither
//! another model in the same program nor a C library or CMSIS-NN of the program's can be mistaken for what is in here.

use camino::Utf8Path;

use super::Runtime;
use crate::emit::{EXPORTS, STREAM_EXPORTS};
use crate::error::{Error, Kind};
use crate::tool::{Binutils, Invocation};

/// The crate in the firmware project.
pub(super) const CRATE: &str = "capi";
/// Compilers' notes to themselves, tables for unwinding (which ends at a C function), and debugging information of code that
/// is not in the object any more.
const WITHOUT: [&str; 4] = [".llvmbc", ".llvmcmd", ".comment", ".ARM.exidx*"];

/// One library with its tools.
pub(super) struct Packing<'a> {
    /// What header, library and symbols are called.
    pub(super) name: &'a str,
    /// Whether the model has a stream.
    pub(super) stream: bool,
    pub(super) binutils: &'a Binutils,
    pub(super) runtime: &'a Runtime,
    /// The stage's own folder.
    pub(super) work: &'a Utf8Path,
}

impl Packing<'_> {
    /// Packs an archive into `to/libNAME.a`.
    pub(super) fn pack(&self, archive: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
        let folder = self.work.join("c");
        for folder in [&folder, to] {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::plain(Kind::Store, format!("cannot make `{folder}`: {error}"), "is there room on the disk?")
            })?;
        }
        let (whole, object) = ("linked.o".to_owned(), format!("{}.o", self.name));
        let more: &[&str] = if self.stream { &STREAM_EXPORTS } else { &[] };
        let symbols: Vec<String> = EXPORTS.iter().chain(more).map(|export| format!("{}_{export}", self.name)).collect();
        let run = |program: &Utf8Path, args: Vec<String>| {
            let tool = Invocation::new(program.to_owned()).args(args).env("LC_ALL", "C").cwd(folder.clone());
            self.runtime.run(&tool, "are linker, `objcopy` and `ar` those of one version of binutils?").map(drop)
        };
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let roots = symbols.iter().flat_map(|symbol| text(&["-u", symbol])).collect();
        run(
            &self.binutils.linker,
            [text(&["-r", "--gc-sections"]), roots, text(&[archive.as_str(), "-o", &whole])].concat(),
        )?;
        let kept = symbols.iter().map(|symbol| format!("--keep-global-symbol={symbol}")).collect();
        let gone = WITHOUT.iter().map(|section| format!("--remove-section={section}")).collect();
        run(&self.binutils.objcopy, [text(&["--strip-debug"]), kept, gone, text(&[&whole, &object])].concat())?;
        let library = to.join(format!("lib{}.a", self.name));
        run(&self.binutils.archiver, text(&["rcsD", library.as_str(), &object]))
    }
}
