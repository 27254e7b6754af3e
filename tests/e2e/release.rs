//! Releases: promoted, checked, made again, held against each other; and whatever is not a release any more is refused by name.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;

use deployctl::release::{self, Files, archive};
use serde_json::{Value, json};

use crate::space::{NAME, Space, files};

const BOARD: &str = "mps2-an386";
const RELEASE: &str = "releases/sample-0.1.0";

/// A project whose values are approved, with the store of a build.
fn approved() -> Option<Space> {
    let space = Space::built(BOARD)?;
    approve(&space);
    Some(space)
}

fn approve(space: &Space) {
    let words = format!("approve --all --by platform@example.com --reason agreed --manifest {NAME}");
    space.run(&words).succeeded();
}

/// The archive of a release, made once.
fn bundle() -> Option<&'static [u8]> {
    static BUNDLE: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let made = BUNDLE.get_or_init(|| {
        let space = approved()?;
        space.run(&format!("promote {NAME}")).succeeded();
        Some(std::fs::read(space.path(RELEASE).join("bundle.tar")).unwrap())
    });
    made.as_deref()
}

/// A project with that release in it.
fn released() -> Option<Space> {
    let (bundle, space) = (bundle()?, approved()?);
    let about = archive::read(bundle).unwrap()["release.json"].clone();
    space.write(&format!("{RELEASE}/bundle.tar"), bundle).write(&format!("{RELEASE}/release.json"), about);
    Some(space)
}

#[test]
fn release_is_promoted_verified_and_built_again() {
    let Some(space) = released() else { return };
    let again = space.run(&format!("promote {NAME}")).succeeded();
    assert!(again.text.contains("is there already, with the same bytes"), "{}", again.text);
    let verified = space.run(&format!("verify {RELEASE} --rebuild")).succeeded();
    for words in ["sample 0.1.0 is what it says", "evidence: emulated", "not signed", "2 ELF files built again"] {
        assert!(verified.text.contains(words), "no `{words}` in {}", verified.text);
    }
    assert!(verified.text.contains("gate report and runbook were written again"), "{}", verified.text);
    // Anyone can look into it.
    let unpacked = space.path("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["xf", "bundle.tar", "-C"]).arg(&unpacked).current_dir(space.path(RELEASE));
    assert!(tar.status().unwrap().success());
    let sums = Command::new("sha256sum").args(["--check", "--quiet", "checksums.txt"]).current_dir(&unpacked).status();
    assert!(sums.unwrap().success());
    space.run("verify unpacked").succeeded();
    space.write("unpacked/more.txt", "more");
    space.run("--json verify unpacked").failed(1, &["`more.txt` is in the bundle, but not in `checksums.txt`"]);
}

#[test]
fn release_holds_what_it_promises() {
    let Some(bundle) = bundle() else { return };
    let files = archive::read(bundle).unwrap();
    let target = |name: &str| format!("targets/{BOARD}/{name}");
    let results = ["app.elf", "app.hex", "app.bin", "harness.elf", "harness.hex", "harness.bin", "verdict.json"];
    let more =
        ["keys.json", "limits.json", "runbook.md", "gate-report.json", "firmware/Cargo.lock", "measurement.json"];
    let project = ["sources/manifests/sample.kdl", "sources/models/sample.tflite", "sources/deploy.lock"];
    let rest =
        ["sources/approvals.kdl", "built-in/manifests/boards/mps2-an386.kdl", "licences/cmsis-nn/arm_nn_types.h"];
    let all = results.iter().chain(&more).map(|name| target(name));
    for path in all.chain(project.iter().chain(&rest).map(|path| (*path).to_owned())) {
        assert!(files.contains_key(&path), "no `{path}`");
    }
    let lock = String::from_utf8(files["sources/deploy.lock"].clone()).unwrap();
    assert!(lock.contains("sample source cmsis-nn ") && lock.contains("sample tool qemu/mps2-an386 "), "{lock}");
    let json = |path: &str| serde_json::from_slice::<Value>(&files[path]).unwrap();
    let about = json("release.json");
    assert_eq!((&about["evidence"], &about["governed"]["arena.budget"]), (&json!("emulated"), &json!("800 bytes")));
    check_bill(&json("sbom.cdx.json"));
    let statement = json("provenance.intoto.json");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], release::sha256(&files[&target("app.elf")]));
    // Nothing of this machine is in it.
    let home = std::env::var("HOME").unwrap() + "/";
    for (path, bytes) in &files {
        let found = bytes.windows(home.len()).any(|window| window == home.as_bytes());
        assert!(!found, "`{home}` is in {path}");
    }
}

