//! The archives that `generate.py` writes; `archive.py` says what is in them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

/// A model and what LiteRT Micro made of it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) model: Vec<u8>,
    /// Inputs and outputs of each vector one after the other; `None` where LiteRT Micro refuses the model or crashes.
    pub(crate) data: Option<Vec<u8>>,
    /// LiteRT Micro's outputs depend on what its memory held before; these are those of zeroed memory.
    pub(crate) undefined: bool,
}

/// Cases in the order of the archive.
pub(crate) fn read(path: &Path) -> Vec<Case> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let reader: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(reader).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(name, bytes);
    }
    let index = String::from_utf8(files["index"].clone()).unwrap();
    let case = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap().to_owned();
        let undefined = words.next() == Some("undefined");
        let model = files.remove(&format!("{name}.tflite")).unwrap();
        let data = files.remove(&format!("{name}.data"));
        Case { name, model, data, undefined }
    };
    index.lines().map(case).collect()
}
