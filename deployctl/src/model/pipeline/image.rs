//! Steps of pictures: from what a camera gives to a model's input.
//!
//! A picture is cut and resized in bytes. What is a function of one byte alone ([`Step::Scale`], [`Step::Normalize`],
//! quantization) becomes one table where the model's input has 8 bits, so that no picture of floating-point numbers is ever
//! in memory; the table is filled by the kernels that would have run.

use kernels::{Element, Extent, Op as Kernel, Pad};
use preprocess::{BlueFirst, Crop, Grayscale, Op, PictureBilinear, PictureNearest, PixelFormat};
use serde::{Deserialize, Serialize};

use super::StepOp;
use super::builder::{Builder, Value};
use super::spec::{Form, Wrong};
use super::table;
use crate::model::lower::Positions;
use crate::model::{TensorId, TensorType};

/// A picture as it arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// How pixels lie in memory.
    pub format: PixelFormat,
}

/// How another size is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `RESIZE_NEAREST_NEIGHBOR`.
    Nearest,
    /// `RESIZE_BILINEAR`.
    Bilinear,
}

/// A step of a picture. Sizes are pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "image", rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields are the manifest's properties of the same name")]
pub enum Step {
    /// A part.
    Crop { x: usize, y: usize, width: usize, height: usize },
    /// A border, whose bytes are `value`.
    Pad { top: usize, bottom: usize, left: usize, right: usize, value: u8 },
    /// Another size.
    Resize { width: usize, height: usize, method: Method, align_corners: bool, half_pixel_centers: bool },
    /// One channel of brightness.
    Grayscale,
    /// Blue before green and red.
    BlueFirst,
    /// `x * factor + offset`.
    Scale { factor: f32, offset: f32 },
    /// `(x - mean) / std`, with one number for all channels or one for each.
    Normalize { mean: Vec<f32>, std: Vec<f32> },
}

impl Step {
    /// The name that manifests, tensors and reports have for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crop { .. } => "crop",
            Self::Pad { .. } => "pad",
            Self::Resize { .. } => "resize",
            Self::Grayscale => "grayscale",
            Self::BlueFirst => "channels",
            Self::Scale { .. } => "scale",
            Self::Normalize { .. } => "normalize",
        }
    }
}

/// What a builder knows of the picture that is there.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Its pixels, unless they are numbers already.
    pub(super) format: Option<PixelFormat>,
    /// Blue comes first.
    blue_first: bool,
    /// Functions of a byte that are still to be applied.
    pub(super) pending: Vec<Step>,
}

/// The tensor of a picture.
pub(super) fn source(picture: &Picture, state: &mut State) -> Result<Form, Wrong> {
    let Picture { width, height, format } = *picture;
    if format.in_pairs() && width % 2 == 1 {
        let reason = format!("two pixels of this format have one colour, and rows have {width}");
        return Err(Wrong::new(reason, format!("write `width={}`, or `width={}`", width - 1, width + 1)));
    }
    state.format = Some(format);
    Ok(Form::plain(TensorType::Uint8, vec![height, width, format.bytes()]))
}

/// Appends a step.
pub(super) fn step(builder: &mut Builder, value: Value, step: &Step) -> Result<Value, Wrong> {
    let Some(format) = builder.image.format.filter(|_| builder.image.pending.is_empty()) else {
        return match step {
            Step::Scale { .. } | Step::Normalize { .. } => table::numbers(builder, value, step),
            _ => {
                let reason = format!("`{}` works on bytes, and here are numbers", step.name());
                Err(Wrong::new(reason, "put it before `scale` and `normalize`"))
            }
        };
    };
    let [height, width] = [value.form.shape[0], value.form.shape[1]];
    let size = Extent { h: height, w: width };
    match *step {
        Step::Crop { x, y, width, height } => {
            let inside = |from: usize, len: usize, all: usize| from.checked_add(len).is_some_and(|end| end <= all);
            if !inside(x, width, size.w) || !inside(y, height, size.h) {
                let reason = format!("the part ends at column {} and row {}", x + width, y + height);
                return Err(Wrong::new(reason, format!("the picture here has {} columns and {} rows", size.w, size.h)));
            }
            let part = Extent { h: height, w: width };
            let crop = Crop { format, width: size.w, x, y, size: part };
            Ok(picture(builder, "crop", Op::Crop(crop), &value, part))
        }
        Step::Pad { top, bottom, left, right, value: fill } => {
            let value = unpacked(builder, value);
            Ok(pad(builder, &value, [top, bottom, left, right], fill))
        }
        Step::Resize { width, height, method, align_corners, half_pixel_centers } => {
            let positions = Positions { align_corners, half_pixel: half_pixel_centers };
            let to = Extent { h: height, w: width };
            let op = resized(format, size, to, method, positions)?;
            Ok(picture(builder, "resize", op, &value, to))
        }
        Step::Grayscale => {
            if builder.image.blue_first {
                return Err(Wrong::new("the weights are red's, green's and blue's", "put it before `channels`"));
            }
            let op = Op::Grayscale(Grayscale { format, pixels: width * height });
            let mut form = Form::plain(TensorType::Uint8, vec![height, width, 1]);
            builder.image.format = Some(PixelFormat::Gray8);
            form.quantization = None;
            Ok(builder.append("grayscale", StepOp::Step(op), vec![value.id], form, vec![]))
        }
        Step::BlueFirst => {
            if format.channels() == 1 {
                return Err(Wrong::new("a picture of brightness has no order of colours", "leave `channels` out"));
            }
            builder.image.blue_first = true;
            let op = Op::BlueFirst(BlueFirst { format, pixels: width * height });
            Ok(picture(builder, "channels", op, &value, size))
        }
        Step::Scale { .. } | Step::Normalize { .. } => {
            let value = unpacked(builder, value);
            table::numbers(builder, value, step)
        }
    }
}