/// What `CycloneDX` 1.5 asks of a bill: required fields, unique references, licences and hashes in their forms.
fn check_bill(bill: &Value) {
    assert_eq!(
        (&bill["bomFormat"], &bill["specVersion"], &bill["version"]),
        (&json!("CycloneDX"), &json!("1.5"), &json!(1))
    );
    let components = bill["components"].as_array().unwrap();
    let references: BTreeSet<&str> = components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(references.len(), components.len());
    let crates =
        components.iter().filter(|one| one["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/")));
    let mut count = 0;
    for one in crates {
        assert_eq!(one["hashes"][0]["content"].as_str().unwrap().len(), 64, "{one}");
        assert!(!one["licenses"][0]["expression"].as_str().unwrap().contains('/'), "{one}");
        count += 1;
    }
    assert!(count > 10, "{count} crates");
    let model = components.iter().find(|one| one["type"] == "machine-learning-model").unwrap();
    assert_eq!(model["name"], "sample.tflite");
    assert!(components.iter().any(|one| one["bom-ref"] == "kernel-library:cmsis-nn"));
    let tools = bill["metadata"]["tools"]["components"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "tool rustc/mps2-an386"), "{tools:?}");
}

#[test]
fn release_of_what_may_not_ship_is_refused_by_name() {
    let Some(space) = Space::built(BOARD) else { return };
    space
        .run(&format!("--json promote {NAME}"))
        .failed(1, &["mps2-an386: `governed` was never asked for", "deployctl approve"]);
    space.edit(NAME, "budget=\"800 B\"", "budget=\"700 B\"");
    approve(&space);
    space
        .run(&format!("--json promote {NAME}"))
        .failed(1, &["cannot be promoted", "mps2-an386: `arena_headroom` fails", "raise `budget` of `arena` to"]);
    assert!(!space.path("releases").exists());
}

#[test]
fn release_is_never_changed() {
    let Some(space) = released() else { return };
    space.edit(NAME, "arena budget", "// It fits.\narena budget");
    let same = space.run(&format!("promote {NAME}")).succeeded().text;
    assert!(
        same.contains("nothing to release: sample 0.1.0 in `releases/sample-0.1.0/bundle.tar` holds the same"),
        "{same}"
    );
    assert!(same.contains("made with another `manifests/sample.kdl`"), "{same}");
    space.edit(NAME, "max=\"4KiB\"", "max=\"6KiB\"");
    approve(&space);
    space.run(&format!("--json promote {NAME}")).failed(1, &["`gates.stack.max` was 4096 bytes and is 6144 bytes"]);
    let left: Vec<_> = files(&space.path("releases")).into_keys().collect();
    assert_eq!(left, ["sample-0.1.0/bundle.tar", "sample-0.1.0/release.json"]);
    // A page beside the archive is a copy of the one in it.
    space.write(&format!("{RELEASE}/{BOARD}/runbook.md"), "# Do nothing\n");
    space.run(&format!("--json verify {RELEASE}")).failed(1, &["runbook.md` is not the one in `bundle.tar` beside it"]);
}

