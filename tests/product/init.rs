//! `init`: names, owners, budgets, places; and that it needs nothing but the model.

use crate::product::space::{Space, golden, project, shared};

fn space() -> Space {
    Space::new().file("sample.tflite", golden("sample.tflite"))
}

fn init(more: &[&'static str]) -> Vec<&'static str> {
    [&["init", "sample.tflite", "--board", "host"], more].concat()
}

#[test]
fn needs_no_compiler_no_store_and_no_sources() {
    let space = space().env("PATH", "/nowhere").env("HOME", "/nowhere").env("DEPLOYCTL_HOME", "/nowhere/at/all");
    let args = ["init", "sample.tflite", "--board", "mps2-an386", "--owner", "me"];
    space.run(&args).exits(0).says(&["wrote manifests/sample.kdl", "next: deployctl build"]);
    space.run(&["check"]).exits(0).says(&["manifests/sample.kdl: `sample` on mps2-an386 is in order"]);
}

#[test]
fn the_budget_keeps_a_tenth_free_and_is_a_multiple_of_16() {
    let Some(bytes) = shared("ad01_int8.tflite") else { return };
    let space = Space::new().file("ad.tflite", bytes);
    let args = ["init", "ad.tflite", "--board", "mps2-an386", "--owner", "me"];
    space.run(&args).exits(0).says(&["planned arena peak 768 bytes"]);
    // 768 / 0.9 = 853.3
    assert!(space.text("manifests/ad.kdl").contains("budget=\"864 B\" headroom=\"10%\""));
}

#[test]
fn the_owner_is_asked_of_git() {
    let config = |text: &str| {
        let space = space().file("gitconfig", text);
        let path = space.path("gitconfig").to_str().unwrap().to_owned();
        space.env("GIT_CONFIG_GLOBAL", path).env("GIT_CONFIG_SYSTEM", "/dev/null").env("GIT_CEILING_DIRECTORIES", "/")
    };
    let owner = |space: &Space| {
        space.run(&init(&[])).exits(0);
        space.text("manifests/sample.kdl").split("owner=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(owner(&config("[user]\nname = Ada\nemail = ada@example.com\n")), "ada@example.com");
    assert_eq!(owner(&config("[user]\nname = Ada Lovelace\n")), "Ada Lovelace");
    let nobody =
        "2: nobody owns this deployment yet\n-> say who with `--owner you@example.com`, or set git's `user.email`";
    assert_eq!(config("").complaint(&init(&[])), nobody);
    assert_eq!(config("").env("PATH", "/nowhere").complaint(&init(&[])), nobody);
    assert_eq!(space().complaint(&init(&["--owner", " "])), nobody);
}

#[test]
fn an_unknown_board_is_answered_with_the_known_ones() {
    let said = space().complaint(&["init", "sample.tflite", "--board", "mps2-an368", "--owner", "me"]);
    let expected = "2: there is no board `mps2-an368`\n-> did you mean `mps2-an386`? Known here: `host`, `microbit`, \
                    `mps2-an385`, `mps2-an386`, `mps2-an500`, `mps2-an505`, `mps3-an547`, `nrf52840-dk`, `nrf5340-dk`, `nucleo-f446re`, \
                    `nucleo-h743zi2`, `nucleo-l4r5zi`, `pico`, `pico2`; \
                    a project adds its own in `manifests/boards/NAME.kdl`";
    assert_eq!(said, expected);
}

#[test]
fn a_missing_model_or_a_folder_is_named() {
    let said = |name| Space::new().complaint(&["init", name, "--board", "host", "--owner", "me"]);
    let help = "\n-> name the `.tflite` file that the converter wrote";
    assert_eq!(
        said("nothing.tflite"),
        format!("2: cannot read the model `$/nothing.tflite`: No such file or directory (os error 2){help}")
    );
    assert_eq!(said("."), format!("2: cannot read the model `$/.`: Is a directory (os error 21){help}"));
}

#[test]
fn a_manifest_that_is_there_stays() {
    let space = project("host");
    space.edit("manifests/sample.kdl", "runs 3", "runs 4");
    let said = space.complaint(&init(&["--owner", "me"]));
    assert_eq!(
        said,
        "2: `$/manifests/sample.kdl` is there already\n-> give another `--name`, or remove the file if it is not wanted any more"
    );
    assert!(space.text("manifests/sample.kdl").contains("runs 4"));
    space.run(&init(&["--owner", "me", "--name", "other"])).exits(0);
    space.run(&["check"]).exits(0).says(&["`sample`", "`other`"]);
}

#[test]
fn names_are_made_of_what_a_name_may_have() {
    let space = Space::new();
    for (file, name) in
        [("Größe 2.tflite", "gr--e-2"), ("my model (v2).tflite", "my-model--v2"), ("__.tflite", "model")]
    {
        space.write(file, golden("sample.tflite"));
        space.run(&["init", file, "--board", "host", "--owner", "Ünal \"O\" <o@x>"]).exits(0);
        assert!(space.text(&format!("manifests/{name}.kdl")).contains(&format!("model \"../{file}\"")), "{file}");
    }
    space.run(&["check"]).exits(0);
    for name in ["a/b", "..", "", "two words", &"x".repeat(65)] {
        let args = ["init", "__.tflite", "--board", "host", "--owner", "me", "--name", name];
        let said = space.complaint(&args);
        assert!(
            said.starts_with(&format!("2: `{name}` is no name for a deployment\n-> use up to 64 letters")),
            "{said}"
        );
    }
}

#[test]
#[cfg(unix)]
fn a_name_that_is_not_utf8_is_refused_and_not_mangled() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let space = Space::new();
    let run = |folder: &std::path::Path, name: &OsStr| {
        let mut command = std::process::Command::new(crate::product::space::DEPLOYCTL);
        let output =
            command.arg("init").arg(name).args(["--board", "host", "--owner", "me"]).current_dir(folder).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&space.path(""), OsStr::from_bytes(b"x\xff.tflite"));
    assert!(code == Some(2) && said.contains("invalid UTF-8"), "{said}");
    let folder = space.path("").join(OsStr::from_bytes(b"f\xff"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("sample.tflite"), golden("sample.tflite")).unwrap();
    let (code, said) = run(&folder, OsStr::new("sample.tflite"));
    assert!(code == Some(2) && said.contains("the working directory has no name"), "{said}");
}

#[test]
fn a_model_outside_the_project_is_found_and_remarked_upon() {
    let outside = space();
    let path = outside.path("sample.tflite").to_str().unwrap().to_owned();
    let space = Space::new();
    space.run(&["init", &path, "--board", "host", "--owner", "me"]).exits(0).says(&["lies outside the project"]);
    space.run(&["check"]).exits(0);
    // From a folder of the project the manifest still goes where the others are.
    let inner = project("host").file("models/deep/m.tflite", golden("sample.tflite"));
    let args =
        ["-c", "cd models/deep && exec \"$0\" init m.tflite --board host --owner me", crate::product::space::DEPLOYCTL];
    let output = std::process::Command::new("/bin/sh").args(args).current_dir(inner.path("")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(inner.text("manifests/m.kdl").contains("model \"../models/deep/m.tflite\""));
}
