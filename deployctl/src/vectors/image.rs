//! PNG, JPEG and BMP files: 8 bits a channel, in the source's size and channels.

use image::{DynamicImage, ImageReader, Limits};

use super::recording::{Port, RecordingError};
use crate::model::TensorType;

/// Longest side that is decoded, in pixels.
const LONGEST: u32 = 8_192;

/// The pixels, row by row, channels beside each other.
pub(super) fn read(bytes: &[u8], port: &Port) -> Result<Vec<u8>, RecordingError> {
    let (TensorType::Uint8, false, &[width, channels @ (1 | 3)]) = (port.dtype, port.stream, &port.moment[..]) else {
        let advice = "image files bring grey or RGB bytes: save what the source gives as NPY";
        return Err(RecordingError::Samples { found: "pixels".to_owned(), wanted: port.dtype.name(), advice });
    };
    let foreign = |reason: String| RecordingError::Foreign { what: "PNG, JPEG or BMP image", reason };
    let mut reader = ImageReader::new(std::io::Cursor::new(bytes));
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
    reader.limits(limits);
    let reader = reader.with_guessed_format().map_err(|error| foreign(error.to_string()))?;
    let found = reader.decode().map_err(|error| foreign(error.to_string()))?;
    let size = (usize::try_from(found.width()), usize::try_from(found.height()));
    if size != (Ok(width), Ok(port.needed)) {
        return Err(RecordingError::Size {
            width: size.0.unwrap_or(usize::MAX),
            height: size.1.unwrap_or(usize::MAX),
            wanted: format!("{width} × {}", port.needed),
        });
    }
    match (found, channels) {
        (DynamicImage::ImageLuma8(pixels), 1) => Ok(pixels.into_raw()),
        (DynamicImage::ImageRgb8(pixels), 3) => {
            let mut bytes = pixels.into_raw();
            if port.medium.blue_first {
                bytes.chunks_exact_mut(3).for_each(<[u8]>::reverse);
            }
            Ok(bytes)
        }
        (other, wanted) => {
            let color = other.color();
            if color.bits_per_pixel() != u16::from(color.channel_count()) * 8 {
                let advice = "save it with 8 bits a channel";
                let found = format!("of {} bits a pixel", color.bits_per_pixel());
                return Err(RecordingError::Samples { found, wanted: "8 bits a channel", advice });
            }
            let advice = "save it as grey or RGB, as the source has it, and without transparency";
            Err(RecordingError::Channels { found: usize::from(color.channel_count()), wanted, advice })
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageFormat, save_buffer_with_format};

    use super::super::recording::{Fit, Format, Medium, read as recording};
    use super::*;

    fn port(channels: usize) -> Port {
        let (moment, because) = (vec![3, channels], "shape [2, 3, 3]".to_owned());
        Port { dtype: TensorType::Uint8, moment, needed: 2, because, stream: false, medium: Medium::default() }
    }

    fn file(format: ImageFormat, (width, height): (u32, u32), color: ExtendedColorType, pixels: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        save_buffer_with_format(&path, pixels, width, height, color, format).unwrap();
        std::fs::read(path).unwrap()
    }

    fn read(bytes: &[u8], channels: usize) -> Result<Vec<u8>, String> {
        recording(Format::Image, bytes, &port(channels), Fit::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn pixels_are_read_row_by_row() {
        let pixels: Vec<u8> = (0..18).collect();
        for format in [ImageFormat::Png, ImageFormat::Bmp] {
            assert_eq!(read(&file(format, (3, 2), ExtendedColorType::Rgb8, &pixels), 3).unwrap(), pixels);
        }
        assert_eq!(read(&file(ImageFormat::Png, (3, 2), ExtendedColorType::L8, &pixels[..6]), 1).unwrap(), pixels[..6]);
        let jpeg = read(&file(ImageFormat::Jpeg, (3, 2), ExtendedColorType::Rgb8, &[200; 18]), 3).unwrap();
        assert!(jpeg.iter().all(|byte| byte.abs_diff(200) < 3), "{jpeg:?}");
    }

    #[test]
    fn a_source_with_blue_first_gets_it_first() {
        let png = file(ImageFormat::Png, (3, 2), ExtendedColorType::Rgb8, &(0..18).collect::<Vec<u8>>());
        let medium = Medium { blue_first: true, ..Medium::default() };
        let read = recording(Format::Image, &png, &Port { medium, ..port(3) }, Fit::default()).unwrap();
        assert_eq!(read[..6], [2, 1, 0, 5, 4, 3]);
    }

    #[test]
    fn what_the_source_does_not_take_is_refused_with_a_way_out() {
        let png = |size, color, bytes: usize| file(ImageFormat::Png, size, color, &vec![7; bytes]);
        let wrong = read(&png((2, 3), ExtendedColorType::Rgb8, 18), 3).unwrap_err();
        assert!(wrong.starts_with("it has 2 × 3 pixels, and the source has 3 × 2"), "{wrong}");
        let wrong = read(&png((3, 2), ExtendedColorType::Rgba8, 24), 3).unwrap_err();
        assert!(wrong.starts_with("it has 4 channels, and the source has 3"), "{wrong}");
        assert!(read(&png((3, 2), ExtendedColorType::L8, 6), 3).unwrap_err().contains("it has 1 channels"));
        assert!(read(&png((3, 2), ExtendedColorType::L16, 12), 1).unwrap_err().contains("8 bits a channel"));
        let whole = png((3, 2), ExtendedColorType::Rgb8, 18);
        for cut in [1, 8, 20, whole.len() - 20] {
            assert!(read(&whole[..cut], 3).unwrap_err().contains("is the file whole"), "{cut}");
        }
        assert!(read(b"GIF89a and so on", 3).unwrap_err().contains("PNG, JPEG or BMP"));
    }
}
