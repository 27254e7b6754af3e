//! Kernels of the deployment's own: their crates in the firmware project, and the program that runs one of them on the host.
//!
//! Host program and firmware have the same constants, written by [`operator`]. Knows steps and lock files; does not know where
//! crates come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::Utf8PathBuf;

use super::source::item;
use super::told::operator;
use super::{EmitError, Files, Model};
use crate::model::Graph;
use crate::model::lower::{Call, Own, Step};

/// Name of the host program's package, which no crate with a kernel has.
pub const HOST_PROGRAM: &str = "player";

/// A crate with a kernel.
#[derive(Clone, Debug)]
pub struct OwnCrate {
    /// Name of the crate and of its kernel.
    pub name: String,
    /// Version.
    pub version: String,
    /// Rust edition.
    pub edition: String,
    /// SPDX licence expression.
    pub licence: Option<String>,
    /// Its files, without manifest and lock file.
    pub files: Files,
}

impl OwnCrate {
    /// Folder in the project.
    fn folder(&self) -> Utf8PathBuf {
        Utf8PathBuf::from("own").join(&self.name)
    }

    /// The manifest: the one that the crate came with may name other paths.
    fn manifest(&self) -> String {
        let Self { name, version, edition, licence, .. } = self;
        let licence = licence.as_ref().map(|licence| format!("license = {licence:?}\n")).unwrap_or_default();
        format!(
            "[package]\nname = \"{name}\"\ndescription = \"A kernel of this deployment's own\"\nversion = \"{version}\"\n\
             edition = \"{edition}\"\n{licence}publish = false\nbuild = false\nautobins = false\nautoexamples = false\n\
             autotests = false\nautobenches = false\n\n[dependencies]\nkernels = {{ path = \"../../kernels\" }}\n"
        )
    }
}

/// Adds crates to a project, as members of its workspace.
pub fn add_crates(files: &mut Files, crates: &[OwnCrate]) -> Result<(), EmitError> {
    if crates.is_empty() {
        return Ok(());
    }
    let members: Vec<Utf8PathBuf> = crates.iter().map(OwnCrate::folder).collect();
    let workspace = with_members(&text(files, "Cargo.toml")?, &members)?;
    let locked = lock(&text(files, "Cargo.lock")?, crates, &["model"]);
    files.insert("Cargo.toml".into(), workspace.into_bytes());
    files.insert("Cargo.lock".into(), locked.into_bytes());
    add_sources(files, crates);
    Ok(())
}

fn add_sources(files: &mut Files, crates: &[OwnCrate]) {
    for own in crates {
        let folder = own.folder();
        files.extend(own.files.iter().map(|(path, bytes)| (folder.join(path), bytes.clone())));
        files.insert(folder.join("Cargo.toml"), own.manifest().into_bytes());
    }
}

fn text(files: &Files, path: &str) -> Result<String, EmitError> {
    let bytes = files.get(camino::Utf8Path::new(path));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    text.ok_or_else(|| EmitError::Template { path: path.to_owned() })
}

/// The workspace's manifest with further members.
fn with_members(workspace: &str, members: &[Utf8PathBuf]) -> Result<String, EmitError> {
    let missing = || EmitError::Template { path: "Cargo.toml".to_owned() };
    let (before, rest) = workspace.split_once("\nmembers = [").ok_or_else(missing)?;
    let (list, after) = rest.split_once(']').ok_or_else(missing)?;
    let more: Vec<String> = members.iter().map(|member| format!(", \"{member}\"")).collect();
    Ok(format!("{before}\nmembers = [{list}{}]{after}", more.concat()))
}

