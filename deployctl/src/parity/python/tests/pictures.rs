//! Steps of pictures: whole numbers are ours in every bit.

use ::preprocess::PixelFormat;

use super::*;
use crate::model::pipeline::image::{Method, Picture, Step};

fn spec((width, height): (usize, usize), format: PixelFormat, steps: &[Step]) -> Spec {
    let source = Source::Image(Picture { width, height, format });
    Spec { input: None, source, steps: steps.iter().cloned().map(StepSpec::Image).collect() }
}

/// Every recorded step and the model's input are the same, and all but `absent` are recorded.
fn same(python: &str, spec: &Spec, port: &Tensor, steps: &[&str]) {
    let quantization = port.quantization.as_ref().map(|found| (found.scales[0], found.zero_points[0]));
    let input = Input { name: port.name.clone(), dtype: port.dtype, quantization };
    let text = script("x", spec, &input).unwrap();
    let pictures =
        "[rng.integers(0, 256, (features.HEIGHT, features.WIDTH, features.BYTES)).astype(np.uint8) for _ in range(3)]";
    let report = compared(python, &text, spec, port, pictures);
    let names: Vec<&str> = report.steps.iter().map(|step| &step.name[..]).collect();
    assert_eq!(names, steps);
    for step in &report.steps {
        let error = step.error.as_ref().unwrap_or_else(|| panic!("no array of {}\n{text}", step.name));
        assert!(error.max == 0.0, "{}: {error:?}\n{text}", step.name);
    }
}

fn resize(width: usize, height: usize, method: Method, align_corners: bool, half_pixel_centers: bool) -> Step {
    Step::Resize { width, height, method, align_corners, half_pixel_centers }
}

#[test]
fn every_format_and_size() {
    let Some(python) = python() else { return };
    let formats = [
        PixelFormat::Rgb888,
        PixelFormat::Bgr888,
        PixelFormat::Rgb565Be,
        PixelFormat::Rgb565Le,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::YuyvFull,
        PixelFormat::UyvyFull,
    ];
    let ways = [(Method::Bilinear, false, true), (Method::Bilinear, true, false), (Method::Nearest, false, true)];
    let more = [(Method::Nearest, true, false), (Method::Bilinear, false, false), (Method::Nearest, false, false)];
    let int8 = |shape: &[usize]| port(TensorType::Int8, shape.to_vec(), Some((1.0, -128)));
    for (at, format) in formats.into_iter().enumerate() {
        let (method, align, half) = ways.iter().chain(&more).copied().cycle().nth(at).unwrap();
        let steps =
            [resize(7, 11, method, align, half), Step::Crop { x: 1, y: 2, width: 5, height: 6 }, Step::Grayscale];
        same(
            &python,
            &spec((12, 8), format, &steps),
            &int8(&[1, 6, 5, 1]),
            &["resize", "crop", "grayscale", "quantize"],
        );
    }
    let gray = spec((9, 5), PixelFormat::Gray8, &[resize(4, 3, Method::Bilinear, false, true)]);
    same(&python, &gray, &int8(&[3, 4]), &["resize", "quantize"]);
}

#[test]
fn numbers_and_tables() {
    let Some(python) = python() else { return };
    let pad = Step::Pad { top: 1, bottom: 0, left: 2, right: 3, value: 7 };
    let normalize = Step::Normalize { mean: vec![103.5, 110.0, 127.5], std: vec![57.0, 63.7, 128.0] };
    let scale = Step::Scale { factor: 0.7, offset: -3.1 };
    let float = |shape: &[usize]| port(TensorType::Float32, shape.to_vec(), None);
    let steps = [pad.clone(), Step::BlueFirst, scale.clone(), normalize.clone()];
    let names = ["unpack", "pad", "channels", "scale", "normalize"];
    same(&python, &spec((4, 6), PixelFormat::Rgb565Le, &steps), &float(&[1, 7, 9, 3]), &names);
    // Before 8 bits they are one table, and arrays of `scale` and `normalize` are passed over.
    let small = port(TensorType::Int8, vec![1, 7, 9, 3], Some((0.02, 3)));
    same(&python, &spec((4, 6), PixelFormat::Rgb565Le, &steps), &small, &["unpack", "pad", "channels", "quantize"]);
    let bytes = port(TensorType::Uint8, vec![1, 6, 4, 3], Some((0.5, 7)));
    same(&python, &spec((4, 6), PixelFormat::Yuyv, &[scale]), &bytes, &["unpack", "quantize"]);
    let nothing = spec((4, 6), PixelFormat::Rgb888, &[]);
    let input = Input { name: "in".to_owned(), dtype: TensorType::Uint8, quantization: None };
    assert!(script("x", &nothing, &input).unwrap_err().to_string().contains("without steps"));
}
