//! Growth and versions, at their limits and on either side.

use super::*;
use crate::manifest::{Bytes, Limit};

fn port(name: &str) -> PortRecord {
    let quantization = Some(PortQuantization { scale: 0.5, zero_point: 3 });
    PortRecord { name: name.into(), dtype: "int8".into(), shape: vec![1, 4], quantization, labels: None }
}

fn interface() -> Interface {
    let labels = Some(vec!["yes".to_owned(), "no".to_owned()]);
    Interface { inputs: vec![port("x")], outputs: vec![PortRecord { labels, ..port("y") }] }
}

fn governed(budget: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("arena.budget".to_owned(), budget.to_owned())])
}

fn release(version: &str) -> Release {
    let figures = [("flash_bytes", 1_000.0, Unit::Bytes), ("stack_bytes", 0.0, Unit::Bytes)];
    let figures = figures.map(|(name, value, unit)| (name.to_owned(), Quantity { value, unit }));
    Release {
        evidence: "emulated".into(),
        schema: RELEASE_SCHEMA.into(),
        deployment: "kws".into(),
        version: version.into(),
        interface: interface(),
        governed: governed("1024 bytes"),
        targets: vec![ReleasedTarget {
            board: "mps2-an386".into(),
            evidence: "emulated".into(),
            verdict: Some(Verdict::Pass),
            figures: figures.into(),
        }],
    }
}

fn present(version: &str) -> Present {
    Present {
        deployment: "kws".into(),
        version: version.into(),
        board: "mps2-an386".into(),
        interface: interface(),
        governed: governed("1024 bytes"),
    }
}

fn limits(growth: Option<f64>) -> Limits {
    let flash = Some(Limit { max: Bytes(10_000), margin: Ratio(0.0), growth: growth.map(Ratio), percentile: None });
    Limits { flash, ..crate::gate::judge::tests::limits() }
}

fn grown(growth: Option<f64>, flash: Option<f64>) -> Check {
    let figure = |value| Figure {
        name: "flash_bytes".into(),
        title: "flash".into(),
        quantity: Quantity { value, unit: Unit::Bytes },
    };
    let figures: Vec<Figure> = flash.map(figure).into_iter().collect();
    trend(&limits(growth), Some((&present("1.1.0"), &release("1.0.0"))), &figures)
}

#[test]
fn growth_up_to_its_limit_passes() {
    for (flash, verdict) in [(1_050.0, Verdict::Pass), (900.0, Verdict::Pass), (1_051.0, Verdict::Fail)] {
        let check = grown(Some(0.05), Some(flash));
        assert_eq!(
            (check.verdict, check.manifest.as_deref()),
            (verdict, Some("gates.flash.growth")),
            "{}",
            check.detail
        );
    }
    let check = grown(Some(0.05), Some(1_100.0));
    assert!(
        check.detail.starts_with("`flash_bytes` has changed by +10.0 % and may grow by 5.0 %; "),
        "{}",
        check.detail
    );
    assert!(check.detail.ends_with("since 1.0.0: `flash_bytes` +10.0 %"), "{}", check.detail);
    assert_eq!(grown(Some(0.05), None).verdict, Verdict::Unknown);
    // Neither build nor release could measure it: a target that has no such thing.
    let mut bare = release("1.0.0");
    bare.targets[0].figures.clear();
    assert_eq!(trend(&limits(Some(0.05)), Some((&present("1.1.0"), &bare)), &[]).verdict, Verdict::Pass);
    let check = grown(None, Some(1_100.0));
    assert_eq!(check.verdict, Verdict::NotApplicable);
    assert_eq!(check.detail, "no `growth` is declared; since 1.0.0: `flash_bytes` +10.0 %");
    assert!(growth(1.0, 0.0).is_infinite() && growth(0.0, 0.0) == 0.0);
}

#[test]
fn without_a_release_of_the_target_nothing_can_grow() {
    assert_eq!(trend(&limits(Some(0.0)), None, &[]).verdict, Verdict::NotApplicable);
    assert_eq!(version(None, None).verdict, Verdict::NotApplicable);
    let other = Present { board: "host".into(), ..present("1.1.0") };
    let check = trend(&limits(Some(0.0)), Some((&other, &release("1.0.0"))), &[]);
    assert_eq!((check.verdict, &check.detail[..]), (Verdict::NotApplicable, "release 1.0.0 has no target `host`"));
}

type Change = fn(&mut Present);

/// A version and the last one, with a change of the present state.
fn judged(now: &str, then: &str, change: Change) -> Check {
    let mut present = present(now);
    change(&mut present);
    version(Some((&present, &release(then))), None)
}