/// Appends an operator that gives an unpacked picture of the size `size`, with as many channels as there are.
fn picture(builder: &mut Builder, name: &str, op: Op, value: &Value, size: Extent) -> Value {
    let format = builder.image.format.unwrap_or(PixelFormat::Rgb888);
    let plain = if format.channels() == 1 { PixelFormat::Gray8 } else { PixelFormat::Rgb888 };
    builder.image.format = Some(plain);
    let form = Form::plain(TensorType::Uint8, vec![size.h, size.w, plain.bytes()]);
    builder.append(name, StepOp::Step(op), vec![value.id], form, vec![])
}

/// The picture as brightness, or red, green and blue.
pub(super) fn unpacked(builder: &mut Builder, value: Value) -> Value {
    let Some(format) = builder.image.format else { return value };
    if matches!(format, PixelFormat::Gray8 | PixelFormat::Rgb888) {
        return value;
    }
    let size = Extent { h: value.form.shape[0], w: value.form.shape[1] };
    let whole = Crop { format, width: size.w, x: 0, y: 0, size };
    picture(builder, "unpack", Op::Crop(whole), &value, size)
}

/// A border of bytes.
fn pad(builder: &mut Builder, value: &Value, [top, bottom, left, right]: [usize; 4], fill: u8) -> Value {
    let [h, w, channels] = [value.form.shape[0], value.form.shape[1], value.form.shape[2]];
    let op = Kernel::Pad(Pad {
        element: 1,
        input: [1, 1, h, w, channels],
        before: [0, 0, top, left, 0],
        after: [0, 0, bottom, right, 0],
        fill: fill.cast_signed(),
    });
    let form = Form::plain(TensorType::Uint8, vec![top + h + bottom, left + w + right, channels]);
    builder.append("pad", StepOp::Kernel(op), vec![value.id], form, vec![])
}

fn resized(format: PixelFormat, from: Extent, to: Extent, method: Method, positions: Positions) -> Result<Op, Wrong> {
    if positions.align_corners && positions.half_pixel {
        let advice = "write one of the two `#true`: `half-pixel-centers` is what TensorFlow 2's `tf.image.resize` has";
        return Err(Wrong::new("`align-corners` and `half-pixel-centers` exclude each other", advice));
    }
    let channels = format.channels();
    match method {
        Method::Nearest => {
            let resize = positions.nearest(from, to, channels);
            Ok(Op::PictureNearest(PictureNearest { format, resize }))
        }
        Method::Bilinear => {
            let resize = positions.bilinear(from, to, channels).map_err(|[from, to]| {
                let reason = format!("from {from} to {to} pixels LiteRT Micro's fixed point is not fine enough");
                Wrong::new(reason, "enlarge less, or take `method=\"nearest\"`")
            })?;
            Ok(Op::PictureBilinear(PictureBilinear { format, resize }))
        }
    }
}

/// What would make a picture fit the model's input.
pub(super) fn way(builder: &Builder, form: &Form) -> Option<String> {
    builder.image.format?;
    let port = builder.port();
    let at = port.shape.len().checked_sub(3)?;
    match (&form.shape[..], &port.shape[at..]) {
        (&[h, w, have], &[rows, columns, want]) if (h, w) != (rows, columns) || have == want => {
            Some(format!("add `resize width={columns} height={rows}`, or cut as much with `crop`"))
        }
        (&[.., 3], &[.., 1]) => Some("add `grayscale`".to_owned()),
        (&[.., 1], &[.., 3]) => Some("take a camera's colours, or a model of one channel".to_owned()),
        _ => None,
    }
}

/// Bytes, and the numbers that their table gives, as the last thing before the model.
pub(super) fn quantize(builder: &mut Builder, value: Value) -> Result<Value, Wrong> {
    let value = unpacked(builder, value);
    table::quantize(builder, value)
}

/// Whether the model reads what arrives, as it is.
pub(super) fn is_untouched(builder: &Builder, value: &Value, source: TensorId) -> bool {
    value.id == source && builder.image.format.is_some()
}

/// The type of a value's elements as kernels name it.
pub(super) fn element(value: &Value) -> Element {
    match value.form.dtype {
        TensorType::Uint8 => Element::U8,
        TensorType::Int16 => Element::I16,
        _ => Element::F32,
    }
}
