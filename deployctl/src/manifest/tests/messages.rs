//! Every message, as a newcomer reads it. The snapshots are the catalogue.

use super::{GOOD, Project, edited, rendered};

macro_rules! snapshot {
    ($text:expr) => {
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!($text) })
    };
}

/// Renders what is wrong with [`GOOD`] after each edit, under its title.
fn catalogue(cases: &[(&str, &[(&str, &str)])]) -> String {
    let project = Project::new();
    cases.iter().fold(String::new(), |all, (title, edits)| {
        let errors = project.load(edited(edits)).map(|_| title).expect_err(title);
        all + &format!("# {title}\n{}\n\n", rendered(&errors))
    })
}

/// As [`catalogue`], of files of the project beside a good manifest.
fn catalogue_of(path: &str, cases: &[(&str, &str)]) -> String {
    cases.iter().fold(String::new(), |all, (title, text)| {
        let project = Project::new();
        project.write(path, text);
        let errors = project.load(GOOD).map(|_| title).expect_err(title);
        all + &format!("# {title}\n{}\n\n", rendered(&errors))
    })
}

#[test]
fn six_mistakes_are_six_problems() {
    let project = Project::new();
    let errors = project
        .load(edited(&[
            ("version=\"1.2.0\" ", ""),
            ("shape 1 49 10 1", "shape 1 49 0 1"),
            ("mps2-an386", "mps2-an368"),
            ("24KiB", "24KB"),
            ("require", "requires"),
            ("stack max", "stak max"),
        ]))
        .unwrap_err();
    assert_eq!(errors.problems().len(), 6, "{}", rendered(&errors));
    snapshot!(rendered(&errors));
}

#[test]
fn syntax() {
    snapshot!(catalogue(&[
        ("a brace too few", &[("review-every \"release\" }", "review-every \"release\"")]),
        ("a brace too many", &[("runs 20 }", "runs 20 } }")]),
        ("an open string", &[("\"24KiB\"", "\"24KiB")]),
        ("an open comment", &[("runtime", "/* runtime")]),
        ("true without its hash", &[("scale=0.5847029", "scale=true")]),
        ("a number that is none", &[("scale=0.5847029", "scale=0.58x")]),
        ("no value", &[("policy=\"require\"", "policy=")]),
        ("an unknown escape", &[("\"kws\"", "\"k\\ws\"")]),
        ("two of them", &[("scale=0.5847029", "scale=0.58x"), ("runs 20", "runs 20y")]),
        ("a block without a name", &[("gates {", "{")]),
    ]));
}

#[test]
fn header() {
    snapshot!(catalogue(&[
        ("no header", &[("manifest version=1\n", "")]),
        ("another version", &[("manifest version=1", "manifest version=2")]),
        ("no version", &[("manifest version=1", "manifest")]),
        ("a version in quotes", &[("manifest version=1", "manifest version=\"1\"")]),
        ("a board", &[("manifest version=1", "board version=1")]),
        ("braces", &[("manifest version=1", "manifest version=1 { deployment }")]),
        ("a second header", &[("runtime", "manifest version=1\nruntime")]),
    ]));
}

#[test]
fn not_supported_yet() {
    snapshot!(catalogue(&[
        ("litert-micro", &[("\"aot\"", "\"litert-micro\"")]),
        ("vectors of its own", &[("gates {", "gates {\n    accuracy metric=\"top1\" min=\"90%\" dataset=\"x.npz\"")]),
        ("firmware with a serial protocol", &[("gates {", "emit \"mlperf-tiny\"\ngates {")]),
        ("area under the curve", &[("gates {", "gates {\n    accuracy metric=\"auc\" min=\"90%\"")]),
    ]));
}

#[test]
fn percentiles() {
    snapshot!(catalogue(&[
        ("one that is not measured", &[("latency max", "latency percentile=95 max")]),
        ("of one value", &[("stack max", "stack percentile=99 max")]),
    ]));
}

#[test]
fn services() {
    snapshot!(catalogue(&[
        ("nothing", &[("runtime", "services {\n}\nruntime")]),
        ("stack alone", &[("runtime", "services { stack \"1KiB\" }\nruntime")]),
        ("all of the RAM", &[("runtime", "services { ram \"4MiB\" }\nruntime")]),
        ("all of the processor", &[("runtime", "services { cpu \"95%\" }\nruntime")]),
    ]));
}