#[test]
fn what_breaks_users_asks_for_a_major_version() {
    let breaks: [(&str, Change); 7] = [
        ("inputs were `x` and are `x`, `z`", |now| now.interface.inputs.push(port("z"))),
        ("outputs were `y` and are ``", |now| now.interface.outputs.clear()),
        ("type of input `x` was int8 and is uint8", |now| now.interface.inputs[0].dtype = "uint8".into()),
        ("shape of input `x` was [1, 4] and is [4]", |now| now.interface.inputs[0].shape = vec![4]),
        ("quantization of input `x` was scale 0.5 zero point 3 and is scale 0.5 zero point 4", |now| {
            now.interface.inputs[0].quantization = Some(PortQuantization { scale: 0.5, zero_point: 4 });
        }),
        ("quantization of input `x` was scale 0.5 zero point 3 and is not declared", |now| {
            now.interface.inputs[0].quantization = None;
        }),
        ("labels of output `y` changed", |now| now.interface.outputs[0].labels.as_mut().unwrap().swap(0, 1)),
    ];
    for (words, change) in breaks {
        let check = judged("1.9.0", "1.2.3", change);
        assert_eq!(check.verdict, Verdict::Fail, "{words}");
        assert!(check.detail.contains(words) && check.detail.contains("`version=\"2.0.0\"`"), "{}", check.detail);
        assert_eq!(judged("2.0.0", "1.2.3", change).verdict, Verdict::Pass, "{words}");
        // Below 1.0.0 the second number breaks.
        assert_eq!(judged("0.3.0", "0.2.9", change).verdict, Verdict::Pass);
        assert!(judged("0.2.10", "0.2.9", change).detail.contains("`version=\"0.3.0\"`"));
        assert_eq!(judged("0.9.0", "1.2.3", change).verdict, Verdict::Fail);
    }
}

#[test]
fn other_changes_ask_for_any_higher_version() {
    let changes: [(&str, Change); 4] = [
        ("`arena.budget` was 1024 bytes and is 2048 bytes", |now| now.governed = governed("2048 bytes")),
        ("`arena.budget` was 1024 bytes and is gone", |now| now.governed.clear()),
        ("`gates.flash.max` is new: 1 bytes", |now| {
            drop(now.governed.insert("gates.flash.max".into(), "1 bytes".into()));
        }),
        ("output `z` is new", |now| now.interface.outputs.push(port("z"))),
    ];
    for (words, change) in changes {
        let check = judged("1.2.3", "1.2.4", change);
        assert!(check.verdict == Verdict::Fail && check.detail.contains(words), "{}", check.detail);
        assert!(check.detail.contains("`version=\"1.2.5\"` or above"), "{}", check.detail);
        let check = judged("1.2.4", "1.2.3", change);
        assert!(check.verdict == Verdict::Pass && check.detail.contains(words), "{}", check.detail);
    }
    assert_eq!(judged("1.0.0", "1.2.3", |_| {}).verdict, Verdict::Pass);
    assert_eq!(judged("first", "1.2.3", |_| {}).verdict, Verdict::Unknown);
    // What was not declared then was promised to nobody; governed values that were not recorded cannot differ.
    let mut old = release("1.2.3");
    (old.interface.inputs[0].quantization, old.interface.outputs[0].labels) = (None, None);
    old.governed.clear();
    assert_eq!(version(Some((&present("1.2.2"), &old)), None).verdict, Verdict::Pass);
}

#[test]
fn a_released_version_cannot_change_its_meaning() {
    let (now, released) = (Present { governed: governed("2048 bytes"), ..present("1.2.0") }, release("1.2.0"));
    assert!(present("1.2.0").agrees(&released) && !now.agrees(&released));
    let check = version(Some((&now, &release("1.1.0"))), Some((&now, &released)));
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.detail.starts_with("1.2.0 is released already: `arena.budget` was 1024"), "{}", check.detail);
    assert!(check.detail.ends_with("`version=\"1.2.1\"` or above"), "{}", check.detail);
}

#[test]
fn the_file_of_a_release_is_read_and_its_identity_checked() {
    let text = r#"{ "schema": "deployctl/release/1", "deployment": "kws", "version": "1.2.0",
        "manifest": { "path": "manifests/kws.kdl", "digest": "00" }, "evidence": "emulated",
        "interface": { "inputs": [{ "name": "x", "type": "int8", "shape": [1, 4],
            "quantization": { "scale": 0.3206288, "zero_point": 14 }, "labels": null }], "outputs": [] },
        "governed": {},
        "targets": [{ "board": "host", "evidence": "host", "verdict": "pass", "elf": { "app": "00" },
            "figures": { "flash_bytes": { "value": 59060, "unit": "bytes" } } }] }"#;
    let read = |text: &str| Release::read(text.as_bytes(), "kws", "1.2.0");
    let release = read(text).unwrap();
    assert_eq!(release.interface.inputs[0].quantization.unwrap().scale.to_bits(), 0.320_628_8_f32.to_bits());
    assert_eq!(release.targets[0].figures["flash_bytes"], Quantity { value: 59_060.0, unit: Unit::Bytes });
    for (from, to, words) in [
        ("release/1", "release/2", "its schema is `deployctl/release/2`"),
        ("\"kws\"", "\"vww\"", "it is of `vww` 1.2.0"),
        ("1.2.0", "1.2.1", "it is of `kws` 1.2.1"),
        ("\"shape\"", "\"shap\"", "it is damaged: missing field `shape`"),
        ("}] }", "", "it is damaged"),
    ] {
        let refused = read(&text.replacen(from, to, 1)).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}
