//! The manifest as people meet it: good files load, bad ones are explained, hostile ones are survived.

mod around;
mod hostile;
mod known_bad;
mod messages;
mod round_trip;
mod sound;
mod values;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{Catalog, Errors, Manifest, load, project_root};

/// A manifest that uses every node.
const GOOD: &str = r#"manifest version=1

deployment "kws" version="1.2.0" owner="audio-team@example.com" {
    summary "Keyword spotting, 12 words, DS-CNN"
}

model "models/kws.tflite" {
    input "input_1" type="int8" { shape 1 49 10 1; quantization scale=0.5847029 zero-point=83 }
    output "Identity" type="int8" { shape 1 2; quantization scale=0.00390625 zero-point=-128; labels "models/kws-labels.txt" }
}

target "mps2-an386"
target "host"

runtime "aot"
arena budget="24KiB" headroom="10%" owner="ml-platform@example.com"
kernels "cmsis-nn" policy="require" owner="ml-platform@example.com" {
    fallback "reference" max-mac-share="5%"
    use "op:7" kernel="reference" reason="known-bad entry CN-3"
}

regression { vectors "vectors/kws.npz"; runs 20 }
gates {
    flash max="256KiB" margin="10%"
    stack max="4KiB" margin="25%"
    latency max="9.5M instructions" margin="20%"
}
runbook { escalate "audio-team@example.com"; review-every "release" }
"#;

/// A project in a temporary folder, with the files that [`GOOD`] names.
struct Project {
    _keep: TempDir,
    root: Utf8PathBuf,
}

impl Project {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
        let project = Self { _keep: keep, root };
        project.write("manifests/models/kws.tflite", "not opened here");
        project.write("manifests/models/kws-labels.txt", "yes\nno\n");
        project.write("manifests/vectors/kws.npz", "not opened here");
        project
    }

    fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Utf8Path::new("."))).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }

    fn load(&self, text: impl AsRef<[u8]>) -> Result<Manifest, Errors> {
        let path = self.write("manifests/kws.kdl", text);
        let catalog = Catalog::open(&project_root(&path))?;
        load(&path, &catalog)
    }
}

/// [`GOOD`] with each `(from, to)` replaced; `from` must be there.
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in the manifest");
        text.replacen(from, to, 1)
    })
}

/// The mistakes as a terminal without colours shows them.
fn rendered(errors: &Errors) -> String {
    let theme = miette::GraphicalTheme::unicode_nocolor();
    let mut out = String::new();
    miette::GraphicalReportHandler::new_themed(theme).with_width(100).render_report(&mut out, errors).unwrap();
    // Trailing spaces do not survive editors.
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
