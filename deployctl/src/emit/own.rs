//! Kernels of the deployment's own: what they are told, their crates in the firmware project, and the program that runs one
//! of them on the host.
//!
//! Host program and firmware have the same constants, written by [`operator`]. Knows graphs and steps; does not know where
//! crates come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::Utf8PathBuf;
use kernels::Element;
use serde_json::Value as Json;

use super::literal::Literal;
use super::source::{Value, float, item, string};
use super::{EmitError, Files, Model};
use crate::model::lower::{Call, Own, Step, element};
use crate::model::{CustomOptions, CustomValue, Graph, Options, TensorId};

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
    for step in steps {
        let Some(own) = own(step).filter(|own| own.kernel.name == kernel) else { continue };
        let position = step.operator.0;
        let told = operator(graph, step)
            .map_err(|problem| EmitError::Parameters { operator: graph.label(step.operator), problem })?;
        text += &item(0, &format!("const OP_{position}: CustomOperator"), &told.value);
        let _ = writeln!(list, "    ({position}, &OP_{position}, {}),", own.kernel.scratch);
    }
    let _ = write!(text, "\nconst OPERATORS: &[(u32, &CustomOperator, usize)] = &[\n{list}];\n");
    Ok(text)
}

/// What a kernel is told of its operator.
pub(super) fn operator(graph: &Graph, step: &Step) -> Result<Literal, String> {
    let operator = &graph.operators[step.operator.0];
    let mut types = BTreeSet::from(["CustomOperator"]);
    let (options, bytes) = match &operator.options {
        Options::Custom { values, bytes, .. } => {
            let values = values.iter().flat_map(CustomOptions::values);
            let options = values.map(|(name, value)| (name.to_owned(), custom(value)));
            (options.collect::<Vec<_>>(), bytes.as_slice())
        }
        options => (builtin(&serde_json::to_value(options).map_err(|error| error.to_string())?), [].as_slice()),
    };
    if !options.is_empty() {
        types.insert("CustomValue");
    }
    let options = options.into_iter().map(|(name, value)| Value::Plain(format!("({}, {value})", string(&name))));
    let mut tensors = |ids: &[TensorId]| -> Result<Value, String> {
        let all: Vec<Value> = ids.iter().map(|id| tensor(graph, *id)).collect::<Result<_, _>>()?;
        if !all.is_empty() {
            types.extend(["CustomTensor", "Element"]);
        }
        Ok(list(all))
    };
    let fields = vec![
        ("name", Value::Plain(string(&operator.name))),
        ("options", list(options.collect())),
        ("option_bytes", list(bytes.iter().map(Value::plain).collect())),
        ("inputs", tensors(&step.inputs)?),
        ("outputs", tensors(&step.outputs)?),
    ];
    Ok(Literal { name: "CustomOperator", value: Value::Struct("CustomOperator", fields), types })
}

fn list(values: Vec<Value>) -> Value {
    Value::Reference(Box::new(Value::Array(values)))
}

fn tensor(graph: &Graph, id: TensorId) -> Result<Value, String> {
    let tensor = graph.tensor(id);
    let kind = element(tensor.dtype).ok_or_else(|| format!("a tensor of type {}", tensor.dtype.name()))?;
    let (scales, zero_points, axis) = match &tensor.quantization {
        Some(found) => (found.scales.as_slice(), found.zero_points.as_slice(), found.dimension),
        None => (&[][..], &[][..], 0),
    };
    let narrow = |zero: &i64| i32::try_from(*zero).map_err(|_| "a zero point beyond 32 bits".to_owned());
    let zero_points: Vec<i32> = zero_points.iter().map(narrow).collect::<Result<_, _>>()?;
    let shape = tensor.shape.iter().map(Value::plain).collect();
    let fields = vec![
        ("name", Value::Plain(string(&tensor.name))),
        ("element", Value::Plain(format!("Element::{}", element_name(kind)))),
        ("shape", list(shape)),
        ("scales", list(scales.iter().map(|scale| Value::Plain(float(*scale))).collect())),
        ("zero_points", Value::Reference(Box::new(Value::numbers(&zero_points)))),
        ("axis", Value::plain(&axis)),
    ];
    Ok(Value::Struct("CustomTensor", fields))
}

fn element_name(element: Element) -> &'static str {
    match element {
        Element::I8 => "I8",
        Element::U8 => "U8",
        Element::Bool => "Bool",
        Element::I16 => "I16",
        Element::I32 => "I32",
        Element::U32 => "U32",
        Element::I64 => "I64",
        Element::F32 => "F32",
    }
}