/// Bytes of the archive, one at a time, over headers, contents and padding; and the archive cut short.
#[test]
fn release_with_one_changed_byte_is_refused() {
    let Some(bundle) = bundle() else { return };
    let read = |bytes: &[u8]| -> Result<(), String> {
        let files = archive::read(bytes).map_err(|error| error.to_string())?;
        release::check(&files).map(drop).map_err(|error| error.to_string())
    };
    read(bundle).unwrap();
    // A whole header and the padding behind a small file; then a stride that hits everything else sooner or later.
    let header = 0..512;
    let stride = (0..bundle.len()).step_by(bundle.len() / 150);
    for at in header.step_by(3).chain(stride).chain([bundle.len() - 1]) {
        let mut changed = bundle.to_vec();
        changed[at] ^= 1 << (at % 8);
        let words = read(&changed).expect_err(&format!("byte {at}"));
        assert!(words.contains('`') || words.contains("of the archive"), "byte {at}: {words}");
    }
    for end in (0..bundle.len()).step_by(bundle.len() / 20) {
        let words = read(&bundle[..end]).expect_err(&format!("{end} bytes"));
        assert!(words.contains('`') || words.contains("of the archive"), "{end} bytes: {words}");
    }
}

/// A bundle with something changed, and checksums that fit.
fn forged(change: impl FnOnce(&mut Files)) -> Option<String> {
    let mut files = archive::read(bundle()?).unwrap();
    change(&mut files);
    release::seal(&mut files);
    Some(release::check(&files).map(|_| ()).expect_err("a forged bundle").to_string())
}

fn edit(files: &mut Files, path: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[path].clone()).unwrap();
    assert!(text.contains(from), "`{from}` is not in {path}");
    files.insert(path.to_owned(), text.replacen(from, to, 1).into_bytes());
}

/// Whoever mends the checksums too is found out by what must agree.
#[test]
fn release_whose_evidence_is_of_something_else_is_refused() {
    let at = |name: &str| format!("targets/{BOARD}/{name}");
    let check = |change: &dyn Fn(&mut Files), words: &str| {
        let Some(found) = forged(change) else { return };
        assert!(found.contains(words), "no `{words}` in {found}");
    };
    let elf = |files: &mut Files| {
        let harness = files[&at("harness.elf")].clone();
        files.insert(at("app.elf"), harness);
    };
    check(&elf, "it is not what the ELF file beside it makes");
    let image = |files: &mut Files| files.get_mut(&at("app.elf")).unwrap().push(0);
    check(&image, "it is not what stage `sample/mps2-an386/compile` made");
    let measured = |files: &mut Files| edit(files, &at("measurement.json"), "\"vectors\": 2", "\"vectors\": 9");
    check(&measured, "`targets/mps2-an386/measurement.json`: it is not what stage `sample/mps2-an386/measure` made");
    let limits = |files: &mut Files| edit(files, &at("limits.json"), "262144", "562144");
    check(&limits, "these are not the limits that the verdict was given by");
    let board = |files: &mut Files| {
        edit(files, "release.json", "\"board\": \"mps2-an386\"", "\"board\": \"mps2-an385\"");
        let moved: Vec<String> = files.keys().filter(|path| path.starts_with("targets/")).cloned().collect();
        for path in moved {
            let bytes = files.remove(&path).unwrap();
            files.insert(path.replace("mps2-an386", "mps2-an385"), bytes);
        }
    };
    check(&board, "the evidence is of another target: `sample/mps2-an385/measure` is not in it");
    let verdict = |files: &mut Files| edit(files, "release.json", "\"verdict\": \"pass\"", "\"verdict\": \"waived\"");
    check(&verdict, "`release.json`: `/targets/0/verdict` is `waived`, and the rest of the bundle makes it `pass`");
    let manifest = |files: &mut Files| edit(files, "sources/manifests/sample.kdl", "256KiB", "512KiB");
    check(&manifest, "it was made from another manifest");
    let model = |files: &mut Files| files.get_mut("sources/models/sample.tflite").unwrap().push(0);
    check(&model, "`sources/models/sample.tflite`: stage `model` read one with BLAKE3");
}