#[test]
fn gates() {
    let gate = |text: &str| format!("gates {{\n    {text}");
    let waive = |text: &str| gate(&format!("waive {text}"));
    let good = "\"flash\" owner=\"a\" reason=\"b\" until=\"2027-03-01\"";
    let cases = [
        ("a gate that is not there", waive("\"flsh\" owner=\"a\" reason=\"b\" until=\"2027-03-01\"")),
        ("what nobody can waive", waive("\"operators\" owner=\"a\" reason=\"b\" until=\"2027-03-01\"")),
        ("a day that is none", waive("\"flash\" owner=\"a\" reason=\"b\" until=\"2027-02-30\"")),
        ("nobody answers for it", waive("\"flash\" reason=\"b\" until=\"2027-03-01\"")),
        ("no end", waive("\"flash\" owner=\"a\" reason=\"b\"")),
        ("twice", waive(&format!("{good}\n    waive {good}"))),
        ("an accuracy without a limit", gate("accuracy metric=\"top1\"")),
        ("an accuracy that any model has", gate("accuracy metric=\"top1\" min=\"0%\"")),
        ("an output that is not there", gate("accuracy metric=\"top1\" min=\"90%\" output=\"Identiti\"")),
        ("growth that is no share", gate("ram max=\"32KiB\" growth=\"3KiB\"")),
        ("a limit without a unit", gate("hop max=\"120k\"")),
        ("no time at all", gate("hop max=\"0ms\"")),
    ];
    let edits: Vec<_> = cases.iter().map(|(title, text)| (*title, [("gates {", text.as_str())])).collect();
    let cases: Vec<(&str, &[(&str, &str)])> = edits.iter().map(|(title, edit)| (*title, &edit[..])).collect();
    snapshot!(catalogue(&cases));
}

#[test]
fn limits_of_a_target() {
    let target = |text: &str| format!("target \"host\" {{ {text} }}");
    let cases = [
        ("an arena without a size", target("arena headroom=\"5%\"")),
        ("a node that is the deployment's", target("kernels \"cmsis-nn\" policy=\"prefer\"")),
        ("a limit without a maximum", target("gates { flash margin=\"5%\" }")),
        ("an output that is not there", target("gates { accuracy metric=\"top1\" min=\"90%\" output=\"x\" }")),
    ];
    let edits: Vec<_> = cases.iter().map(|(title, text)| (*title, [("target \"host\"", text.as_str())])).collect();
    let cases: Vec<(&str, &[(&str, &str)])> = edits.iter().map(|(title, edit)| (*title, &edit[..])).collect();
    snapshot!(catalogue(&cases));
}

#[test]
fn structure() {
    snapshot!(catalogue(&[
        ("unknown node", &[("regression", "regresion")]),
        ("unknown node, nothing close", &[("runtime", "colour \"red\"\nruntime")]),
        ("unknown property", &[("headroom=", "headrom=")]),
        ("unknown child", &[("flash max", "flsh max")]),
        ("a child where nothing can be", &[("runtime \"aot\"", "runtime \"aot\" { fast }")]),
        (
            "a node written as a property",
            &[("{ vectors \"vectors/kws.npz\"; runs 20 }", "vectors=\"vectors/kws.npz\"")]
        ),
        ("a property written as a node", &[("arena budget=\"24KiB\"", "arena { budget \"24KiB\" }\n//")]),
        ("twice", &[("runtime", "arena budget=\"1KiB\" owner=\"a\"\nruntime")]),
        ("a property twice", &[("headroom=", "budget=\"1KiB\" headroom=")]),
        ("an argument too many", &[("target \"host\"", "target \"host\" \"mps2-an386\"")]),
        ("an argument instead of a property", &[("budget=\"24KiB\"", "\"24KiB\"")]),
        ("a type annotation", &[("runs 20", "runs (u8)20")]),
        ("nearly empty", &[(&GOOD["manifest version=1".len()..], "")]),
        (
            "empty nodes",
            &[(
                &GOOD["manifest version=1".len()..],
                "\ndeployment\nmodel\ntarget\nruntime\narena\nkernels\nregression\ngates\n"
            ),]
        ),
    ]));
}

