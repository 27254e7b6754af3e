//! Steps around a model: pictures, sensors, outputs.

use super::{GOOD, Project, edited, rendered};
use crate::manifest::Manifest;

/// [`GOOD`] with `nodes` in it.
fn with(nodes: &str) -> String {
    edited(&[("runtime \"aot\"", &format!("{nodes}\nruntime \"aot\""))])
}

fn load(nodes: &str) -> Manifest {
    let project = Project::new();
    project.load(with(nodes)).map_err(|errors| rendered(&errors)).expect(nodes)
}

/// The only mistake: where it stands, what is wrong and what to do.
fn mistake(nodes: &str) -> (String, String, String) {
    let text = with(nodes);
    let errors = Project::new().load(&text).map(|_| nodes).expect_err(nodes);
    let [problem] = errors.problems() else { panic!("{}", rendered(&errors)) };
    let place = problem.span().map(|span| text[span].to_owned()).unwrap_or_default();
    (place, problem.to_string(), problem.advice().unwrap_or_default().to_owned())
}

/// Each of `cases`: what is in the braces, the place of the mistake, words of its message, words of its help.
fn refused(head: &str, cases: &[(&str, &str, &str, &str)]) {
    for (steps, place, message, help) in cases {
        let found = mistake(&format!("{head} {{ {steps} }}"));
        assert_eq!(found.0, *place, "{steps}: {found:?}");
        assert!(found.1.contains(message), "{steps}: {found:?}");
        assert!(found.2.contains(help), "{steps}: {found:?}");
    }
}

const PICTURE: &str = "preprocess \"image\" width=320 height=240 format=\"rgb565-be\"";

#[test]
fn a_picture_with_every_step() {
    let steps = "crop x=40 y=0 width=240 height=240; pad top=2 bottom=2 value=114; grayscale
        resize width=10 height=49 method=\"bilinear\" half-pixel-centers=#false
        scale 2 offset=-1; normalize mean=127.5 std=127.5; quantize";
    let manifest = load(&format!("{PICTURE} {{ {steps} }}"));
    let names: Vec<&str> =
        manifest.preprocess.unwrap().spec.steps.iter().map(crate::model::pipeline::StepSpec::name).collect();
    assert_eq!(names, ["crop", "pad", "grayscale", "resize", "scale", "normalize", "quantize"]);
    let yuv = "preprocess \"image\" width=10 height=49 format=\"uyvy\" range=\"full\" { grayscale }";
    assert!(load(yuv).preprocess.is_some());
    let three = edited(&[
        ("shape 1 49 10 1", "shape 1 49 10 3"),
        (
            "runtime",
            "preprocess \"image\" width=10 height=49 format=\"rgb888\" { channels \"bgr\"; normalize { mean 1 2 3; std 4 5 6 } }\nruntime",
        ),
    ]);
    assert!(Project::new().load(three).is_ok());
}

#[test]
fn pictures_are_refused_at_the_line_of_the_step() {
    refused(
        PICTURE,
        &[
            (
                "crop x=100 y=0 width=240 height=240",
                "crop",
                "ends at column 340 and row 240",
                "320 columns and 240 rows",
            ),
            ("resize width=0 height=49 method=\"nearest\"", "0", "`width` of `resize` is out of range", "from 1 to"),
            ("resize width=10 height=49", "resize", "`resize` needs `method`", "method=\"bilinear\""),
            (
                "resize width=10 height=49 method=\"nearest\" align-corners=#true half-pixel-centers=#true",
                "resize",
                "exclude each other",
                "one of the two",
            ),
            ("resize width=10 height=49 method=\"bicubic\"", "\"bicubic\"", "cannot be `bicubic`", "bilinear"),
            ("resize width=10 height=49 method=\"nearest\"", "preprocess", "[49, 10, 3]", "add `grayscale`"),
            ("grayscale", "preprocess", "[240, 320, 1]", "add `resize width=10 height=49`"),
            (
                "normalize { mean 1 2; std 1 }",
                "normalize",
                "`mean` has 2 numbers, and there are 3 channels",
                "one for all",
            ),
            ("normalize mean=0 std=0", "0", "greater than zero", "training data"),
            ("normalize mean=0", "normalize", "needs `std`", "std=127.5"),
            ("pad", "pad", "without a pixel", "pad top=12"),
            ("pad top=1 value=256", "256", "out of range", "255"),
            ("window samples=3 stride=1", "window", "no node `window`", ""),
        ],
    );
    let format =
        |format: &str| mistake(&format!("preprocess \"image\" width=10 height=49 format=\"{format}\" {{ grayscale }}"));
    assert!(format("rgb565").2.contains("`rgb565-be`"));
    assert!(format("yuv422").2.contains("`yuyv`"));
    assert_eq!(format("rgb8888").0, "\"rgb8888\"");
    let odd = mistake("preprocess \"image\" width=11 height=49 format=\"yuyv\" { grayscale }");
    assert_eq!((&odd.0[..], odd.2.contains("`width=10`")), ("preprocess", true));
    let range = mistake("preprocess \"image\" width=10 height=49 format=\"gray8\" range=\"full\" { quantize }");
    assert!(range.1.contains("only `yuyv` and `uyvy`"));
}