/// The template's lock file with a package for each crate, of which those in `users` depend on all. Packages and
/// dependencies stay sorted, as Cargo writes them.
pub fn lock(template: &str, crates: &[OwnCrate], users: &[&str]) -> String {
    let mut blocks = template.split("\n[[package]]\n");
    let head = blocks.next().unwrap_or_default();
    let mut packages: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut add = |block: String| {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
        };
        packages.insert((field("name"), field("version")), block.trim_end().to_owned());
    };
    for block in blocks {
        let user = users.iter().any(|user| block.starts_with(&format!("name = \"{user}\"\n")));
        add(if user { with_dependencies(block, crates) } else { block.to_owned() });
    }
    for own in crates {
        let (name, version) = (&own.name, &own.version);
        add(format!("name = \"{name}\"\nversion = \"{version}\"\ndependencies = [\n \"kernels\",\n]"));
    }
    if users.contains(&HOST_PROGRAM) {
        let block = format!("name = \"{HOST_PROGRAM}\"\nversion = \"0.1.0\"\ndependencies = [\n \"kernels\",\n]");
        add(with_dependencies(&block, crates));
    }
    let packages = packages.into_values().map(|block| format!("\n[[package]]\n{block}\n"));
    head.to_owned() + &packages.collect::<Vec<_>>().concat()
}

/// A package that depends on `crates`, too.
fn with_dependencies(block: &str, crates: &[OwnCrate]) -> String {
    let (before, list) = block.split_once("\ndependencies = [\n").unwrap_or((block.trim_end(), "]"));
    let known = list.lines().take_while(|line| *line != "]").map(str::to_owned);
    let all: BTreeSet<String> = known.chain(crates.iter().map(|own| format!(" \"{}\",", own.name))).collect();
    let all: String = all.into_iter().map(|line| line + "\n").collect();
    format!("{before}\ndependencies = [\n{all}]")
}

/// Lines of the model crate's dependencies.
pub(super) fn dependencies(model: &Model<'_>) -> String {
    let names: BTreeSet<&str> = model.steps.iter().filter_map(|step| Some(own(step)?.kernel.name.as_str())).collect();
    let lines = names.into_iter().map(|name| format!("{name} = {{ path = \"../own/{name}\" }}\n"));
    lines.collect::<Vec<_>>().concat()
}

fn own(step: &Step) -> Option<&Own> {
    match &step.call {
        Call::Own(own) => Some(own),
        _ => None,
    }
}

/// The workspace of the host program: all packages of the firmware, so that its lock file fits, of which `skeleton` says which
/// are there with their code; the crates; and a program for each, which runs the operators of `steps` that have its kernel.
pub fn host_program(
    skeleton: &Files,
    crates: &[OwnCrate],
    program: &str,
    graph: &Graph,
    steps: &[Step],
) -> Result<Files, EmitError> {
    let mut files = skeleton.clone();
    let mut members: Vec<Utf8PathBuf> = crates.iter().map(OwnCrate::folder).collect();
    members.push(HOST_PROGRAM.into());
    let workspace = with_members(&text(&files, "Cargo.toml")?, &members)?;
    let locked = lock(&text(&files, "Cargo.lock")?, crates, &[HOST_PROGRAM]);
    add_sources(&mut files, crates);
    let needs: Vec<String> =
        crates.iter().map(|own| format!("{0} = {{ path = \"../own/{0}\" }}\n", own.name)).collect();
    let manifest = format!(
        "[package]\nname = \"{HOST_PROGRAM}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\nbuild = false\n\n\
         [dependencies]\nkernels = {{ path = \"../kernels\" }}\n{}",
        needs.concat()
    );
    let mut write = |path: String, text: String| files.insert(path.into(), text.into_bytes());
    write("Cargo.toml".to_owned(), workspace);
    write("Cargo.lock".to_owned(), locked);
    write(format!("{HOST_PROGRAM}/Cargo.toml"), manifest);
    for own in crates {
        write(format!("{HOST_PROGRAM}/src/bin/{}.rs", own.name), source(&own.name, program, graph, steps)?);
    }
    Ok(files)
}

