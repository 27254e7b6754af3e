//! A picture and its steps, as manifests write them.

use preprocess::PixelFormat;

use super::decode::{Grammar, Node, Times};
use super::preprocess::PARITY;
use super::value::Value;
use crate::model::pipeline::image::{Method, Picture, Step};
use crate::model::pipeline::{Source, StepSpec};

pub(super) const IMAGE: Grammar = Grammar {
    arguments: 1,
    properties: &["width", "height", "format", "range", "input"],
    children: &[
        ("crop", Times::Often),
        ("pad", Times::Often),
        ("resize", Times::Often),
        ("grayscale", Times::Once),
        ("channels", Times::Once),
        ("scale", Times::Often),
        ("normalize", Times::Often),
        ("quantize", Times::Once),
        (PARITY, Times::Once),
    ],
    later: &[],
};
const CROP: Grammar = Grammar { properties: &["x", "y", "width", "height"], ..Grammar::NOTHING };
const PAD: Grammar = Grammar { properties: &["top", "bottom", "left", "right", "value"], ..Grammar::NOTHING };
const RESIZE: Grammar =
    Grammar { properties: &["width", "height", "method", "align-corners", "half-pixel-centers"], ..Grammar::NOTHING };
const CHANNELS: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const SCALE: Grammar = Grammar { arguments: 1, properties: &["offset"], ..Grammar::NOTHING };
const NORMALIZE: Grammar = Grammar {
    arguments: 0,
    properties: &["mean", "std"],
    children: &[("mean", Times::Once), ("std", Times::Once)],
    later: &[],
};
/// Most channels have one number each.
const NUMBERS: Grammar = Grammar { arguments: 1 << 12, ..Grammar::NOTHING };
/// No camera of a microcontroller has more.
const MOST_PIXELS: i128 = 1 << 14;
const NORMALIZE_EXAMPLE: &str = "normalize mean=127.5 std=127.5";
const RESIZE_EXAMPLE: &str = "resize width=96 height=96 method=\"bilinear\"";

