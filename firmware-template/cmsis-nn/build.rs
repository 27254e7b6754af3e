//! Compiles CMSIS-NN and the shim into `libcmsis_nn.a`. The crate's documentation says how, and when this does not run.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Describes the library for builds without deployctl.
const DESCRIPTION: &str = "cmsis-nn.sources";
/// Names the library's folder where there is no description.
const FOLDER: &str = "DEPLOYCTL_CMSIS_NN";
/// Names the folder of a `libcmsis_nn.a` that is there already.
const LIBRARY: &str = "DEPLOYCTL_CMSIS_NN_LIBRARY";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is compiled, and how.
#[derive(Default)]
struct Library {
    root: PathBuf,
    include: Vec<String>,
    define: Vec<String>,
    flag: Vec<String>,
    source: Vec<String>,
    libc: Vec<String>,
}

fn main() -> Result<()> {
    println!("cargo:rustc-check-cfg=cfg(cmsis_nn_library)");
    println!("cargo:rerun-if-changed={DESCRIPTION}");
    println!("cargo:rerun-if-changed=csrc");
    println!("cargo:rerun-if-env-changed={FOLDER}");
    println!("cargo:rerun-if-env-changed={LIBRARY}");
    if let Ok(folder) = env::var(LIBRARY) {
        println!("cargo:rustc-link-search=native={folder}");
        println!("cargo:rustc-link-lib=static=cmsis_nn");
        println!("cargo:rustc-cfg=cmsis_nn_library");
        return Ok(());
    }
    let crate_folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let description = crate_folder.join(DESCRIPTION);
    let library = if description.exists() {
        Library::described(&fs::read_to_string(&description)?, &crate_folder)?
    } else if let Ok(root) = env::var(FOLDER) {
        Library::whole(PathBuf::from(root))?
    } else {
        println!("cargo:warning=no CMSIS-NN sources: write {DESCRIPTION} or set {FOLDER}; its kernels will not link");
        return Ok(());
    };
    library.compile(&crate_folder)?;
    println!("cargo:rustc-cfg=cmsis_nn_library");
    Ok(())
}

impl Library {
    /// Reads a description.
    fn described(text: &str, crate_folder: &Path) -> Result<Self> {
        let mut library = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (word, value) = line.split_once(' ').ok_or_else(|| format!("{DESCRIPTION}: no value in `{line}`"))?;
            let value = value.trim().to_owned();
            match word {
                "root" => library.root = crate_folder.join(value),
                "include" => library.include.push(value),
                "define" => library.define.push(value),
                "flag" => library.flag.push(value),
                "source" => library.source.push(value),
                "libc" => library.libc.push(value),
                _ => return Err(format!("{DESCRIPTION}: unknown word `{word}`").into()),
            }
        }
        Ok(library)
    }

    /// All of the library in `root`, for this machine.
    fn whole(root: PathBuf) -> Result<Self> {
        let header = fs::read_to_string(root.join("Include/arm_nnfunctions.h"))?;
        let revision = revision(&header).ok_or("no $Revision in Include/arm_nnfunctions.h")?;
        Ok(Self {
            root,
            include: vec!["Include".to_owned()],
            define: vec![format!("CMSIS_NN_REVISION={revision}")],
            flag: vec!["-O2".to_owned(), "-fPIC".to_owned()],
            source: vec!["Source/**".to_owned()],
            libc: Vec::new(),
        })
    }

    fn compile(&self, crate_folder: &Path) -> Result<()> {
        let root = self.root.canonicalize()?;
        let mut build = cc::Build::new();
        build.no_default_flags(true).warnings(false).flags(&self.flag);
        build.flags(["-ffunction-sections", "-fdata-sections"]);
        build.flag(format!("-ffile-prefix-map={}=/cmsis-nn", root.display()));
        build.flag(format!("-ffile-prefix-map={}=/fw/cmsis-nn", crate_folder.display()));
        build.includes(self.include.iter().map(|folder| root.join(folder)));
        for define in &self.define {
            build.flag(format!("-D{define}"));
        }
        build.file(crate_folder.join("csrc/shim.c"));
        for source in self.files(&root)? {
            println!("cargo:rerun-if-changed={}", source.display());
            build.file(source);
        }
        for function in &self.libc {
            build.object(self.taken(function, build.get_compiler().path())?);
        }
        build.try_compile("cmsis_nn")?;
        Ok(())
    }

    /// A function of the compiler's C library as an object of its own.
    fn taken(&self, function: &str, compiler: &Path) -> Result<PathBuf> {
        let object = PathBuf::from(env::var("OUT_DIR")?).join(format!("{function}.o"));
        let status = Command::new(compiler)
            .args(&self.flag)
            .args(["-nostdlib", "-r", "-Wl,--strip-debug", &format!("-Wl,--require-defined={function}"), "-lc", "-o"])
            .arg(&object)
            .status()?;
        if !status.success() {
            return Err(format!("no `{function}` in the C library of `{}`", compiler.display()).into());
        }
        Ok(object)
    }

    /// C files in the order of their paths.
    fn files(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for source in &self.source {
            match source.strip_suffix("/**") {
                Some(folder) => c_files(&root.join(folder), &mut files)?,
                None => files.push(root.join(source)),
            }
        }
        files.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
        files.dedup();
        Ok(files)
    }
}

fn c_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            c_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "c") {
            files.push(path);
        }
    }
    Ok(())
}

/// `V.12.5.1` in a header's `$Revision` line as 120501.
fn revision(header: &str) -> Option<u32> {
    let line = header.lines().find(|line| line.contains("$Revision:"))?;
    let numbers = line.split_once("V.")?.1.trim();
    let mut parts = numbers.split('.').map(|part| part.trim().parse::<u32>().ok());
    Some(parts.next()?? * 10_000 + parts.next()?? * 100 + parts.next()??)
}