#[test]
fn values() {
    snapshot!(catalogue(&[
        ("an ambiguous unit", &[("24KiB", "24KB")]),
        ("an unknown unit", &[("24KiB", "24 bananas")]),
        ("part of a byte", &[("24KiB", "1.3 B")]),
        ("a budget of zero", &[("24KiB", "0")]),
        ("a number for text", &[("\"1.2.0\"", "1.2")]),
        ("text for a number", &[("runs 20", "runs \"20\"")]),
        ("runs below two", &[("runs 20", "runs 1")]),
        ("a percentage without its sign", &[("headroom=\"10%\"", "headroom=\"10\"")]),
        ("a percentage as a number", &[("headroom=\"10%\"", "headroom=0.1")]),
        ("over a hundred per cent", &[("headroom=\"10%\"", "headroom=\"110%\"")]),
        ("instructions without the word", &[("9.5M instructions", "9.5M")]),
        ("cycles", &[("9.5M instructions", "9.5M cycles")]),
        ("a limit of zero", &[("256KiB", "0KiB")]),
        ("empty text", &[("\"audio-team@example.com\"", "\" \"")]),
        ("text over two lines", &[("Keyword spotting,", "Keyword\\nspotting")]),
        ("a name that leaves its folder", &[("deployment \"kws\"", "deployment \"../kws\"")]),
        ("null", &[("\"1.2.0\"", "#null")]),
    ]));
}

#[test]
fn interface() {
    snapshot!(catalogue(&[
        ("no shape", &[("shape 1 49 10 1; ", "")]),
        ("a zero dimension", &[("shape 1 49 10 1", "shape 1 49 0 1")]),
        ("a gigantic shape", &[("shape 1 49 10 1", "shape 65536 65536")]),
        ("a huge number", &[("shape 1 49 10 1", "shape 99999999999999999999")]),
        ("an unknown type", &[("type=\"int8\" { shape 1 49", "type=\"i8\" { shape 1 49")]),
        ("no type", &[("\"input_1\" type=\"int8\"", "\"input_1\"")]),
        ("a scale of zero", &[("scale=0.5847029", "scale=0.0")]),
        ("a scale that is not finite", &[("scale=0.5847029", "scale=#nan")]),
        ("a scale too large", &[("scale=0.5847029", "scale=1e99")]),
        ("a zero point that does not fit", &[("zero-point=83", "zero-point=200")]),
        (
            "two outputs of one name",
            &[
                ("target \"host\"", "target \"host\""),
                ("    output", "    output \"Identity\" type=\"int8\" { shape 1 2 }\n    output")
            ]
        ),
        ("labels on an input", &[("zero-point=83", "zero-point=83; labels \"models/kws-labels.txt\"")]),
        ("another number of labels", &[("shape 1 2", "shape 1 12")]),
        ("no inputs", &[("    input", "    //")]),
    ]));
}

#[test]
fn names_and_files() {
    snapshot!(catalogue(&[
        ("a model that is not there", &[("models/kws.tflite", "models/kw.tflite")]),
        ("a model that is a folder", &[("models/kws.tflite", "models")]),
        ("nothing close", &[("models/kws.tflite", "elsewhere/net.tflite")]),
        ("vectors that are not there", &[("vectors/kws.npz", "vectors/eval.npz")]),
        ("vectors in another format", &[("vectors/kws.npz", "models/kws-labels.txt")]),
        ("labels that are not there", &[("kws-labels.txt", "kws_labels.txt")]),
        ("two sources of vectors", &[("runs 20", "random count=1 seed=1")]),
        ("no vectors", &[("vectors \"vectors/kws.npz\"; ", "")]),
        ("an unknown board", &[("mps2-an386", "mps2-an368")]),
        ("a target twice", &[("\"host\"", "\"mps2-an386\"")]),
        ("an unknown library", &[("kernels \"cmsis-nn\"", "kernels \"cmsisnn\"")]),
        ("reference as a library", &[("kernels \"cmsis-nn\"", "kernels \"reference\"")]),
        ("no owner", &[(" headroom=\"10%\" owner=\"ml-platform@example.com\"", "")]),
        ("fallback under prefer", &[("require", "prefer")]),
        ("an unknown fallback", &[("fallback \"reference\"", "fallback \"tflm\"")]),
        ("an unknown kernel", &[("kernel=\"reference\"", "kernel=\"refrence\"")]),
        ("not an index", &[("op:7", "op:seven")]),
        ("use twice", &[("    use", "    use \"op:7\" kernel=\"cmsis-nn\" reason=\"x\"\n    use")]),
        ("use without a reason", &[(" reason=\"known-bad entry CN-3\"", "")]),
    ]));
}