/// What follows from the rest of a bundle is made again: each file that is another, that is missing or one too many is named.
#[test]
fn release_whose_papers_are_of_something_else_is_refused() {
    let at = |name: &str| format!("targets/{BOARD}/{name}");
    let check = |change: &dyn Fn(&mut Files), words: &str| {
        let Some(found) = forged(change) else { return };
        assert!(found.contains(words), "no `{words}` in {found}");
    };
    let changed = |path: &'static str, from: &'static str, to: &'static str, words: &str| {
        check(&|files: &mut Files| edit(files, path, from, to), words);
    };
    changed("sbom.cdx.json", "\"0.1.0\"", "\"0.2.0\"", "`sbom.cdx.json`: `/components/");
    changed("sbom.cdx.json", "firmware", "hardware", "`sbom.cdx.json`: `/");
    changed(
        "release.json",
        "800 bytes",
        "900 bytes",
        "`/governed/arena.budget` is `900 bytes`, and the rest of the bundle",
    );
    changed(
        "provenance.intoto.json",
        "build:1",
        "build:2",
        "`provenance.intoto.json`: `/predicate/buildDefinition/buildType`",
    );
    changed("reproduced.json", "\"builds\": 2", "\"builds\": 3", "`reproduced.json`: `/builds` is `3`");
    let licence = "licences/cortex-m-0.7.7/LICENSE-MIT";
    changed(licence, "MIT", "TIM", &format!("`{licence}`: it should be `cortex-m-0.7.7/LICENSE-MIT` of its source"));
    changed(
        "licences/app-0.1.0/LICENSE-MIT",
        "MIT",
        "TIM",
        "`licences/app-0.1.0/LICENSE-MIT`: it should be the text with SHA-256",
    );
    changed(
        "listings/firmware-crates.txt",
        "LICENSE",
        "LICENCE",
        "`listings/firmware-crates.txt`: it should list the tree",
    );
    changed("sources/deploy.lock", "qemu", "qemv", "`sources/deploy.lock`: `provenance.intoto.json` says");
    let approved = "sources/approvals.kdl";
    changed(approved, "agreed", "greedy", "`sources/approvals.kdl`: `provenance.intoto.json` says");
    for stray in ["more.txt", "releases/x", "licences/x/LICENSE", "listings/x.txt"] {
        check(
            &|files: &mut Files| drop(files.insert(stray.into(), vec![])),
            &format!("`{stray}`: it does not belong here"),
        );
    }
    for stray in ["sources/more.txt", "sources/models/more.tflite", "built-in/more.kdl"] {
        check(
            &|files: &mut Files| drop(files.insert(stray.into(), vec![])),
            &format!("`{stray}`: it does not belong here"),
        );
    }
    let stray = at("more.json");
    check(&|files: &mut Files| drop(files.insert(stray.clone(), vec![])), "no stage of this target made it");
    let missing = ["gate-report.html", "runbook.md", "memory.svg", "firmware/Cargo.toml", "graph.json", "c/sample.h"];
    let papers = ["reproduced.json", "sbom.cdx.json", "provenance.intoto.json", licence, "listings/cmsis-nn.txt"];
    let papers = papers.into_iter().chain([approved, "built-in/manifests/boards/mps2-an386.kdl"]).map(str::to_owned);
    for path in missing.map(at).into_iter().chain(papers) {
        check(&|files: &mut Files| drop(files.remove(&path).unwrap()), &format!("`{path}`"));
    }
}

/// Whoever also mends the provenance does not get a file into the sources that the manifest does not lead to.
#[test]
fn release_with_a_stray_source_is_refused() {
    let words = forged(|files| {
        let stray = "sources/more.txt";
        files.insert(stray.into(), b"more".to_vec());
        let path = "provenance.intoto.json";
        let mut statement: Value = serde_json::from_slice(&files[path]).unwrap();
        let materials = statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap();
        materials.push(json!({ "name": stray, "digest": { "sha256": release::sha256(b"more") } }));
        files.insert(path.into(), serde_json::to_vec_pretty(&statement).unwrap());
    });
    let Some(words) = words else { return };
    assert!(words.contains("`sources/more.txt`: it does not belong here: nothing in the manifest"), "{words}");
}

/// A verdict that was made better, with records that fit, does not follow from the evidence.
#[test]
fn release_whose_verdict_does_not_follow_is_refused() {
    let verdict = format!("targets/{BOARD}/verdict.json");
    let keys = format!("targets/{BOARD}/keys.json");
    let words = forged(|files| {
        let before = deployctl_cache::Digest::of(&files[&verdict]).to_hex();
        edit(files, &verdict, "\"verdict\": \"pass\"", "\"verdict\": \"thin\"");
        let after = deployctl_cache::Digest::of(&files[&verdict]).to_hex();
        let text = String::from_utf8(files[&keys].clone()).unwrap();
        files.insert(keys.clone(), text.replace(&before, &after).into_bytes());
    });
    let Some(words) = words else { return };
    assert!(
        words.contains("does not follow from the evidence") || words.contains("and the evidence makes it"),
        "{words}"
    );
}

