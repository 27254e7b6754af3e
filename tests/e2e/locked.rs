//! `deploy.lock`: written by a build that succeeds, and refused by name under `--locked`.

use crate::space::{NAME, Space};

#[test]
fn locked_refuses_a_difference_and_names_it() {
    let Some(space) = Space::built("host") else { return };
    space.build("--locked").failed(3, &["sample"]);
    assert!(!space.path("deploy.lock").exists(), "written under --locked");
    space.build("").succeeded();
    space.build("--locked").succeeded();
    let lock = std::fs::read(space.path("deploy.lock")).unwrap();
    let mut model = std::fs::read(space.path("models/sample.tflite")).unwrap();
    model.push(0);
    space.write("models/sample.tflite", model);
    space.build("--locked").failed(3, &["models/sample.tflite"]);
    assert_eq!(std::fs::read(space.path("deploy.lock")).unwrap(), lock);
    space.wrap("cc", "exec REAL \"$@\"");
    space.build("--locked").failed(3, &["linker/host"]);
    space.edit(NAME, "800 B", "900 B");
    assert!(!space.run("--json plan").text.contains("error"));
}
