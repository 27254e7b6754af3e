use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::*;
use crate::frame;

fn templates() -> Templates {
    Templates {
        frame: frame::tests::frame(),
        index: include_str!("../../../templates/site.md").to_owned(),
        deployment: include_str!("../../../templates/site-deployment.md").to_owned(),
        script: include_str!("../../../templates/site.js").to_owned(),
    }
}

fn write(root: &Utf8PathBuf, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn report(flash: u32) -> String {
    let bytes = |value: u32| json!({ "value": value, "unit": "bytes" });
    json!({
        "schema": "deployctl/gate-report/1", "verdict_text": "pass",
        "deployment": { "name": "kws", "version": "1.10.0", "owner": "me@example.com", "summary": "Words | <b>" },
        "target": { "board": "mps2-an386", "summary": "", "core": "cortex-m4f", "evidence": "emulated (QEMU)" },
        "model": { "name": "model kws.tflite", "value": "f377</script><script>" }, "tools": [],
        "operators": { "rows": [{ "name": "CONV_2D", "symbol": "arm_convolve_s8" }, { "name": "LSTM", "symbol": null }] },
        "metrics": {
            "flash_bytes": bytes(flash), "arena_bytes": bytes(64),
            "latency_p99": { "value": 1.25, "unit": "milliseconds" },
        },
    })
    .to_string()
}

fn release(version: &str, flash: u32) -> String {
    json!({
        "schema": "deployctl/release/1", "deployment": "kws", "version": version, "evidence": "emulated", "interface": { "inputs": [], "outputs": [] },
        "targets": [{ "board": "mps2-an386", "evidence": "emulated", "verdict": "pass",
                      "figures": { "flash_bytes": { "value": flash, "unit": "bytes" } } }],
    })
    .to_string()
}

/// A project with a target, three releases of it, and a folder that was not built whole.
fn project(root: &Utf8PathBuf) {
    let page = frame::tests::frame()
        .page(&Sheet {
            markdown: "# kws\n\n[runbook](runbook.md) [m](memory.svg)\n",
            pages: Link::pages(&[("gate-report.html", "Gate report"), ("runbook.html", "Runbook")], "gate-report.html"),
            ..Sheet::default()
        })
        .unwrap();
    for name in ["gate-report.html", "runbook.html"] {
        write(root, &format!("out/kws/mps2-an386/{name}"), &page);
    }
    write(root, "out/kws/mps2-an386/gate-report.json", &report(59_060));
    write(root, "out/kws/mps2-an386/memory.svg", "<svg/>");
    for name in ["gate-report.html", "runbook.html"] {
        write(root, &format!("releases/kws-1.9.0/mps2-an386/{name}"), &page);
    }
    write(root, "releases/kws-1.9.0/mps2-an386/memory.svg", "<svg/>");
    write(root, "out/kws/host/app.elf", "");
    write(root, "out/.shared/x/y", "");
    for (version, flash) in [("1.9.0", 58_000), ("1.10.0-rc.1", 59_000), ("1.2.0", 50_000)] {
        write(root, &format!("releases/kws-{version}/release.json"), &release(version, flash));
    }
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, root)
}

/// Every link leads to a file of the site, and to a place that is there.
fn assert_linked(pages: &BTreeMap<String, Vec<u8>>) {
    let text = |path: &str| std::str::from_utf8(&pages[path]).unwrap();
    for path in pages.keys().filter(|path| Utf8PathBuf::from(path).extension() == Some("html")) {
        let page = text(path);
        frame::tests::assert_well_formed(page);
        for href in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let (to, place) = href.split_once('#').unwrap_or((href, ""));
            if to.is_empty() || to.starts_with("data:") {
                continue;
            }
            let mut parts: Vec<&str> = path.split('/').collect();
            parts.pop();
            for step in to.split('/') {
                if step == ".." { parts.truncate(parts.len() - 1) } else { parts.push(step) }
            }
            let to = parts.join("/");
            assert!(pages.contains_key(&to), "{path}: `{href}` leads nowhere");
            assert!(place.is_empty() || text(&to).contains(&format!("id=\"{place}\"")), "{path}: `{href}`");
        }
    }
}

#[test]
fn a_site_has_every_target_and_every_release_in_order() {
    let (_folder, root) = folder();
    project(&root);
    let project = Project::read(&root).unwrap();
    assert_eq!(project.remarks, ["`out/kws/host` has no whole result: build it again to have it shown"]);
    let versions: Vec<&str> = project.deployments[0].releases.iter().map(|release| &*release.version).collect();
    assert_eq!(versions, ["1.2.0", "1.9.0", "1.10.0-rc.1"]);
    let pages = pages(&project, &templates()).unwrap();
    assert_linked(&pages);
    let text = |path: &str| String::from_utf8(pages[path].clone()).unwrap();
    let index = text("index.html");
    for words in [
        "<a href=\"deployments/kws/index.html\">kws</a>",
        "<strong class=\"verdict pass\">pass</strong>",
        "<th scope=\"col\" class=\"number\">flash, bytes</th>",
        "<td class=\"number\">59,060</td>",
        "latency_p99, milliseconds</th>",
        "<td class=\"number\">1.250</td>",
        "arm_convolve_s8",
        "f377\\u003c/script>",
    ] {
        assert!(index.contains(words), "`{words}` is not in\n{index}");
    }
    let history = text("deployments/kws/index.html");
    assert!(history.contains("Words | &lt;b&gt;") && history.contains("1.10.0, as built now"), "{history}");
    assert!(history.contains("flash from 50,000 bytes in 1.2.0 to 59,060 bytes in 1.10.0</desc>"), "{history}");
    let report = text("deployments/kws/mps2-an386/gate-report.html");
    assert!(report.contains("<a href=\"../../../index.html\">Deployments</a> › <a href=\"../index.html\">kws</a> ›"));
    let listed: Value = serde_json::from_str(&text(LIST)).unwrap();
    let listed: BTreeSet<&str> = listed["files"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(listed.len() + 1, pages.len());
}

#[test]
fn the_same_project_gives_the_same_bytes_wherever_it_lies() {
    let ((_one, first), (_other, second)) = (folder(), folder());
    project(&first);
    project(&second);
    let made = |root| pages(&Project::read(root).unwrap(), &templates()).unwrap();
    assert_eq!(made(&first), made(&second));
}

#[test]
fn only_releases_are_shown_too() {
    let (_folder, root) = folder();
    write(&root, "releases/kws-1.2.0/release.json", &release("1.2.0", 1));
    let pages = pages(&Project::read(&root).unwrap(), &templates()).unwrap();
    assert_linked(&pages);
    let index = std::str::from_utf8(&pages["index.html"]).unwrap();
    assert!(index.contains("Nothing is built here now") && !index.contains("<script"), "{index}");
}

#[test]
fn what_is_damaged_is_named() {
    let (_folder, root) = folder();
    for (text, why) in [
        ("{", "EOF"),
        (&*release("1.2.0", 1).replace("release/1", "release/9"), "deployctl/release/9"),
        (&*release("1.2.0", 1).replace("\"kws\"", "\"../kws\""), "is no name of a deployment"),
    ] {
        write(&root, "releases/kws-1.2.0/release.json", text);
        let error = Project::read(&root).unwrap_err().to_string();
        assert!(error.contains("releases/kws-1.2.0/release.json` is damaged: ") && error.contains(why), "{error}");
    }
}