/// Whoever changes a page and the records of it is found out by writing it again.
#[test]
fn release_whose_pages_are_not_of_its_evidence_is_refused() {
    let (Some(bundle), Some(space)) = (bundle(), released()) else { return };
    for name in ["gate-report.html", "gate-report.json", "runbook.md"] {
        let (page, keys) = (format!("targets/{BOARD}/{name}"), format!("targets/{BOARD}/keys.json"));
        let mut files = archive::read(bundle).unwrap();
        let digest = |files: &Files| deployctl_cache::Digest::of(&files[&page]).to_hex();
        let before = digest(&files);
        let (from, to) = if name == "runbook.md" { ("mps2-an386", "mps2-an385") } else { ("pass", "good") };
        edit(&mut files, &page, from, to);
        let records = String::from_utf8(files[&keys].clone()).unwrap().replace(&before, &digest(&files));
        files.insert(keys, records.into_bytes());
        release::seal(&mut files);
        space.write("forged.tar", archive::write(&files).unwrap());
        let words = format!("`{page}`: from line");
        space.run("--json verify forged.tar").failed(1, &[&words, "it is not what the evidence makes it"]);
    }
}

/// A forger with all the program's means makes a bundle that agrees with itself; the manifest in it does not agree.
#[test]
fn release_with_other_limits_than_its_manifest_is_refused() {
    let (Some(bundle), Some(space)) = (bundle(), released()) else { return };
    let at = |name: &str| format!("targets/{BOARD}/{name}");
    let mut files = archive::read(bundle).unwrap();
    edit(&mut files, &at("limits.json"), "262144", "362144");
    let gate: deployctl::stage::Gate = serde_json::from_slice(&files[&at("limits.json")]).unwrap();
    let mut keys: Value = serde_json::from_slice(&files[&at("keys.json")]).unwrap();
    let stages = keys["stages"].as_array_mut().unwrap();
    let stage = stages.iter_mut().find(|stage| stage["stage"] == "gate").unwrap();
    let fields = stage["record"]["fields"].as_array_mut().unwrap();
    fields.iter_mut().find(|field| field["name"] == "limits.flash.max").unwrap()["value"] = json!("362144");
    let inputs = stage["inputs"].clone();
    let paper = |name: &str| {
        let given = inputs.as_array().unwrap().iter().find(|given| given["name"] == name);
        Ok(given.map(|given| files[&at(given["path"].as_str().unwrap())].clone()))
    };
    let judgement = gate.judge(&paper).unwrap();
    let verdict = format!("{}\n", serde_json::to_string_pretty(&judgement).unwrap());
    let digest = |bytes: &[u8]| deployctl_cache::Digest::of(bytes).to_hex();
    let keys = serde_json::to_string_pretty(&keys).unwrap();
    let keys = keys.replace(&digest(&files[&at("verdict.json")]), &digest(verdict.as_bytes()));
    files.insert(at("verdict.json"), verdict.into_bytes());
    files.insert(at("keys.json"), keys.into_bytes());
    release::seal(&mut files);
    space.write("forged.tar", archive::write(&files).unwrap());
    let words = "`targets/mps2-an386/limits.json` has other limits than the manifest in the bundle";
    space.run("--json verify forged.tar").failed(1, &[words]);
}

