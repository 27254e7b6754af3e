//! Needs and steps from data; one look at this machine's `PATH` made empty.

use camino::Utf8PathBuf;

use super::*;
use crate::fetch::{Fetcher, Home};
use crate::library::Features;
use crate::manifest::*;
use crate::tool::{Cancel, Memo, SearchPath, Supervisor, Toolbox};

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned { value, span: 0..0 }
}

fn library() -> Library {
    let source = Source::Pypi { package: "p".into(), version: "1".into(), folder: String::new() };
    Library {
        name: "cmsis-nn".into(),
        summary: String::new(),
        source,
        include: vec![],
        exclude: vec![],
        include_dirs: vec![],
        defines: BTreeMap::new(),
        flags: vec![],
        libc: vec![],
        versions: String::new(),
        licence: String::new(),
    }
}

fn target(name: &str, triple: Option<&str>, runner: Runner) -> Target {
    let board = Board {
        name: name.into(),
        summary: String::new(),
        core: name.into(),
        features: Features { dsp: false, mve: false },
        rust_target: triple.map(str::to_owned),
        c_flags: vec![],
        memory: vec![],
        fpu: None,
        starts: None,
        clock: None,
        caches: vec![],
        timers: vec![],
        boot_block: None,
        runner,
    };
    Target { name: spanned(name.into()), board, own: OwnLimits::default() }
}

fn manifest(targets: Vec<Target>, policy: Policy) -> Manifest {
    let (ratio, owner) = (Ratio(0.0), String::from("o"));
    Manifest {
        convert: None,
        services: None,
        path: Utf8PathBuf::new(),
        text: String::new(),
        root: Utf8PathBuf::new(),
        name: spanned("kws".into()),
        version: String::new(),
        owner: owner.clone(),
        summary: None,
        model: Model {
            path: Utf8PathBuf::new(),
            written: spanned(String::new()),
            inputs: vec![],
            outputs: vec![],
            label_files: vec![],
            optimize: false,
        },
        preprocess: None,
        postprocess: Vec::new(),
        targets,
        arena: Arena { budget: spanned(Bytes(0)), headroom: ratio, owner: owner.clone() },
        kernels: Kernels {
            library: spanned("cmsis-nn".into()),
            source: library(),
            defects: vec![],
            policy,
            max_mac_share: ratio,
            overrides: vec![],
            owner,
        },
        regression: Regression { vectors: spanned(Vectors::Random { count: 1, seed: 1 }), steps: 1, runs: 2 },
        gates: Gates::default(),
        runbook: Runbook::default(),
    }
}

fn host() -> Target {
    target("host", None, Runner::Host)
}

fn emulated() -> Target {
    target(
        "mps2",
        Some("thumbv7em-none-eabihf"),
        Runner::Qemu { machine: "m".into(), instructions_per_tick: PerTick(40_000) },
    )
}

fn names(needs: &[Need]) -> Vec<String> {
    needs.iter().map(|need| need.item.name()).collect()
}

fn missing() -> BTreeMap<String, Source> {
    BTreeMap::from([("cmsis-nn".to_owned(), library().source)])
}

#[test]
fn the_host_needs_cargo_a_linker_and_the_firmware_crates() {
    let needs = needs(&[manifest(vec![host()], Policy::Require)], &missing());
    assert_eq!(names(&needs), ["cargo and rustc", "host C compiler and linker", "firmware crates"]);
}

#[test]
fn an_emulated_board_needs_the_cross_tools() {
    let both = [manifest(vec![host(), emulated()], Policy::Require)];
    let expected = [
        "cargo and rustc",
        "host C compiler and linker",
        "Rust target thumbv7em-none-eabihf",
        "Arm C compiler and newlib",
        "qemu-system-arm",
        "python3 with pip",
        "sources of cmsis-nn",
        "firmware crates",
    ];
    assert_eq!(names(&needs(&both, &missing())), expected);
    let fetched = needs(&both, &BTreeMap::new());
    assert!(!names(&fetched).contains(&"python3 with pip".to_owned()), "what is fetched needs no pip");
    let forbidden = names(&needs(&[manifest(vec![emulated()], Policy::Forbid)], &missing()));
    assert!(!forbidden.iter().any(|name| name.contains("Arm C") || name.contains("cmsis")), "{forbidden:?}");
}

#[test]
fn one_step_a_kind_and_none_where_nothing_is_missing() {
    let needs = needs(&[manifest(vec![emulated()], Policy::Require)], &missing());
    let all = check(needs.clone(), |_| Ok("1".into()));
    assert_eq!(steps(&all).unwrap(), []);
    let most = check(needs.clone(), |item| match item {
        Item::Rust | Item::HostCompiler => Ok("1".into()),
        _ => Err("missing".into()),
    });
    let text: Vec<String> = steps(&most).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "apt-get update -q",
            "apt-get install -y -q --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi \
         libstdc++-arm-none-eabi-newlib qemu-system-arm python3 python3-pip",
            "rustup target add thumbv7em-none-eabihf",
            "deployctl fetch",
        ]
    );
    let error = steps(&check(needs, |_| Err("missing".into()))).unwrap_err().to_string();
    assert!(error.contains("rustup.rs"), "{error}");
}

#[test]
fn users_who_are_not_root_are_told_what_root_must_run() {
    let (supervisor, env) = (Supervisor::absent(Cancel::default()), BTreeMap::new());
    let run = |path: &str, step: &Step| {
        let path = SearchPath::new(path);
        Installer { path: &path, supervisor: &supervisor, env: &env }.run_as(step, false)
    };
    let args = ["install", "-y", "qemu-system-arm"].map(str::to_owned).to_vec();
    let step = Step::Run { program: "apt-get", args, root: true };
    let folder = tempfile::tempdir().unwrap();
    let error = run(folder.path().to_str().unwrap(), &step).unwrap_err().to_string();
    assert!(error.contains("no `apt-get`") && error.contains("qemu-system-arm"), "{error}");
    let apt = folder.path().join("apt-get");
    std::fs::copy("/bin/true", &apt).unwrap();
    let error = run(folder.path().to_str().unwrap(), &step).unwrap_err().to_string();
    assert!(error.contains("sudo") && error.contains("qemu-system-arm"), "{error}");
}

#[test]
fn a_bare_machine_lacks_everything_and_says_what_installs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = SearchPath::new(folder.path().to_str().unwrap());
    let (supervisor, env, memo) = (Supervisor::absent(Cancel::default()), BTreeMap::new(), Memo::in_memory());
    let home = Home::new(Utf8PathBuf::try_from(folder.path().join("home")).unwrap());
    let digest = |_: &camino::Utf8Path| Ok(String::new());
    let tools = Toolbox { path: &path, supervisor: &supervisor, memo: &memo, digest: &digest, env: &env };
    let fetcher =
        Fetcher { home: &home, path: &path, supervisor: &supervisor, env: &env, digest: &digest, progress: &|_| {} };
    let sources = BTreeMap::from([("cmsis-nn".to_owned(), (library().source, None))]);
    let looker = Looker { tools, fetcher, sources: &sources, firmware_lock: "" };
    let manifests = [manifest(vec![emulated()], Policy::Require)];
    for check in check(needs(&manifests, &looker.missing_sources()), |item| looker.look(item)) {
        let why = check.found.unwrap_err();
        let hinted = why.contains("apt-get install") || why.contains("rustup") || why == "not fetched";
        assert!(hinted, "{}: {why}", check.need.item.name());
    }
    assert!(!home.root().exists(), "looking writes nothing");
}