#[test]
fn boards() {
    let head = "board version=1\nsummary \"Mine\"\n";
    let good = "core \"cortex-m4f\"\nrust-target \"t\"\nc-flags \"-mthumb\"\nclock \"25MHz\"\n\
                memory { flash \"FLASH\" address=0 size=\"1MiB\"; ram \"RAM\" address=0x20000000 size=\"64KiB\" }\n\
                runner \"qemu\" machine=\"m\" instructions-per-tick=40\n";
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        format!("{head}{}", good.replacen(from, to, 1))
    };
    let cases = [
        ("nothing but the header", head.to_owned()),
        ("not a board", GOOD.to_owned()),
        ("an unknown runner", with("\"qemu\"", "\"quemu\"")),
        ("probe-rs", with("\"qemu\"", "\"probe-rs\"")),
        ("a probe with an emulator's properties", with("\"qemu\"", "\"probe\"")),
        ("no name of a chip", with("\"qemu\" machine=\"m\" instructions-per-tick=40", "\"probe\" chip=\"a b; rm\"")),
        ("a host with memory", with("\"qemu\" machine=\"m\" instructions-per-tick=40", "\"host\" machine=\"m\"")),
        ("an emulator without a clock", with("clock \"25MHz\"\n", "")),
        ("a clock without a unit", with("25MHz", "25")),
        ("overlapping regions", with("0x20000000", "0x80000")),
        ("one name for two", with("\"RAM\"", "\"FLASH\"")),
        ("a region past the end", with("0x20000000 size=\"64KiB\"", "0xFFFF8000 size=\"64KiB\"")),
        ("a name for no linker", with("\"RAM\"", "\"ram 1\"")),
        ("no flash", with("flash \"FLASH\" address=0 size=\"1MiB\"; ", "")),
        ("two RAMs, none in use", with("size=\"64KiB\" }", "size=\"64KiB\"; ram \"B\" address=0 size=1 }")),
        (
            "two RAMs, both in use",
            with("size=\"64KiB\" }", "size=\"64KiB\" use=\"data\"; ram \"B\" address=0x30000000 size=1 use=\"data\" }"),
        ),
        ("code in RAM", with("size=\"64KiB\" }", "size=\"64KiB\" use=\"code\" }")),
        ("a use of what is off", with("size=\"64KiB\" }", "size=\"64KiB\" off-at-reset=#true }")),
        (
            "the linker's name for another region",
            with(
                "ram \"RAM\" address=0x20000000 size=\"64KiB\"",
                "ram \"RAM\" address=0x20000000 size=1; ram \"B\" address=0x30000000 size=1 use=\"data\"",
            ),
        ),
        ("a flash kind of RAM", with("size=\"64KiB\" }", "size=\"64KiB\" kind=\"qspi\" }")),
        ("too many wait states", with("size=\"64KiB\" }", "size=\"64KiB\" wait-states=256 }")),
        ("floating point without a unit", with("rust-target \"t\"", "rust-target \"thumbv7em-none-eabihf\"")),
        (
            "two units",
            with(
                "\"cortex-m4f\"\nrust-target \"t\"\nc-flags \"-mthumb\"",
                "\"cortex-m4f\" fpu=\"fpv4-sp-d16\"\nrust-target \"t\"\nc-flags \"-mfpu=fpv5-d16\"",
            ),
        ),
        ("an unknown unit and state", with("\"cortex-m4f\"", "\"cortex-m4f\" fpu=\"vfp\" starts=\"secur\"")),
        ("a clock that ends below its start", with("\"25MHz\"", "\"25MHz\" to=\"1MHz\" full=\"20MHz\"")),
        (
            "a timer of an unknown kind",
            with("clock \"25MHz\"", "timer \"systick\" address=0xE000E010 line=8 clock=\"25MHz\"\nclock \"25MHz\""),
        ),
        (
            "a timer without its interrupt",
            with("clock \"25MHz\"", "timer \"cmsdk\" address=0x40000001 clock=\"0Hz\"\nclock \"25MHz\""),
        ),
        (
            "a timer twice",
            with(
                "clock \"25MHz\"",
                "timer \"cmsdk\" address=0x40000000 line=8 clock=\"25MHz\"\ntimer \"cmsdk\" address=0x40001000 line=8 clock=\"25MHz\"\nclock \"25MHz\"",
            ),
        ),
        ("a cache that is neither on nor off", with("clock \"25MHz\"", "cache \"data\"\nclock \"25MHz\"")),
        ("an unknown boot block", with("clock \"25MHz\"", "boot-block \"rp2040\"\nclock \"25MHz\"")),
        ("a feature in quotes", with("\"cortex-m4f\"", "\"cortex-m4f\" dsp=\"yes\"")),
    ];
    let cases: Vec<_> = cases.iter().map(|(title, text)| (*title, text.as_str())).collect();
    snapshot!(catalogue_of("manifests/boards/mps2-an386.kdl", &cases));
}

