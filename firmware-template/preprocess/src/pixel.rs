//! Pixels as cameras give them, and as red, green and blue.

/// How a picture's pixels lie in memory, row after row without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PixelFormat {
    /// One byte of brightness.
    Gray8,
    /// Red, green, blue.
    Rgb888,
    /// Blue, green, red.
    Bgr888,
    /// 5 bits of red, 6 of green, 5 of blue, from the highest bit down; the higher byte first.
    Rgb565Be,
    /// The same, the lower byte first.
    Rgb565Le,
    /// YUV422 in the order Y, U, Y, V: two pixels with one colour. ITU-R BT.601 with limited range: black is 16, white 235.
    Yuyv,
    /// The same in the order U, Y, V, Y.
    Uyvy,
    /// [`Self::Yuyv`] with full range, as JPEG has it: black is 0, white 255.
    YuyvFull,
    /// [`Self::Uyvy`] with full range.
    UyvyFull,
}

impl PixelFormat {
    /// Bytes of a pixel, on average over two of them.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgb888 | Self::Bgr888 => 3,
            _ => 2,
        }
    }

    /// Bytes of a pixel once it is unpacked: 1 of brightness, or red, green and blue.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray8 => 1,
            _ => 3,
        }
    }

    /// Whether two pixels have one colour, so that rows must be of even length.
    pub const fn in_pairs(self) -> bool {
        matches!(self, Self::Yuyv | Self::Uyvy | Self::YuyvFull | Self::UyvyFull)
    }

    /// Pixel `at` of a picture, counted row after row: red, green and blue, or three times its brightness.
    #[inline]
    pub fn read(self, picture: &[u8], at: usize) -> [u8; 3] {
        let pair = || {
            let [a, b, c, d] = *picture[at / 2 * 4..].first_chunk::<4>().unwrap_or(&[0; 4]);
            (at % 2 == 1, a, b, c, d)
        };
        match self {
            Self::Gray8 => [picture[at]; 3],
            Self::Rgb888 => [picture[3 * at], picture[3 * at + 1], picture[3 * at + 2]],
            Self::Bgr888 => [picture[3 * at + 2], picture[3 * at + 1], picture[3 * at]],
            Self::Rgb565Be => rgb565(u16::from_be_bytes([picture[2 * at], picture[2 * at + 1]])),
            Self::Rgb565Le => rgb565(u16::from_le_bytes([picture[2 * at], picture[2 * at + 1]])),
            Self::Yuyv | Self::YuyvFull => {
                let (second, first_y, u, second_y, v) = pair();
                colour(if second { second_y } else { first_y }, u, v, self == Self::YuyvFull)
            }
            Self::Uyvy | Self::UyvyFull => {
                let (second, u, first_y, v, second_y) = pair();
                colour(if second { second_y } else { first_y }, u, v, self == Self::UyvyFull)
            }
        }
    }
}

/// The missing low bits repeat the high ones, so that the largest number of 5 or 6 bits is 255.
#[inline]
fn rgb565(pixel: u16) -> [u8; 3] {
    let five = |bits: u16| ((bits << 3) | (bits >> 2)) as u8;
    let six = |bits: u16| ((bits << 2) | (bits >> 4)) as u8;
    [five(pixel >> 11), six((pixel >> 5) & 63), five(pixel & 31)]
}

/// ITU-R BT.601: with limited range in the well-known factors of 8 bits, with full range as libjpeg computes it, with 16.
#[inline]
fn colour(y: u8, u: u8, v: u8, full: bool) -> [u8; 3] {
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    let rgb = if full {
        let (y, half) = (i32::from(y), 1 << 15);
        [
            y + ((91_881 * v + half) >> 16),
            y + ((-22_554 * u - 46_802 * v + half) >> 16),
            y + ((116_130 * u + half) >> 16),
        ]
    } else {
        let y = 298 * (i32::from(y) - 16) + 128;
        [(y + 409 * v) >> 8, (y - 100 * u - 208 * v) >> 8, (y + 516 * u) >> 8]
    };
    rgb.map(|part| part.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::PixelFormat;

    #[test]
    fn bytes_have_their_order() {
        let pixel = [1, 2, 3];
        assert_eq!(PixelFormat::Rgb888.read(&pixel, 0), [1, 2, 3]);
        assert_eq!(PixelFormat::Bgr888.read(&pixel, 0), [3, 2, 1]);
        assert_eq!(PixelFormat::Gray8.read(&pixel, 1), [2; 3]);
        // 11111 000001 00010: 255, 0b00000100, 0b00010000.
        assert_eq!(PixelFormat::Rgb565Be.read(&[0xf8, 0x22], 0), [255, 4, 16]);
        assert_eq!(PixelFormat::Rgb565Le.read(&[0x22, 0xf8], 0), [255, 4, 16]);
        assert_eq!(PixelFormat::Rgb565Le.read(&[0, 0, 0xff, 0xff], 1), [255; 3]);
    }

    #[test]
    fn colours_of_bt_601() {
        // Black, white; then the colour bar that BT.601 calls red: Y 81, U 90, V 240.
        let limited = [16, 128, 235, 128, 81, 90, 81, 240];
        let read = |at| PixelFormat::Yuyv.read(&limited, at);
        assert_eq!((read(0), read(1), read(2), read(3)), ([0; 3], [255; 3], [255, 0, 0], [255, 0, 0]));
        // JFIF's red: Y 76, Cb 85, Cr 255; 76 + 178 = 254.
        assert_eq!(PixelFormat::UyvyFull.read(&[85, 76, 255, 76], 1), [254, 0, 0]);
        assert_eq!(PixelFormat::YuyvFull.read(&[0, 128, 255, 128], 1), [255; 3]);
        let swapped = [128, 16, 128, 235];
        assert_eq!(PixelFormat::Uyvy.read(&swapped, 1), [255; 3]);
    }
}
