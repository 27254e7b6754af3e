//! Steps of pictures, in whole numbers as the firmware's kernels compute them.

use preprocess::PixelFormat;

use super::file::{File, Raw};
use super::{Input, Unwritten};
use crate::model::pipeline::image::{Method, Picture, Step};
use crate::model::pipeline::{Spec, StepSpec};

/// Writes constants and steps, and says what one vector is.
pub(super) fn write(file: &mut File, picture: &Picture, spec: &Spec, input: &Input) -> Result<Raw, Unwritten> {
    file.constant("WIDTH", picture.width, "pixels");
    file.constant("HEIGHT", picture.height, "pixels");
    file.constant("BYTES", picture.format.bytes(), "of a pixel");
    let unpacking = unpacking(picture.format);
    if !unpacking.is_empty() {
        file.text(&["def pixels(picture):", "    \"\"\"A camera's bytes as red, green and blue.\"\"\""]);
        file.more(unpacking);
    }
    let mut chain = Chain { packed: !unpacking.is_empty() };
    for step in &spec.steps {
        match step {
            StepSpec::Image(step) => chain.write(file, step),
            StepSpec::Quantize => {}
            other => return Err(Unwritten { step: other.name().to_owned() }),
        }
    }
    if chain.packed {
        chain.unpack(file);
    }
    if file.latest().is_none() && input.quantization.is_none() {
        return Err(Unwritten { step: "preprocess \"image\" without steps".to_owned() });
    }
    Ok(Raw {
        name: "picture",
        shape: "(HEIGHT, WIDTH, BYTES)",
        dtype: "uint8",
        files: "PICTURE.png",
        imports: &[],
        read: match picture.format {
            PixelFormat::Gray8 | PixelFormat::Rgb888 => &READ,
            PixelFormat::Bgr888 => &READ_BLUE_FIRST,
            _ => &READ_BYTES,
        },
    })
}

macro_rules! read {
    ($order:literal) => {
        [
            "if path.endswith(\".npy\"):",
            "    return np.load(path).reshape(HEIGHT, WIDTH, BYTES)",
            "from PIL import Image",
            "",
            concat!("return np.array(Image.open(path)).reshape(HEIGHT, WIDTH, BYTES)", $order),
        ]
    };
}

const READ: [&str; 5] = read!("");
const READ_BLUE_FIRST: [&str; 5] = read!("[..., ::-1]");
/// Of other formats there are no pictures in files.
const READ_BYTES: [&str; 1] = ["return np.load(path).reshape(HEIGHT, WIDTH, BYTES)"];

macro_rules! rgb565 {
    ($high:literal, $low:literal) => {
        [
            concat!("word = picture", $high, ".astype(np.int32) << 8 | picture", $low),
            "red, green, blue = word >> 11, word >> 5 & 63, word & 31",
            "parts = [red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2]",
            "return np.stack(parts, axis=-1).astype(np.uint8)",
        ]
    };
}

macro_rules! yuv {
    ($y:literal, $u:literal, $v:literal, $range:ident) => {
        [
            "pairs = picture.reshape(HEIGHT, WIDTH // 2, 4).astype(np.int32)",
            concat!("y, u, v = pairs[..., ", $y, "], pairs[..., ", $u, "] - 128, pairs[..., ", $v, "] - 128"),
            yuv!($range 0),
            yuv!($range 1),
            "parts = np.stack(np.broadcast_arrays(*parts), axis=-1).reshape(HEIGHT, WIDTH, 3)",
            "return np.clip(parts, 0, 255).astype(np.uint8)",
        ]
    };
    (limited 0) => { "y = 298 * (y - 16) + 128" };
    (limited 1) => { "parts = [(y + 409 * v) >> 8, (y - 100 * u - 208 * v) >> 8, (y + 516 * u) >> 8]" };
    (full 0) => { "red, green, blue = 91881 * v, -22554 * u - 46802 * v, 116130 * u" };
    (full 1) => { "parts = [y + (part + 32768 >> 16) for part in (red, green, blue)]" };
}

/// The body of what unpacks a format; empty where bytes are brightness, or red, green and blue already.
fn unpacking(format: PixelFormat) -> &'static [&'static str] {
    match format {
        PixelFormat::Gray8 | PixelFormat::Rgb888 => &[],
        PixelFormat::Bgr888 => &["return picture[..., ::-1]"],
        PixelFormat::Rgb565Be => &rgb565!("[..., 0]", "[..., 1]"),
        PixelFormat::Rgb565Le => &rgb565!("[..., 1]", "[..., 0]"),
        PixelFormat::Yuyv => &yuv!("[0, 2]", "[1]", "[3]", limited),
        PixelFormat::Uyvy => &yuv!("[1, 3]", "[0]", "[2]", limited),
        PixelFormat::YuyvFull => &yuv!("[0, 2]", "[1]", "[3]", full),
        PixelFormat::UyvyFull => &yuv!("[1, 3]", "[0]", "[2]", full),
    }
}

/// What is there so far.
struct Chain {
    /// Whether bytes are still a camera's.
    packed: bool,
}

