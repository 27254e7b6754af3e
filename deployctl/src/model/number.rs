//! Elements of tensors as numbers, for people.

use std::fmt;

use super::TensorType;

/// Bytes as hexadecimal digits, two each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        for digit in [byte >> 4, byte & 15] {
            digits.extend(char::from_digit(digit.into(), 16));
        }
        digits
    })
}

/// One element.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// Of an integer type, or bool.
    Integer(i64),
    /// float32.
    Real(f32),
    /// Of a type that is no plain number, or not whole: hexadecimal digits, most significant first.
    Digits(String),
}

impl Number {
    /// The element whose bytes these are, least significant first.
    pub fn of(dtype: TensorType, bytes: &[u8]) -> Self {
        Self::plain(dtype, bytes).unwrap_or_else(|| {
            let most_significant_first: Vec<u8> = bytes.iter().rev().copied().collect();
            Self::Digits(hex(&most_significant_first))
        })
    }

    fn plain(dtype: TensorType, bytes: &[u8]) -> Option<Self> {
        Some(match dtype {
            TensorType::Int8 => Self::Integer(i8::from_le_bytes(bytes.try_into().ok()?).into()),
            TensorType::Uint8 | TensorType::Bool => Self::Integer(u8::from_le_bytes(bytes.try_into().ok()?).into()),
            TensorType::Int16 => Self::Integer(i16::from_le_bytes(bytes.try_into().ok()?).into()),
            TensorType::Int32 => Self::Integer(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            TensorType::Uint32 => Self::Integer(u32::from_le_bytes(bytes.try_into().ok()?).into()),
            TensorType::Int64 => Self::Integer(i64::from_le_bytes(bytes.try_into().ok()?)),
            TensorType::Float32 => Self::Real(f32::from_le_bytes(bytes.try_into().ok()?)),
            _ => return None,
        })
    }

    /// The value for comparisons; zero where it is no number.
    pub fn value(&self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "an order of large values that nearly agree is no matter")]
            Self::Integer(value) => *value as f64,
            Self::Real(value) => (*value).into(),
            Self::Digits(_) => 0.0,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::Real(value) => write!(formatter, "{value:?}"),
            Self::Digits(digits) => formatter.write_str(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_numbers_of_their_type() {
        let text = |dtype, bytes: &[u8]| Number::of(dtype, bytes).to_string();
        assert_eq!(text(TensorType::Float32, &1.5_f32.to_le_bytes()), "1.5");
        assert_eq!(text(TensorType::Int8, &[0xfc]), "-4");
        assert_eq!(text(TensorType::Uint8, &[0xfc]), "252");
        assert_eq!(text(TensorType::Bool, &[1]), "1");
        assert_eq!(text(TensorType::Int16, &[0xff, 0xff]), "-1");
        assert_eq!(text(TensorType::Int64, &[1, 0, 0, 0, 0, 0, 0, 0]), "1");
        assert_eq!(text(TensorType::Int32, &[1, 2]), "0201");
    }
}