/// One kernel's program: its operators, then the text that is the same for all.
fn source(kernel: &str, program: &str, graph: &Graph, steps: &[Step]) -> Result<String, EmitError> {
    let mut text = format!("{program}\n");
    let _ =
        writeln!(text, "/// Wrong here: the function in the crate `{kernel}` is not of the form that kernels have.");
    let _ = writeln!(text, "const KERNEL: Kernel = {kernel}::{kernel};\n");
    let mut list = String::new();
    // The program's own text names these.
    let known = ["CustomOperator", "CustomTensor"];
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for step in steps {
        let Some(own) = own(step).filter(|own| own.kernel.name == kernel) else { continue };
        let position = step.operator.0;
        let told = operator(graph, step)
            .map_err(|problem| EmitError::Parameters { operator: graph.label(step.operator), problem })?;
        types.extend(told.types.iter().filter(|name| !known.contains(name)));
        text += &item(0, &format!("const OP_{position}: CustomOperator"), &told.value);
        let _ = writeln!(list, "    ({position}, &OP_{position}, {}),", own.kernel.scratch);
    }
    for name in types {
        let _ = writeln!(text, "use kernels::{name};");
    }
    let _ = write!(text, "\nconst OPERATORS: &[(u32, &CustomOperator, usize)] = &[\n{list}];\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::get;
    use crate::model::lower::{self, Choice, OwnKernel};

    fn own(name: &str) -> OwnCrate {
        let files = Files::from([("src/lib.rs".into(), b"#![no_std]\n".to_vec())]);
        OwnCrate {
            name: name.to_owned(),
            version: "1.2.3".to_owned(),
            edition: "2024".to_owned(),
            licence: None,
            files,
        }
    }

    fn template(path: &str) -> String {
        String::from_utf8(get(&format!("firmware-template/{path}")).unwrap().bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_lock_file_gets_a_package_for_each_crate_and_nothing_else() {
        let before = template("Cargo.lock");
        assert_eq!(lock(&before, &[], &["model"]), before);
        let after = lock(&before, &[own("zeta"), own("envelope")], &["model"]);
        let package = |name: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1.2.3\"\ndependencies = [\n \"kernels\",\n]\n\n")
        };
        let model = " \"cmsis-nn\",\n \"envelope\",\n \"kernels\",\n \"preprocess\",\n \"zeta\",\n]";
        assert!(after.contains(model), "{after}");
        assert!(after.contains(&package("envelope")));
        let without = " \"cmsis-nn\",\n \"kernels\",\n \"preprocess\",\n]";
        let undone = after.replace(&package("envelope"), "").replace(model, without);
        assert_eq!(undone.replace(package("zeta").trim_end(), "").trim_end(), before.trim_end());
        let names: Vec<&str> = after.lines().filter(|line| line.starts_with("name = ")).collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn crates_are_members_under_a_manifest_of_ours() {
        let mut files: Files =
            ["Cargo.toml", "Cargo.lock"].map(|path| (path.into(), template(path).into_bytes())).into_iter().collect();
        let before = files.clone();
        add_crates(&mut files, &[]).unwrap();
        assert_eq!(files, before);
        add_crates(&mut files, &[own("envelope")]).unwrap();
        let text = |path: &str| String::from_utf8(files[camino::Utf8Path::new(path)].clone()).unwrap();
        assert!(text("Cargo.toml").contains("\"capi\", \"own/envelope\"]"));
        assert!(text("own/envelope/Cargo.toml").contains("kernels = { path = \"../../kernels\" }"));
        assert_eq!(text("own/envelope/src/lib.rs"), "#![no_std]\n");
    }

    #[test]
    fn a_program_has_the_operators_of_its_kernel() {
        let read = crate::model::read(include_bytes!("../../../tests/golden/custom.tflite")).unwrap();
        let graph = read.graph;
        let mut steps = crate::model::lower(&graph, &read.weights);
        let choice = |operator: &str| Choice {
            operator: operator.to_owned(),
            own: Some(OwnKernel { name: "envelope".to_owned(), scratch: 0 }),
        };
        lower::give(&graph, &mut steps, &[choice("MAXIMUM"), choice("Envelope")]);
        let steps: Vec<Step> = steps.into_iter().map(Result::unwrap).collect();
        let program = source("envelope", "// program", &graph, &steps).unwrap();
        for line in [
            "const KERNEL: Kernel = envelope::envelope;",
            "    (0, &OP_0, 0),",
            "    (1, &OP_1, 0),",
            "use kernels::CustomValue;",
        ] {
            assert!(program.lines().any(|found| found == line), "{program}");
        }
    }
}
