//! From recordings on disk to a verdict: the training side's features against the deployment's own. Its Python is what `deployctl
//! features` prints; `DEPLOYCTL_ORACLE` names one that has `NumPy`, else `python3` is asked.

use std::io::Cursor;
use std::process::Command;

use hound::{SampleFormat, WavSpec, WavWriter};
use serde_json::Value;

use crate::space::{NAME, Space};

/// Steps of sound before the sample model, whose input is 6 rows of 5 numbers.
const STEPS: &str = r#"preprocess "audio" rate=8000 {
    window "hann" samples=200 stride=80
    fft 256
    mel bands=12 low=60 high=3800
    log floor=1e-9
    dct 5
    frames 6
}
target "#;
const PARITY: &str = "    parity \"../train/features.npz\" inputs=\"../clips/*.wav\" max-lsb=1\n}\ntarget ";
/// Samples that 6 frames take: 3 hops of 80 for the first, then 5.
const SAMPLES: i32 = 640;

/// A project whose sample model hears, with two recordings.
fn space(board: &str) -> Option<Space> {
    let space = Space::built(board)?;
    space.edit(NAME, "target ", STEPS).edit(NAME, "800 B", "32KiB");
    space.edit(NAME, "random count=2 seed=1", "vectors \"../clips/*.wav\"; labels \"../clips/labels.csv\"");
    space.write("clips/labels.csv", "file,label\na.wav,0\nb.wav,2\n");
    space.write("clips/a.wav", clip(8_000, 1, SAMPLES)).write("clips/b.wav", clip(8_000, 5, SAMPLES));
    Some(space)
}

/// A recording of a chord with some noise.
#[expect(clippy::cast_possible_truncation, reason = "samples of 16 bits")]
fn clip(rate: u32, seed: i32, samples: i32) -> Vec<u8> {
    let spec = WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    let mut noise = seed;
    for at in 0..samples {
        noise = noise.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let chord = (f64::from(at) * 0.21).sin() + (f64::from(at * seed) * 0.033).sin();
        writer.write_sample((6_000.0 * chord) as i16 + (noise >> 20) as i16).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// Writes `train/features.npz` with the Python that the manifest gives, once `change` has been at it. `None`, aloud, without
/// `NumPy`.
fn train(space: &Space, change: impl Fn(&str) -> String) -> Option<()> {
    let python = std::env::var("DEPLOYCTL_ORACLE").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: `{python}` has no numpy; name one that has in DEPLOYCTL_ORACLE");
        return None;
    }
    let printed = space.run(&format!("features {NAME}")).succeeded();
    let script = change(&printed.text);
    space.write("train/features.py", script).write("train/features.npz", "");
    let folder = space.path("");
    let ran = Command::new(python)
        .args(["train/features.py", "train/features.npz", "clips/a.wav", "clips/b.wav"])
        .current_dir(folder)
        .output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(())
}

fn gate(space: &Space) -> Value {
    let report: Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    let gates = report["gates"].as_array().unwrap().clone();
    gates.into_iter().find(|gate| gate["name"] == "parity").unwrap()
}

fn agrees(board: &str) {
    let Some(space) = space(board) else { return };
    if train(&space, str::to_owned).is_none() {
        return;
    }
    space.edit(NAME, "}\ntarget ", PARITY);
    space.build("").succeeded();
    let found = gate(&space);
    assert_eq!((&found["verdict"], &found["limit"]["value"]), (&"pass".into(), &1.0.into()), "{found}");
    let papers: Value = serde_json::from_slice(&space.result("parity.json")).unwrap();
    let steps = papers["report"]["steps"].as_array().unwrap();
    let recorded: Vec<&str> =
        steps.iter().filter(|step| !step["error"].is_null()).map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(recorded, ["frame", "window", "fft", "power", "mel", "log", "dct", "frames"]);
    let runbook = String::from_utf8(space.result("runbook.md")).unwrap();
    assert!(runbook.contains("| mel | hop.4 | float32 | frame 0, [0] |"), "{runbook}");
    assert!(runbook.contains("They agree with those that the training side recorded"), "{runbook}");
    assert!(space.build_as_foretold().is_empty(), "a second build runs nothing");
}

#[test]
fn features_of_the_training_side_agree_on_the_host() {
    agrees("host");
}

#[test]
fn another_window_scale_or_file_is_named_with_its_step() {
    let Some(space) = space("host") else { return };
    let symmetric = |script: &str| script.replace("np.arange(SIZE) / SIZE", "np.arange(SIZE) / (SIZE - 1)");
    if train(&space, |script| symmetric(script).replace("np.float32(0.5)", "np.float32(0.25)")).is_none() {
        return;
    }
    space.edit(NAME, "}\ntarget ", PARITY).settle();
    space.build("").failed(1, &[]);
    let found = gate(&space);
    assert_eq!(found["verdict"], "fail");
    let detail = found["detail"].as_str().unwrap();
    let wanted = "step `window` is the first recorded one that drifts: their window is a symmetric Hann window";
    assert!(detail.contains(wanted), "{detail}");
    let report = String::from_utf8(space.result("gate-report.md")).unwrap();
    assert!(report.contains("The first step that drifts is **window**"), "{report}");
    assert!(String::from_utf8(space.result("parity.svg")).unwrap().contains("first step that drifts: window"));
    // The limit is an input of the gate alone.
    space.edit(NAME, "max-lsb=1", "max-lsb=200");
    let ran = space.build("").done().ran();
    assert!(!ran.iter().any(|stage| stage.ends_with("/parity") || stage.ends_with("/expect")), "{ran:?}");
    assert_eq!(gate(&space)["verdict"], "pass");
    space.undo();
    space.write("train/features.npz", "PK");
    space.build("").failed(3, &["`features.npz`, named in `parity`, cannot be used"]);
}

#[test]
fn recordings_that_are_no_vectors_are_named() {
    let Some(space) = space("host") else { return };
    space.settle();
    let wrong = |change: &dyn Fn(&Space), words: &[&str]| {
        change(&space);
        space.build("").failed(3, words);
        space.undo();
    };
    let write = |bytes: Vec<u8>| {
        move |space: &Space| {
            space.write("clips/b.wav", &bytes);
        }
    };
    wrong(&write(clip(16_000, 1, SAMPLES)), &["`b.wav`", "16000 samples a second", "rate=8000"]);
    wrong(
        &write(clip(8_000, 1, 700)),
        &["`b.wav`", "it has 700 samples, and one vector needs 640", "longer=\\\"cut\\\""],
    );
    wrong(&write(vec![]), &["`b.wav`", "it is empty"]);
    wrong(&write(clip(8_000, 1, SAMPLES)[..300].to_vec()), &["`b.wav`", "ends before all of its data"]);
    let put = |path: &'static str, text: &'static str| {
        move |space: &Space| {
            space.write(path, text);
        }
    };
    wrong(&put("clips/labels.csv", "a.wav,0\n"), &["it has no label of `b.wav`"]);
    let edit = |from: &'static str, to: &'static str| {
        move |space: &Space| {
            space.write("clips/c.csv", "1").edit(NAME, from, to);
        }
    };
    wrong(&edit("*.wav", "*.mp3"), &["no files fit"]);
    wrong(&edit("*.wav", "[bc].*"), &["different formats"]);
    wrong(&edit(STEPS.trim_end_matches("target "), ""), &["recordings need a `preprocess` node"]);
}
