//! How the static library is compiled: one description for the stage that compiles it and for the build script of the
//! `cmsis-nn` crate, so that both make the same objects.
//!
//! The crate's documentation has the rules; this is their other reader and writer.

use serde::{Deserialize, Serialize};

/// What is compiled, and how. Paths are relative to the library's folder, in the order of compilation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Include folders.
    pub include: Vec<String>,
    /// Preprocessor definitions, `NAME` or `NAME=VALUE`; among them `CMSIS_NN_REVISION`.
    pub define: Vec<String>,
    /// Compiler flags: the board's, then the library's. Complete; the target adds nothing.
    pub flag: Vec<String>,
    /// C files, sorted.
    pub source: Vec<String>,
    /// Functions of the compiler's C library that the kernels call and that come from there: Rust's own of the same name
    /// are slower.
    pub libc: Vec<String>,
}

impl Build {
    /// Arguments of the compiler for any one C file, without the file itself, `-o` and its object.
    ///
    /// `root` is the library's folder and `crate_folder` that of the `cmsis-nn` crate, both absolute and without links.
    /// `CRATE/csrc/shim.c` is compiled first, then the sources; objects are archived in that order.
    pub fn arguments(&self, root: &str, crate_folder: &str) -> Vec<String> {
        let mut arguments = self.flag.clone();
        arguments.extend(["-ffunction-sections", "-fdata-sections"].map(str::to_owned));
        arguments.push(format!("-ffile-prefix-map={root}=/cmsis-nn"));
        arguments.push(format!("-ffile-prefix-map={crate_folder}=/fw/cmsis-nn"));
        arguments.extend(self.include.iter().map(|folder| format!("-I{root}/{folder}")));
        arguments.extend(self.define.iter().map(|define| format!("-D{define}")));
        arguments.push("-c".to_owned());
        arguments
    }

    /// Arguments of the compiler that take `function` and what it needs out of its C library, into the object `FUNCTION.o`
    /// of the working directory. These objects are archived after all others, in the order of [`Self::libc`].
    pub fn libc_arguments(&self, function: &str) -> Vec<String> {
        let mut arguments = self.flag.clone();
        arguments.extend(["-nostdlib", "-r", "-Wl,--strip-debug"].map(str::to_owned));
        arguments.push(format!("-Wl,--require-defined={function}"));
        arguments.extend(["-lc".to_owned(), "-o".to_owned(), format!("{function}.o")]);
        arguments
    }

    /// The revision of the sources, as [`revision`] counts, from [`Self::define`].
    pub fn revision(&self) -> Option<u32> {
        self.define.iter().find_map(|define| define.strip_prefix("CMSIS_NN_REVISION=")?.parse().ok())
    }

    /// The text of `cmsis-nn.sources`, for a library in `root`, a path relative to the crate's folder.
    pub fn description(&self, root: &str) -> String {
        let words = [
            ("include", &self.include),
            ("define", &self.define),
            ("flag", &self.flag),
            ("source", &self.source),
            ("libc", &self.libc),
        ];
        let lines = words.iter().flat_map(|(word, values)| values.iter().map(move |value| format!("{word} {value}\n")));
        let opening = "# How libcmsis_nn.a is made where Cargo makes it; see the crate's documentation.\n";
        format!("{opening}root {root}\n{}", lines.collect::<String>())
    }
}

/// The `$Revision` of `Include/arm_nnfunctions.h` as the shim's `CMSIS_NN_REVISION`: V.12.5.1 is 120501.
pub fn revision(header: &str) -> Option<u32> {
    version(header.lines().find(|line| line.contains("$Revision:"))?)
}

/// The first `V.MAJOR.MINOR.PATCH` of a text as [`revision`] counts.
pub fn version(text: &str) -> Option<u32> {
    let number = text.split_once("V.")?.1.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = number.trim_end_matches('.').split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
    (minor < 100 && patch < 100).then(|| major.checked_mul(10_000)?.checked_add(minor * 100 + patch)).flatten()
}

#[cfg(test)]
mod tests {
    use super::{Build, revision, version};

    #[test]
    fn revision_is_read_from_the_header() {
        assert_eq!(revision(" * $Date:        9 January 2024\n * $Revision:    V.12.5.1\n *\n"), Some(120_501));
        assert_eq!(revision(" * $Revision:    V.12.5\n"), None);
        assert_eq!(revision(" * $Revision:    V.429497.0.0\n"), None);
        assert_eq!(revision(""), None);
        assert_eq!(version("V.12.5.1, 9 January 2024"), Some(120_501));
        assert_eq!(version("of 2024"), None);
    }

    #[test]
    fn description_has_one_word_and_one_value_a_line() {
        let build = Build {
            include: vec!["Include".to_owned()],
            define: vec!["CMSIS_NN_REVISION=120501".to_owned()],
            flag: vec!["-mcpu=cortex-m4".to_owned(), "-O2".to_owned()],
            source: vec!["Source/a.c".to_owned()],
            libc: vec!["memcpy".to_owned()],
        };
        let text = build.description("../vendor/CMSIS-NN");
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>(),
            [
                "root ../vendor/CMSIS-NN",
                "include Include",
                "define CMSIS_NN_REVISION=120501",
                "flag -mcpu=cortex-m4",
                "flag -O2",
                "source Source/a.c",
                "libc memcpy"
            ]
        );
        assert_eq!(
            build.arguments("/lib", "/fw").join(" "),
            "-mcpu=cortex-m4 -O2 -ffunction-sections -fdata-sections -ffile-prefix-map=/lib=/cmsis-nn \
             -ffile-prefix-map=/fw=/fw/cmsis-nn -I/lib/Include -DCMSIS_NN_REVISION=120501 -c"
        );
        assert_eq!(
            build.libc_arguments("memcpy").join(" "),
            "-mcpu=cortex-m4 -O2 -nostdlib -r -Wl,--strip-debug -Wl,--require-defined=memcpy -lc -o memcpy.o"
        );
    }
}