#[test]
fn release_is_signed_and_signatures_are_asked_for() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        eprintln!("SKIPPED: signatures of releases: `ssh-keygen` is not installed (openssh-client)");
        return;
    }
    let Some(space) = released() else { return };
    for name in ["key", "other"] {
        let words = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"];
        let made = Command::new("ssh-keygen").args(words).arg(space.path(name)).status().unwrap();
        assert!(made.success());
    }
    let public = |name: &str| std::fs::read_to_string(space.path(&format!("{name}.pub"))).unwrap();
    space.write("signers", format!("release@example.com {}", public("key")));
    space.write("strangers", format!("else@example.com {}", public("other")));
    let required =
        |signers: &str| space.run(&format!("--json verify {RELEASE} --allowed-signers {signers} --require-signature"));
    required("signers").failed(1, &["is not signed, and a signature is required"]);
    space.run(&format!("promote {NAME} --sign key")).succeeded();
    assert!(required("signers").succeeded().text.contains("\"signer\":\"release@example.com\""));
    required("strangers").failed(1, &["is no signature of anyone in"]);
    required("nowhere").failed(2, &["there is no file"]);
    let asked = space.run(&format!("verify {RELEASE}")).succeeded();
    assert!(asked.text.contains("by whom was not asked"), "{}", asked.text);
    // The signature of another archive.
    let mut bytes = b"another ".to_vec();
    bytes.extend(bundle().unwrap());
    space.write("another.tar", &bytes);
    let signed = ["-Y", "sign", "-q", "-n", "deployctl-release", "-f"];
    let signed = Command::new("ssh-keygen").args(signed).arg(space.path("key")).arg(space.path("another.tar")).output();
    assert!(signed.unwrap().status.success());
    space.write(&format!("{RELEASE}/bundle.tar.sig"), std::fs::read(space.path("another.tar.sig")).unwrap());
    required("signers").failed(1, &["is by a key of `release@example.com`, but not over this"]);
}

#[test]
fn release_and_manifest_are_held_against_each_other() {
    let Some(space) = released() else { return };
    let same = space.run(&format!("diff {RELEASE} {NAME}")).succeeded();
    assert!(same.text.contains("nothing differs"), "{}", same.text);
    space.edit(NAME, "budget=\"800 B\"", "budget=\"1000 B\"").edit(NAME, "0.1.0", "0.2.0");
    let lines = space.run(&format!("diff {RELEASE}")).succeeded().text;
    let expected = [
        "sample 0.1.0 → sample 0.2.0 (as it is here)",
        "  arena.budget: 800 bytes → 1000 bytes",
        "  gate: judges by other limits: see governed values",
        "  emit: project.version: 0.1.0 → 0.2.0",
        "  measure: was given another `emission` of emit, `firmware` of compile",
    ];
    for line in expected {
        assert!(lines.lines().any(|found| found == line), "no `{line}` in {lines}");
    }
    let table = space.run(&format!("diff {RELEASE} {NAME} --markdown")).succeeded().text;
    assert!(table.contains("| arena.budget | 800 bytes | 1000 bytes |  |"), "{table}");
    space.run("--json diff nowhere").failed(2, &["`nowhere` is neither a file nor a git revision here"]);
}

#[test]
fn release_is_foreshadowed_by_a_revision() {
    let Some(space) = Space::built(BOARD) else { return };
    space.build("").done();
    let git = |words: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        Command::new("git")
            .args(identity)
            .args(words)
            .current_dir(space.path(""))
            .output()
            .is_ok_and(|ran| ran.status.success())
    };
    if !(git(&["init", "-q"])
        && git(&["add", "manifests", "models", "deploy.lock"])
        && git(&["commit", "-qm", "first"]))
    {
        eprintln!("SKIPPED: differences from a revision: `git` is not installed, or may not commit here");
        return;
    }
    space.edit(NAME, "max=\"4KiB\"", "max=\"6KiB\"");
    let lines = space.run("diff HEAD").succeeded().text;
    assert!(lines.contains("  gates.stack.max: 4096 bytes → 6144 bytes"), "{lines}");
    assert!(lines.starts_with("sample 0.1.0 (HEAD) → sample 0.1.0 (as it is here)"), "{lines}");
    assert!(!lines.contains("flash_bytes") && !lines.contains("limits."), "{lines}");
    assert!(git(&["commit", "-qam", "second"]));
    let between = space.run("diff HEAD~1 HEAD").succeeded().text;
    assert!(between.starts_with("sample 0.1.0 (HEAD~1) → sample 0.1.0 (HEAD)"), "{between}");
    assert!(between.contains("  gates.stack.max: 4096 bytes → 6144 bytes"), "{between}");
}
