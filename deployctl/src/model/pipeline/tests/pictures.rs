//! Pictures.

use ::preprocess::PixelFormat;

use super::super::image::{Method, Picture, Step};
use super::*;

fn spec(width: usize, height: usize, format: PixelFormat, steps: &[Step]) -> Spec {
    let source = Source::Image(Picture { width, height, format });
    Spec { input: None, source, steps: steps.iter().cloned().map(StepSpec::Image).collect() }
}

fn normalize(mean: &[f32], std: &[f32]) -> Step {
    Step::Normalize { mean: mean.to_vec(), std: std.to_vec() }
}

fn resize(width: usize, height: usize) -> Step {
    let (align_corners, half_pixel_centers) = (false, true);
    Step::Resize { width, height, method: Method::Bilinear, align_corners, half_pixel_centers }
}

const INT8: TensorType = TensorType::Int8;

#[test]
fn from_a_camera_to_the_models_type() {
    // Columns of RGB565: black, red, green, white; two rows.
    let row: Vec<u8> = [0_u16, 0xf800, 0x07e0, 0xffff].iter().flat_map(|pixel| pixel.to_be_bytes()).collect();
    let steps = [
        Step::Crop { x: 1, y: 0, width: 3, height: 2 },
        Step::Pad { top: 0, bottom: 0, left: 1, right: 0, value: 7 },
        Step::Grayscale,
        resize(2, 1),
        normalize(&[128.0], &[128.0]),
    ];
    let spec = spec(4, 2, PixelFormat::Rgb565Be, &steps);
    let mut chain = Chain::new(join(&spec, &model(&form(INT8, &[1, 1, 2, 1], Some((1.0 / 128.0, 0))))).unwrap());
    assert_eq!(chain.names(), ["crop", "pad", "grayscale", "resize", "quantize", "DEQUANTIZE"]);
    assert_eq!(chain.read.graph.tensor(chain.read.graph.inputs[0]).shape, [2, 4, 2]);
    let written = chain.infer(&[[row.clone(), row].concat()]);
    assert_eq!(of(&written, "preprocess/crop")[..9], [255, 0, 0, 0, 255, 0, 255, 255, 255]);
    assert_eq!(of(&written, "preprocess/grayscale")[..4], [7, 76, 150, 255]);
    // Means of pairs: 41.5, which is -86.5 of the shifted bytes and rounds away from zero, and 202.5.
    assert_eq!(of(&written, "preprocess/resize"), [41, 203]);
    assert_eq!(of(&written, "in"), [41_u8.wrapping_sub(128), 203_u8.wrapping_sub(128)]);
    assert_eq!(floats(of(&written, "out")), [-87.0 / 128.0, 75.0 / 128.0]);
}

/// A model of 8 bits gets by table what a model of real numbers gets step by step.
#[test]
fn tables_are_what_the_steps_compute() {
    let steps =
        [normalize(&[123.675, 116.28, 103.53], &[58.395, 57.12, 57.375]), Step::Scale { factor: 0.9, offset: 0.125 }];
    let picture: Vec<u8> = (0..=u8::MAX).flat_map(|byte| [byte, byte.wrapping_mul(3), 255 - byte]).collect();
    let spec = spec(16, 16, PixelFormat::Rgb888, &steps);
    let scale = 0.018_658_448;
    let mut real = Chain::new(join(&spec, &model(&form(TensorType::Float32, &[1, 16, 16, 3], None))).unwrap());
    assert_eq!(real.names(), ["normalize", "scale", "RELU"]);
    let written = real.infer(std::slice::from_ref(&picture));
    let numbers = floats(of(&written, "in"));
    close(&numbers[..3], &[(0.0 - 123.675) / 58.395 * 0.9 + 0.125, -1.707_143, 2.501]);
    for (dtype, zero_point) in [(INT8, -14_i8), (TensorType::Uint8, 114)] {
        let numbers = numbers.iter().map(|number| (number / scale).round() + f32::from(zero_point));
        let port = form(dtype, &[1, 16, 16, 3], Some((scale, zero_point.into())));
        let mut chain = Chain::new(join(&spec, &model(&port)).unwrap());
        assert_eq!(chain.names(), ["quantize", "DEQUANTIZE"]);
        let written = chain.infer(std::slice::from_ref(&picture));
        let bytes = of(&written, "in");
        let found =
            bytes.iter().map(|&byte| if dtype == INT8 { f32::from(byte.cast_signed()) } else { f32::from(byte) });
        let (least, most) = if dtype == INT8 { (-128.0, 127.0) } else { (0.0, 255.0) };
        close(&found.collect::<Vec<_>>(), &numbers.map(|number: f32| number.clamp(least, most)).collect::<Vec<_>>());
    }
}