impl Chain {
    fn write(&mut self, file: &mut File, step: &Step) {
        if matches!(step, Step::Pad { .. } | Step::Scale { .. } | Step::Normalize { .. }) && self.packed {
            self.unpack(file);
        }
        match step {
            Step::Crop { x, y, width, height } => {
                let (right, below) = (x + width, y + height);
                self.step(file, "crop", "A part.", vec![format!("return picture[{y}:{below}, {x}:{right}]")]);
            }
            Step::Pad { top, bottom, left, right, value } => {
                let border = format!("(({top}, {bottom}), ({left}, {right}), (0, 0))");
                let line = format!("return np.pad(picture, {border}, constant_values={value})");
                self.step(file, "pad", "A border.", vec![line]);
            }
            Step::Resize { width, height, method, align_corners, half_pixel_centers } => {
                let aligned = if *align_corners { "int(wanted > 1)" } else { "0" };
                let lines = match method {
                    Method::Nearest => nearest(*align_corners, *half_pixel_centers),
                    Method::Bilinear => bilinear(*half_pixel_centers),
                };
                let lines = lines.into_iter().map(|line| {
                    line.replace("ALIGNED", aligned).replace("ROWS", &height.to_string()).replace("COLUMNS", &width.to_string())
                });
                self.step(file, "resize", "Another size, in LiteRT's numbers.", lines.collect());
            }
            Step::Grayscale => self.step(file, "grayscale", "Brightness (ITU-R BT.601).", vec![
                "red, green, blue = np.moveaxis(picture[..., [0, 0, 0] if picture.shape[-1] == 1 else [0, 1, 2]].astype(np.int32), -1, 0)".to_owned(),
                "gray = 19595 * red + 38470 * green + 7471 * blue + 32768 >> 16".to_owned(),
                "return gray[..., np.newaxis].astype(np.uint8)".to_owned(),
            ]),
            Step::BlueFirst => {
                self.step(file, "channels", "Blue, green, red.", vec!["return picture[..., ::-1]".to_owned()]);
            }
            Step::Scale { factor, offset } => self.step(file, "scale", "A factor and an offset.", vec![
                format!("return picture.astype(np.float32) * np.float32({factor:?}) + np.float32({offset:?})"),
            ]),
            Step::Normalize { mean, std } => self.step(file, "normalize", "Less a mean, over a deviation.", vec![
                format!("return (picture.astype(np.float32) - np.float32({mean:?})) / np.float32({std:?})"),
            ]),
        }
    }

    /// A function of the picture that is there, unpacked.
    fn step(&mut self, file: &mut File, name: &str, what: &str, mut lines: Vec<String>) {
        if std::mem::take(&mut self.packed) {
            lines.insert(0, "picture = pixels(picture)".to_owned());
        }
        file.step(name, "picture", what, &lines);
    }

    fn unpack(&mut self, file: &mut File) {
        self.packed = false;
        file.step("unpack", "picture", "Red, green and blue.", &["return pixels(picture)".to_owned()]);
    }
}

fn nearest(align_corners: bool, half_pixel_centers: bool) -> Vec<String> {
    let offset = if half_pixel_centers { "0.5" } else { "0" };
    let up = if align_corners { " + (place - place.astype(int) >= 0.5)" } else { "" };
    vec![
        "def nearest(size, wanted):".to_owned(),
        "    aligned = ALIGNED".to_owned(),
        "    scale = np.float32(size - aligned) / np.float32(wanted - aligned)".to_owned(),
        format!("    place = (np.arange(wanted, dtype=np.float32) + np.float32({offset})) * scale"),
        format!("    return np.minimum(place.astype(int){up}, size - 1)"),
        String::new(),
        "return picture[nearest(picture.shape[0], ROWS)][:, nearest(picture.shape[1], COLUMNS)]".to_owned(),
    ]
}

fn bilinear(half_pixel_centers: bool) -> Vec<String> {
    let shift = if half_pixel_centers { " + scale // 2 - 512" } else { "" };
    let lines = [
        "def between(size, wanted):",
        "    aligned = ALIGNED",
        "    scale = (1024 * (size - aligned) + (wanted - aligned) // 2) // (wanted - aligned)",
        "    place = np.arange(wanted) * scaleSHIFT",
        "    low = np.maximum(place // 1024, 0)",
        "    return (low, 1024 - (place - low * 1024)), (np.minimum((place + 1023) // 1024, size - 1), place - low * 1024)",
        "",
        "total = 0",
        "for rows, down in between(picture.shape[0], ROWS):",
        "    for columns, across in between(picture.shape[1], COLUMNS):",
        "        corner = picture[rows][:, columns].astype(np.int64) - 128",
        "        total = total + corner * (down[:, np.newaxis] * across)[..., np.newaxis]",
        "halves = np.where(total > 0, 1, -1)",
        "return (halves * (np.abs(total) + 2 ** 19 >> 20) + 128).astype(np.uint8)",
    ];
    lines.iter().map(|line| line.replace("SHIFT", shift)).collect()
}