const SENSOR: &str = "preprocess \"sensor\" rate=62.5 channels=10 type=\"int16\" scale=0.001";

#[test]
fn samples_with_every_step() {
    let steps = "window samples=98 stride=49; detrend \"linear\"; standardize; fft points=100 window=\"hamming\" symmetric=#true
        statistics \"mean\" \"zero-crossings\"; standardize mean=0 std=2; quantize";
    // 51 bins and two numbers, of ten channels.
    let text = with(&format!("{SENSOR} {{ {steps} }}")).replacen("shape 1 49 10 1", "shape 1 10 53", 1);
    let manifest = Project::new().load(text).map_err(|errors| rendered(&errors)).expect(steps);
    let names: Vec<&str> =
        manifest.preprocess.unwrap().spec.steps.iter().map(crate::model::pipeline::StepSpec::name).collect();
    assert_eq!(names, ["window", "detrend", "standardize", "fft", "statistics", "standardize", "quantize"]);
    load(&format!("{SENSOR} {{ window samples=49 stride=10; standardize {{ mean 1 2 3 4 5 6 7 8 9 0; std 1 }} }}"));
}

#[test]
fn samples_are_refused_at_the_line_of_the_step() {
    refused(
        SENSOR,
        &[
            ("window samples=50 stride=10", "preprocess", "[1, 50, 10]", "change the steps"),
            ("window samples=0 stride=10", "0", "out of range", "from 1 to"),
            ("window samples=40000 stride=10", "window", "longer than sums", "at most 32768"),
            ("detrend \"mean\"", "detrend", "no window", "begin with `window"),
            ("window samples=49 stride=7; detrend \"square\"", "\"square\"", "cannot be `square`", "linear"),
            ("window samples=49 stride=7; fft points=49", "fft", "no FFT of 49 points", "take 50"),
            ("window samples=49 stride=7; fft points=48", "fft", "leaves out samples", "take 50"),
            ("window samples=49 stride=7; fft window=\"blackman\"", "\"blackman\"", "cannot be `blackman`", "hann"),
            (
                "window samples=49 stride=7; fft symmetric=#true",
                "#true",
                "no window to be symmetric",
                "window=\"hann\"",
            ),
            ("window samples=49 stride=7; statistics", "statistics", "at least one", "zero-crossings"),
            ("window samples=49 stride=7; statistics \"rms\" \"rms\"", "\"rms\"", "twice", "keep one"),
            ("window samples=49 stride=7; statistics \"mode\"", "\"mode\"", "cannot be `mode`", ""),
            (
                "window samples=49 stride=7; standardize { mean 1 2; std 1 }",
                "standardize",
                "2 means",
                "1 of each, 10 or 490",
            ),
            ("window samples=49 stride=7; standardize mean=1", "standardize", "needs `std`", "std=9.81"),
        ],
    );
    let none = mistake("preprocess \"sensor\" rate=0 channels=1 type=\"int16\" { window samples=49 stride=7 }");
    assert_eq!((&none.0[..], none.1.contains("must arrive")), ("0", true));
    let kind = mistake("preprocess \"video\"");
    assert!(kind.1.contains("cannot be `video`"), "{kind:?}");
}

#[test]
fn outputs_become_labels() {
    let manifest = load("postprocess \"Identity\" { dequantize; smooth \"average\" over=4; threshold 0.6 off=0.4 }");
    assert_eq!(manifest.postprocess.len(), 1);
    load("postprocess \"Identity\" { smooth \"exponential\" alpha=0.25; softmax; top 2 least=0.5 }");
    load("postprocess \"Identity\" { threshold 0.6; suppress 25 }");
    refused(
        "postprocess \"Identity\"",
        &[
            ("top 3", "top", "there are 2 scores", "at most 2"),
            ("top 1; threshold 0.5", "threshold", "`top` has given labels already", "as the last step"),
            ("top 2; suppress 3", "suppress", "takes one label", "right behind"),
            ("top 1; suppress 0", "0", "out of range", "from 1 to"),
            ("threshold 0.5 off=0.6", "threshold", "would end below 0.6 at once", "at most 0.5"),
            ("smooth \"average\" alpha=0.5", "0.5", "`alpha` is not of this kind", "`over=…`"),
            ("smooth \"exponential\" alpha=1.5", "1.5", "out of range", "up to 1"),
            ("smooth \"average\" over=0", "0", "out of range", "from 1 to"),
        ],
    );
    let other = mistake("postprocess \"scores\" { top 1 }");
    assert_eq!((&other.0[..], &other.2[..]), ("\"scores\"", "its outputs are [\"Identity\"]"));
    let empty = mistake("postprocess \"Identity\"");
    assert_eq!((&empty.0[..], &empty.1[..]), ("postprocess", "there is no step"));
    let twice = mistake("postprocess \"Identity\" { top 1 }\npostprocess \"Identity\" { top 2 }");
    assert!(twice.1.contains("has steps twice"), "{twice:?}");
    assert!(GOOD.contains("shape 1 2;"), "two scores");
}
