//! What a build and `site` write for other programs: `JUnit`, SARIF, annotations, a folder of pages.

use std::process::Command;

use crate::product::space::{Space, has_sources, project};

/// A project whose arena is above its budget.
fn failing() -> Space {
    let space = project("host");
    let manifest = space.text("manifests/sample.kdl");
    let budget = manifest.split("budget=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    space.edit("manifests/sample.kdl", &format!("budget=\"{budget}\""), "budget=\"8B\"");
    space
}

/// The line of the manifest that has some text.
fn line(space: &Space, text: &str) -> usize {
    space.text("manifests/sample.kdl").lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn continuous_integration_is_told_in_its_own_forms() {
    if !has_sources() {
        return;
    }
    let space = failing();
    let line = line(&space, "budget=");
    let place =
        format!("::error file=manifests/sample.kdl,line={line},title=sample on host%3A arena headroom is fail::");
    space.run(&["build", "--annotations", "github"]).exits(1).says(&[&place]);
    space.run(&["build"]).exits(1).does_not_say(&["::error"]);

    let log = space.json("out/sample/host/gate-report.sarif");
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!((results.len(), results[0]["ruleId"].as_str()), (1, Some("arena_headroom")));
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "manifests/sample.kdl");
    assert_eq!(place["region"]["startLine"], line);

    // A parser of XML reads it, and finds each gate of the report.
    let script = "import sys, xml.etree.ElementTree as tree\n\
                  suite = tree.parse(sys.argv[1]).getroot().find('testsuite')\n\
                  for case in suite: print(case.get('name'), *[part.tag for part in case])\n\
                  print(suite.get('tests'), suite.get('failures'), suite.get('errors'))";
    let path = space.path("out/sample/host/gate-report.junit.xml");
    let Ok(read) = Command::new("python3").args(["-c", script]).arg(&path).output() else {
        println!("SKIPPED: no `python3`, so no other program read the JUnit file");
        return;
    };
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let said = String::from_utf8(read.stdout).unwrap();
    let gates = space.json("out/sample/host/gate-report.json")["gates"].as_array().unwrap().clone();
    for gate in &gates {
        let element = match gate["verdict"].as_str().unwrap() {
            "fail" => " failure",
            "not_applicable" => " skipped",
            _ => "",
        };
        assert!(said.contains(&format!("{}{element}\n", gate["name"].as_str().unwrap())), "{gate}\n{said}");
    }
    assert!(said.ends_with(&format!("{} 1 0\n", gates.len())), "{said}");
}

#[test]
fn a_moved_line_makes_the_report_anew_and_nothing_else() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    space.run(&["build"]).exits(0);
    let runbook = space.text("out/sample/host/runbook.html");
    space.edit("manifests/sample.kdl", "target ", "// one line more\ntarget ");
    let again = space.run(&["build"]).exits(0);
    assert_eq!(again.err.matches("     ran ").count(), 1 + 1, "{}", again.err);
    assert!(again.err.contains("ran report") && space.text("out/sample/host/runbook.html") == runbook);
}

#[test]
fn a_site_replaces_a_site_and_nothing_else() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    space.run(&["site"]).exits(2).says(&["nothing is built or released", "run `deployctl build` first"]);
    space.run(&["build"]).exits(0);
    space.run(&["site", "--to", "pages"]).exits(0).says(&["pages/index.html: deployments 1, targets 1, releases 0"]);
    let first = space.text("pages/index.html");
    space.run(&["site", "--to", "pages"]).exits(0);
    assert_eq!(space.text("pages/index.html"), first);
    // What a person put there is not taken away.
    space.write("pages/notes.txt", "mine");
    space.run(&["site", "--to", "pages"]).exits(2).says(&["pages/notes.txt` is not of a site", "name a new folder"]);
    space.run(&["site", "--to", "manifests"]).exits(2).says(&["is not of a site"]);
    assert_eq!(space.text("pages/notes.txt"), "mine");
    let left: Vec<_> = std::fs::read_dir(space.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".deployctl-site")), "{left:?}");
}