#[test]
fn libraries() {
    let good = "kernel-library version=1\nsummary \"Mine\"\nlicence \"MIT\"\nversions \"1\"\n\
                source \"git\" url=\"https://example.com/nn\" revision=\"v1\"\ninclude \"src/*.c\"\n";
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let cases = [
        ("nothing but the header", "kernel-library version=1".to_owned()),
        ("an unknown source", with("\"git\"", "\"gti\"")),
        ("another source's property", with("revision=\"v1\"", "version=\"v1\"")),
        ("a pattern that is none", with("src/*.c", "src/{a,b.c")),
        ("a pattern that leaves the folder", with("src/*.c", "../*.c")),
        ("a folder that leaves the source", with("revision=\"v1\"", "revision=\"v1\" folder=\"/etc\"")),
        ("a definition twice", with("include", "define \"A\" \"1\"\ndefine \"A\"\ninclude")),
        ("no flags in flags", with("include", "flags\ninclude")),
        ("the other spelling", with("licence", "license")),
    ];
    let cases: Vec<_> = cases.iter().map(|(title, text)| (*title, text.as_str())).collect();
    snapshot!(catalogue_of("manifests/kernels/cmsis-nn.kdl", &cases));
}

#[test]
fn a_file_that_is_not_there() {
    let project = Project::new();
    let path = project.root.join("manifests/kw.kdl");
    let errors = super::load(&path, &super::Catalog::builtin()).unwrap_err();
    snapshot!(rendered(&errors));
}

#[test]
fn conversion() {
    let convert = |text: &str| format!("convert {text}\nruntime");
    let cases = [
        ("no command", "{ input \"models\" }"),
        ("no place for the model", "\"python3 train.py\""),
        ("a shell's sign", "\"python3 train.py > {output}\""),
        ("a quote without end", "\"python3 'train.py {output}\""),
        ("an input that is not there", "\"python3 t.py {output}\" { input \"train.py\" }"),
        ("an input outside the project", "\"python3 t.py {output}\" { input \"../..\" }"),
        ("an input twice", "\"python3 t.py {output}\" { input \"vectors\"; input \"vectors/kws.npz\" }"),
        ("a variable that is set", "\"python3 t.py {output}\" { environment \"HOME\" \"/root\" }"),
        ("a variable twice", "\"python3 t.py {output}\" { environment \"A\" \"1\"; environment \"A\" \"2\" }"),
        ("a variable without a value", "\"python3 t.py {output}\" { environment \"A\" }"),
        ("a time without a unit", "\"python3 t.py {output}\" { time-limit \"30\" }"),
        ("no time", "\"python3 t.py {output}\" { time-limit \"0s\" }"),
        ("a source that is no input", "\"python3 t.py {output}\" { provenance { source \"kws.keras\" } }"),
        ("a misspelt node", "\"python3 t.py {output}\" { inputs \"models\" }"),
    ];
    let project = Project::new();
    let all = cases.iter().fold(String::new(), |all, (title, text)| {
        let errors = project.load(edited(&[("runtime", &convert(text))])).map(|_| title).expect_err(title);
        all + &format!("# {title}\n{}\n\n", rendered(&errors))
    });
    snapshot!(all);
}
