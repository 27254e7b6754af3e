//! The `convert` node: the command that makes the `.tflite` file, and everything that it may read.
//!
//! Knows commands, paths and limits as people write them; starts nothing and opens no file.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8Path;

use super::decode::{Grammar, Node, Times};
use super::files::plain;
use super::resolve::folder_of;
use super::types::{Convert, ConvertInput, Provenance, Spanned};
use super::units;
use super::value::Value;
use super::words::words;

pub(super) const CONVERT: Grammar = Grammar {
    arguments: 1,
    properties: &[],
    children: &[
        ("input", Times::Often),
        ("environment", Times::Often),
        ("time-limit", Times::Once),
        ("reproducible", Times::Once),
        ("provenance", Times::Once),
    ],
    later: &[],
};
const ONE: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const TWO: Grammar = Grammar { arguments: 2, ..Grammar::NOTHING };
const PROVENANCE: Grammar = Grammar {
    children: &[
        ("source", Times::Once),
        ("calibration", Times::Once),
        ("converter", Times::Once),
        ("quantization", Times::Once),
    ],
    ..Grammar::NOTHING
};
const EXAMPLE: &str = "convert \"python3 train/convert.py --out {output}\" { input \"train/convert.py\" }";
/// Where the command writes the model.
const OUTPUT: &str = "{output}";
/// Longest that a command may take, where the manifest does not say.
const TIME_LIMIT: Duration = Duration::from_mins(30);
/// Variables that are set for every command, to folders that are made for it.
const SET: [&str; 3] = ["HOME", "PATH", "TMPDIR"];

/// Reads the `convert` node of the manifest at `manifest`, in the project at `root`.
pub(super) fn convert(node: &Node<'_>, manifest: &Utf8Path, root: &Utf8Path) -> Option<Convert> {
    let command = node.need_argument(0, "a command", EXAMPLE).and_then(|value| command(&value));
    let inputs = inputs(node, manifest, root);
    let environment = environment(node);
    let time_limit = node.child("time-limit", &ONE).map_or(Some(TIME_LIMIT), |node| {
        let value = node.need_argument(0, "a time", "time-limit \"30min\"")?;
        value.quantity(false, "30min", units::duration)
    });
    let reproducible = node.child("reproducible", &ONE).map_or(Some(false), |node| {
        node.need_argument(0, "`#true` or `#false`", "reproducible #true").and_then(|value| value.flag())
    });
    let provenance = match node.child("provenance", &PROVENANCE) {
        Some(node) => provenance(&node, inputs.as_deref()),
        None => Some(Provenance::default()),
    };
    let (written, command) = command?;
    Some(Convert {
        command,
        written,
        inputs: inputs?,
        environment: environment?,
        time_limit: time_limit?,
        reproducible: reproducible?,
        provenance: provenance?,
        forbidden: false,
    })
}

fn command(value: &Value<'_>) -> Option<(Spanned<String>, Vec<String>)> {
    let written = Spanned { value: value.text()?, span: value.span() };
    let words = match words(&written.value) {
        Ok(words) => words,
        Err(problem) => {
            let help = "put the word in quotes if it is meant literally, or name the shell: `sh -c '…'`";
            value.refuse(problem, "this command", help);
            return None;
        }
    };
    if !words.iter().skip(1).any(|word| word.contains(OUTPUT)) {
        let help = format!("write `{OUTPUT}` where the command takes the path of the file that it makes");
        value.refuse(format!("the command does not say `{OUTPUT}`"), "no place for the model", help);
        return None;
    }
    Some((written, words))
}