/// How a format is written, without the range of its colours.
#[derive(Clone, Copy)]
enum Written {
    Plain(PixelFormat),
    /// With limited range, with full range.
    Ranged(PixelFormat, PixelFormat),
    /// One of these is meant.
    Unclear(&'static str),
}

const FORMATS: [(&str, Written); 9] = [
    ("gray8", Written::Plain(PixelFormat::Gray8)),
    ("rgb888", Written::Plain(PixelFormat::Rgb888)),
    ("bgr888", Written::Plain(PixelFormat::Bgr888)),
    ("rgb565-be", Written::Plain(PixelFormat::Rgb565Be)),
    ("rgb565-le", Written::Plain(PixelFormat::Rgb565Le)),
    ("yuyv", Written::Ranged(PixelFormat::Yuyv, PixelFormat::YuyvFull)),
    ("uyvy", Written::Ranged(PixelFormat::Uyvy, PixelFormat::UyvyFull)),
    ("rgb565", Written::Unclear("`rgb565-be` (the higher byte first, as most cameras send it) or `rgb565-le`")),
    ("yuv422", Written::Unclear("`yuyv` (brightness first) or `uyvy`")),
];

/// The source of a `preprocess "image"` node.
pub(super) fn source(node: &Node<'_>) -> Option<Source> {
    let size = |key, example| length(node, key, example, 1);
    let (width, height) = (size("width", "width=320"), size("height", "height=240"));
    let format = format(node);
    Some(Source::Image(Picture { width: width?, height: height?, format: format? }))
}

fn format(node: &Node<'_>) -> Option<PixelFormat> {
    let value = node.need_property("format", "format=\"rgb888\"")?;
    let written = value.choice(&FORMATS, &[])?;
    let range = match node.property("range") {
        Some(range) => Some((range.choice(&[("limited", false), ("full", true)], &[])?, range)),
        None => None,
    };
    match (written, range) {
        (Written::Plain(_), Some((_, range))) => {
            range.refuse("only `yuyv` and `uyvy` have a range of colours", "here", "remove `range`");
            None
        }
        (Written::Plain(format), None) | (Written::Ranged(format, _), None | Some((false, _))) => Some(format),
        (Written::Ranged(_, full), Some((true, _))) => Some(full),
        (Written::Unclear(ones), _) => {
            value.refuse("this format has more than one order of bytes", "which one?", format!("write {ones}"));
            None
        }
    }
}

/// A step of a picture.
pub(super) fn step(node: &Node<'_>) -> Option<StepSpec> {
    let step = match node.name() {
        "crop" => crop(&node.with(&CROP)),
        "pad" => pad(&node.with(&PAD)),
        "resize" => resize(&node.with(&RESIZE)),
        "grayscale" => {
            node.with(&Grammar::NOTHING);
            Some(Step::Grayscale)
        }
        "channels" => {
            let node = node.with(&CHANNELS);
            node.need_argument(0, "an order", "channels \"bgr\"")?.choice(&[("bgr", ())], &[])?;
            Some(Step::BlueFirst)
        }
        "scale" => scale(&node.with(&SCALE)),
        "normalize" => {
            let (mean, std) = mean_and_std(&node.with(&NORMALIZE), NORMALIZE_EXAMPLE)?;
            Some(Step::Normalize { mean, std })
        }
        // What it is was said when the children were compared with the grammar.
        _ => None,
    };
    step.map(StepSpec::Image)
}

/// A number of pixels.
fn length(node: &Node<'_>, key: &'static str, example: &str, least: i128) -> Option<usize> {
    usize::try_from(node.need_property(key, example)?.integer(least..=MOST_PIXELS)?).ok()
}

fn crop(node: &Node<'_>) -> Option<Step> {
    let (x, y) = (length(node, "x", "x=40", 0), length(node, "y", "y=0", 0));
    let (width, height) = (length(node, "width", "width=240", 1), length(node, "height", "height=240", 1));
    Some(Step::Crop { x: x?, y: y?, width: width?, height: height? })
}

fn pad(node: &Node<'_>) -> Option<Step> {
    let side = |key| match node.property(key) {
        Some(value) => usize::try_from(value.integer(0..=MOST_PIXELS)?).ok(),
        None => Some(0),
    };
    let (top, bottom, left, right) = (side("top"), side("bottom"), side("left"), side("right"));
    let value = match node.property("value") {
        Some(value) => u8::try_from(value.integer(0..=u8::MAX.into())?).ok(),
        None => Some(0),
    };
    let (top, bottom, left, right) = (top?, bottom?, left?, right?);
    if [top, bottom, left, right] == [0; 4] {
        node.refuse("a border without a pixel", "nothing to add", "write how many: `pad top=12 bottom=12`");
        return None;
    }
    Some(Step::Pad { top, bottom, left, right, value: value? })
}

fn resize(node: &Node<'_>) -> Option<Step> {
    let (width, height) = (length(node, "width", "width=96", 1), length(node, "height", "height=96", 1));
    let methods = [("nearest", Method::Nearest), ("bilinear", Method::Bilinear)];
    let method = node.need_property("method", RESIZE_EXAMPLE).and_then(|value| value.choice(&methods, &[]));
    let flag = |key, without: bool| node.property(key).map_or(Some(without), |value| value.flag());
    let align_corners = flag("align-corners", false)?;
    // What TensorFlow 2 does where nothing is said.
    let half_pixel_centers = flag("half-pixel-centers", !align_corners)?;
    Some(Step::Resize { width: width?, height: height?, method: method?, align_corners, half_pixel_centers })
}

fn scale(node: &Node<'_>) -> Option<Step> {
    let factor = node.need_argument(0, "a factor", "scale 0.0078125 offset=-1").and_then(|value| value.float32());
    let offset = node.property("offset").map_or(Some(0.0), |value| value.float32());
    Some(Step::Scale { factor: factor?, offset: offset? })
}

/// Means and deviations: one of each as a property, or lists in braces.
pub(super) fn mean_and_std(node: &Node<'_>, example: &str) -> Option<(Vec<f32>, Vec<f32>)> {
    let mean = numbers(node, "mean", example, |_| true);
    let std = numbers(node, "std", example, |number| number > 0.0);
    Some((mean?, std?))
}

fn numbers(node: &Node<'_>, key: &'static str, example: &str, goes: impl Fn(f32) -> bool) -> Option<Vec<f32>> {
    let number = |value: &Value<'_>| {
        let number = value.float32()?;
        if goes(number) {
            return Some(number);
        }
        value.refuse("a deviation is greater than zero", "not positive", "write what the training data has");
        None
    };
    match (node.property(key), node.child(key, &NUMBERS)) {
        (Some(_), Some(list)) => {
            list.refuse(format!("`{key}` stands twice"), "second one", "keep one of them");
            None
        }
        (Some(value), None) => Some(vec![number(&value)?]),
        (None, Some(list)) => {
            let found: Option<Vec<f32>> = list.arguments().iter().map(number).collect();
            let found = found?;
            if found.is_empty() {
                list.refuse(format!("`{key}` has no number"), "incomplete", format!("write `{key} 0.5 0.5 0.5`"));
                return None;
            }
            Some(found)
        }
        (None, None) => {
            node.missing(key, example);
            None
        }
    }
}