/// An option of a custom operator.
fn custom(value: &CustomValue) -> String {
    match value {
        CustomValue::Int(value) => format!("CustomValue::Int({value})"),
        CustomValue::Uint(value) => format!("CustomValue::Int({})", i64::try_from(*value).unwrap_or(i64::MAX)),
        CustomValue::Float(value) => real(*value),
        CustomValue::Bool(value) => format!("CustomValue::Bool({value})"),
        CustomValue::Text(value) => format!("CustomValue::Text({})", string(value)),
        CustomValue::List(values) => {
            format!("CustomValue::List(&[{}])", values.iter().map(custom).collect::<Vec<_>>().join(", "))
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is the meaning: LiteRT's options are float32")]
fn real(value: f64) -> String {
    format!("CustomValue::Float({})", float(value as f32))
}

/// Options of a builtin operator, under the names that its JSON has: LiteRT's.
fn builtin(options: &Json) -> Vec<(String, String)> {
    let Json::Object(fields) = options else { return Vec::new() };
    let named: BTreeMap<&String, &Json> = fields.iter().filter(|(name, _)| *name != "kind").collect();
    named.into_iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect()
}

fn plain(value: &Json) -> Option<String> {
    Some(match value {
        Json::Bool(value) => format!("CustomValue::Bool({value})"),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => format!("CustomValue::Int({whole})"),
            None => real(number.as_f64()?),
        },
        Json::String(text) => format!("CustomValue::Text({})", string(text)),
        Json::Array(values) => {
            format!("CustomValue::List(&[{}])", values.iter().map(plain).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Json::Null | Json::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::get;
    use crate::model::OperatorId;
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
        let model = " \"cmsis-nn\",\n \"envelope\",\n \"kernels\",\n \"zeta\",\n]";
        assert!(after.contains(model), "{after}");
        assert!(after.contains(&package("envelope")));
        let undone = after.replace(&package("envelope"), "").replace(model, " \"cmsis-nn\",\n \"kernels\",\n]");
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
        assert!(text("Cargo.toml").contains("\"app\", \"own/envelope\"]"));
        assert!(text("own/envelope/Cargo.toml").contains("kernels = { path = \"../../kernels\" }"));
        assert_eq!(text("own/envelope/src/lib.rs"), "#![no_std]\n");
    }

    #[test]
    fn kernels_are_told_what_the_graph_says() {
        let read = crate::model::read(include_bytes!("../../../tests/golden/custom.tflite")).unwrap();
        let mut graph = read.graph;
        let mut steps = crate::model::lower(&graph, &read.weights);
        let choice = |operator: &str| Choice {
            operator: operator.to_owned(),
            own: Some(OwnKernel { name: "envelope".to_owned(), scratch: 0 }),
        };
        lower::give(&graph, &mut steps, &[choice("MAXIMUM"), choice("Envelope")]);
        let steps: Vec<Step> = steps.into_iter().map(Result::unwrap).collect();
        let tensor = |name: &str, zero: i32| {
            format!(
                "CustomTensor {{ name: \"{name}\", element: Element::I8, shape: &[1, 16], scales: &[0.05], zero_points: &[{zero}], \
                 axis: 0 }}"
            )
        };
        let told = operator(&graph, &steps[1]).unwrap().value.flat();
        let (input, output) = (tensor("t2", -3), tensor("t3", -128));
        assert_eq!(
            told,
            format!(
                "CustomOperator {{ name: \"Envelope\", options: &[(\"window\", CustomValue::Int(3))], option_bytes: &[], \
                 inputs: &[{input}], outputs: &[{output}] }}"
            )
        );
        let program = source("envelope", "// program", &graph, &steps).unwrap();
        for line in ["const KERNEL: Kernel = envelope::envelope;", "    (0, &OP_0, 0),", "    (1, &OP_1, 0),"] {
            assert!(program.lines().any(|found| found == line), "{program}");
        }
        graph.operators[1].options = Options::Custom { values: None, bytes: vec![7, 8], own: Vec::new() };
        assert!(operator(&graph, &steps[1]).unwrap().value.flat().contains("options: &[], option_bytes: &[7, 8]"));
        let values = [
            ("list", CustomValue::List(vec![CustomValue::Int(-1), CustomValue::Text("a\"b".to_owned())])),
            ("real", CustomValue::Float(0.1)),
        ];
        let values = CustomOptions::new(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        graph.operators[1].options = Options::Custom { values: Some(values), bytes: Vec::new(), own: Vec::new() };
        let told = operator(&graph, &steps[1]).unwrap().value.flat();
        let list = r#"("list", CustomValue::List(&[CustomValue::Int(-1), CustomValue::Text("a\"b")]))"#;
        assert!(told.contains(list) && told.contains("(\"real\", CustomValue::Float(0.1))"), "{told}");
        graph.operators[OperatorId(0).0].options = Options::Pool2d {
            padding: crate::model::graph::Padding::Same,
            stride: [1, 2],
            window: [3, 3],
            activation: crate::model::graph::FusedActivation::Relu6,
        };
        let told = operator(&graph, &steps[0]).unwrap().value.flat();
        assert!(
            told.contains("(\"stride\", CustomValue::List(&[CustomValue::Int(1), CustomValue::Int(2)]))"),
            "{told}"
        );
        assert!(told.contains("(\"padding\", CustomValue::Text(\"same\"))"), "{told}");
    }
}