#[test]
fn bytes_that_stay_the_same_need_no_step() {
    let port = form(TensorType::Uint8, &[1, 2, 2, 3], Some((1.0 / 255.0, 0)));
    let same = spec(2, 2, PixelFormat::Rgb888, &[normalize(&[0.0], &[255.0])]);
    let read = join(&same, &model(&port)).unwrap();
    assert_eq!((read.graph.operators.len(), read.graph.inputs.clone()), (1, vec![TensorId(0)]));
    assert_eq!(read.graph.tensors.len(), 2);
    let unpacked = spec(2, 2, PixelFormat::Uyvy, &[normalize(&[0.0], &[255.0])]);
    let chain = Chain::new(join(&unpacked, &model(&port)).unwrap());
    assert_eq!(chain.names(), ["unpack", "DEQUANTIZE"]);
    let other = Chain::new(join(&spec(2, 2, PixelFormat::Rgb888, &[]), &model(&port)).unwrap());
    assert_eq!(other.names(), ["quantize", "DEQUANTIZE"], "numbers are bytes, and 1 is 255 steps");
}

#[test]
fn order_of_colours() {
    let port = form(INT8, &[1, 1, 2, 3], Some((1.0, -128)));
    let steps = [Step::BlueFirst, normalize(&[0.0, 1.0, 2.0], &[1.0])];
    let mut chain = Chain::new(join(&spec(2, 1, PixelFormat::Rgb888, &steps), &model(&port)).unwrap());
    let written = chain.infer(&[vec![10, 20, 30, 40, 50, 60]]);
    let bytes: Vec<u8> = [30_u8, 19, 8, 60, 49, 38].iter().map(|byte| byte.wrapping_sub(128)).collect();
    assert_eq!(of(&written, "in"), bytes);
}

#[test]
fn pictures_that_do_not_go_together_are_refused() {
    let port = form(INT8, &[1, 96, 96, 1], Some((1.0, -128)));
    let wrong = |width, format, steps: &[Step]| build(&spec(width, 96, format, steps), &port).unwrap_err();
    let odd = wrong(95, PixelFormat::Yuyv, &[]);
    assert_eq!((odd.step, &odd.advice[..]), (None, "write `width=94`, or `width=96`"));
    let crop = wrong(96, PixelFormat::Gray8, &[Step::Crop { x: 90, y: 0, width: 7, height: 96 }]);
    assert_eq!(
        (crop.step, crop.to_string()),
        (Some(0), "the part ends at column 97 and row 96; the picture here has 96 columns and 96 rows".to_owned())
    );
    let late = wrong(96, PixelFormat::Rgb888, &[Step::BlueFirst, Step::Grayscale]);
    assert_eq!((late.step, &late.advice[..]), (Some(1), "put it before `channels`"));
    let gray = wrong(96, PixelFormat::Gray8, &[Step::BlueFirst]);
    assert_eq!((gray.step, &gray.advice[..]), (Some(0), "leave `channels` out"));
    let numbers = wrong(96, PixelFormat::Gray8, &[normalize(&[0.0], &[1.0]), resize(96, 96)]);
    assert_eq!((numbers.step, &numbers.advice[..]), (Some(1), "put it before `scale` and `normalize`"));
    let channels = wrong(96, PixelFormat::Rgb888, &[normalize(&[0.0, 1.0], &[1.0])]);
    assert_eq!((channels.step, &channels.reason[..]), (Some(0), "`mean` has 2 numbers, and there are 3 channels"));
    let both =
        Step::Resize { width: 9, height: 9, method: Method::Nearest, align_corners: true, half_pixel_centers: true };
    assert_eq!(wrong(96, PixelFormat::Gray8, &[both]).step, Some(0));
    assert_eq!(wrong(96, PixelFormat::Rgb888, &[]).advice, "add `grayscale`");
    let small = wrong(48, PixelFormat::Gray8, &[]);
    assert_eq!(small.advice, "add `resize width=96 height=96`, or cut as much with `crop`");
    let real = form(TensorType::Float32, &[1, 96, 96, 1], None);
    let bare = build(&spec(96, 96, PixelFormat::Gray8, &[]), &real).unwrap_err();
    assert!(bare.advice.contains("normalize mean=0 std=255"), "{bare}");
}