fn inputs(node: &Node<'_>, manifest: &Utf8Path, root: &Utf8Path) -> Option<Vec<Spanned<ConvertInput>>> {
    let mut inputs: Option<Vec<Spanned<ConvertInput>>> = Some(Vec::new());
    for node in node.children("input", &ONE) {
        let value = node.need_argument(0, "the path of a file or folder", "input \"train/convert.py\"");
        let input = value.and_then(|value| {
            let input = input(&value, manifest, root)?;
            let earlier = inputs.iter().flatten().any(|other| {
                let (a, b) = (&other.value.place, &input.place);
                a.starts_with(b) || b.starts_with(a)
            });
            if earlier {
                let message = format!("`{}` is an input already, or lies in one", input.written);
                value.refuse(message, "second one", "keep one of them");
                return None;
            }
            Some(Spanned { value: input, span: value.span() })
        });
        inputs = inputs.zip(input).map(|(mut inputs, input)| {
            inputs.push(input);
            inputs
        });
    }
    inputs
}

fn input(value: &Value<'_>, manifest: &Utf8Path, root: &Utf8Path) -> Option<ConvertInput> {
    let written = value.text()?;
    let path = plain(&folder_of(manifest).join(&written));
    if !path.is_file() && !path.is_dir() {
        let help = "write a path relative to this file's folder, of a file, or of a folder with all that is in it";
        value.refuse(format!("there is no file or folder `{written}`"), "not found", help);
        return None;
    }
    let place = path.strip_prefix(plain(root)).ok().filter(|place| !place.as_str().is_empty());
    let Some(place) = place.map(Utf8Path::to_owned) else {
        let help =
            "what a model is made from belongs to its project: move it there, or copy it as a first step of its own";
        value.refuse(format!("`{written}` does not lie inside the project"), "outside", help);
        return None;
    };
    Some(ConvertInput { path, place, written })
}

fn environment(node: &Node<'_>) -> Option<BTreeMap<String, String>> {
    let mut all: Option<BTreeMap<String, String>> = Some(BTreeMap::new());
    for node in node.children("environment", &TWO) {
        let example = "environment \"TF_ENABLE_ONEDNN_OPTS\" \"0\"";
        let name = node.need_argument(0, "a name and a value", example);
        let value = node.need_argument(1, "a value", example).and_then(|value| value.name());
        let name = name.and_then(|name| variable(&name, all.as_ref()));
        all = all.zip(name.zip(value)).map(|(mut all, (name, value))| {
            all.insert(name, value);
            all
        });
    }
    all
}

fn variable(value: &Value<'_>, known: Option<&BTreeMap<String, String>>) -> Option<String> {
    let name = value.text()?;
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let problem = if !letters || name.starts_with(|first: char| first.is_ascii_digit()) {
        Some((format!("`{name}` is no name of a variable"), "use letters, digits and `_`"))
    } else if SET.contains(&name.as_str()) {
        Some((format!("`{name}` is set for every command"), "remove it; the folder is new and empty in every run"))
    } else if known.is_some_and(|known| known.contains_key(&name)) {
        Some((format!("`{name}` is set twice"), "keep one of them"))
    } else {
        None
    };
    let Some((message, help)) = problem else { return Some(name) };
    value.refuse(message, "this variable", help);
    None
}

fn provenance(node: &Node<'_>, inputs: Option<&[Spanned<ConvertInput>]>) -> Option<Provenance> {
    let text = |name: &'static str, example| {
        node.child(name, &ONE).map_or(Some(None), |node| node.need_argument(0, "a text", example)?.text().map(Some))
    };
    // The digest of what is named here is an input's.
    let declared = |name: &'static str| {
        let Some(node) = node.child(name, &ONE) else { return Some(None) };
        let value = node.need_argument(0, "an input", "source \"train/kws.keras\"")?;
        let written = value.text()?;
        if inputs.is_some_and(|inputs| !inputs.iter().any(|input| input.value.written == written)) {
            let help =
                format!("add `input \"{written}\"` to `convert`, or name one of its inputs as it is written there");
            value.refuse(format!("`{written}` is no input of the command"), "not declared", help);
            return None;
        }
        Some(Some(written))
    };
    let (source, calibration) = (declared("source"), declared("calibration"));
    let converter = text("converter", "converter \"tensorflow\"");
    let quantization = text("quantization", "quantization \"int8, per channel\"");
    Some(Provenance { source: source?, calibration: calibration?, converter: converter?, quantization: quantization? })
}
