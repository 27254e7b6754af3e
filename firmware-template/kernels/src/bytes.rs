//! Tensors are slices of bytes; what their elements are, the kernel knows. Views from the one to the other.

/// Element types of tensors. (LiteRT's bool is one byte, 0 or 1.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "the names are LiteRT's type names")]
pub enum Element {
    I8,
    U8,
    Bool,
    I16,
    I32,
    U32,
    I64,
    F32,
}

impl Element {
    /// Size in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 => 8,
        }
    }
}

mod sealed {
    /// Plain numbers: no padding, and every bit pattern is a value.
    pub trait Number: Copy {}

    impl Number for i8 {}
    impl Number for u8 {}
    impl Number for i16 {}
    impl Number for i32 {}
    impl Number for u32 {}
    impl Number for i64 {}
    impl Number for u64 {}
    impl Number for f32 {}
}

/// The elements of a tensor.
///
/// # Panics
///
/// Where the tensor does not start where such an element may, or does not end with a whole one.
#[inline]
pub fn view<T: sealed::Number>(tensor: &[i8]) -> &[T] {
    // SAFETY: the trait is sealed and its types have no padding and no invalid bit pattern; `align_to` itself sees to
    // alignment and length.
    #[expect(unsafe_code, reason = "the standard library has no safe view from bytes to numbers")]
    let (before, elements, after) = unsafe { tensor.align_to::<T>() };
    if before.is_empty() && after.is_empty() { elements } else { wrong_operands() }
}

/// The elements of a tensor that is written.
///
/// # Panics
///
/// As [`view`].
#[inline]
pub fn view_mut<T: sealed::Number>(tensor: &mut [i8]) -> &mut [T] {
    // SAFETY: as in `view`; writing any number leaves valid bytes.
    #[expect(unsafe_code, reason = "the standard library has no safe view from bytes to numbers")]
    let (before, elements, after) = unsafe { tensor.align_to_mut::<T>() };
    if before.is_empty() && after.is_empty() { elements } else { wrong_operands() }
}

/// Ends a kernel that was called with other operands than its parameters say: a mistake of whoever called it.
#[cold]
#[inline(never)]
pub fn wrong_operands() -> ! {
    panic!("operands do not go with the parameters")
}

/// Views bytes as `i8`, in constant expressions too: `static FILTER: &[i8] = as_i8(include_bytes!("filter.bin"));`.
pub const fn as_i8(bytes: &[u8]) -> &[i8] {
    // SAFETY: `u8` and `i8` have the same size and alignment and every bit pattern is valid for both, so `bytes.len()`
    // elements of the one are that many of the other. The result borrows from `bytes`, which is shared and immutable for
    // as long as the result lives.
    #[expect(unsafe_code, reason = "the only view from u8 to i8 that constant expressions can take without copying")]
    unsafe {
        core::slice::from_raw_parts(bytes.as_ptr().cast::<i8>(), bytes.len())
    }
}

/// Memory that any element type may start in, as bytes. For the host.
pub fn words_as_i8(words: &[u64]) -> &[i8] {
    // SAFETY: as in `view`, the other way round: bytes have no alignment and no invalid bit pattern.
    #[expect(unsafe_code, reason = "the standard library has no safe view from numbers to bytes")]
    unsafe {
        words.align_to::<i8>().1
    }
}

/// Memory that any element type may start in, as bytes that are written. For the host.
pub fn words_as_i8_mut(words: &mut [u64]) -> &mut [i8] {
    // SAFETY: as in `words_as_i8`; any bytes are a valid number.
    #[expect(unsafe_code, reason = "the standard library has no safe view from numbers to bytes")]
    unsafe {
        words.align_to_mut::<i8>().1
    }
}

#[cfg(test)]
mod tests {
    use super::{as_i8, view, view_mut};

    #[repr(align(16))]
    struct Aligned([i8; 16]);

    #[test]
    fn keeps_every_bit_pattern() {
        static BYTES: &[i8] = as_i8(&[0, 1, 127, 128, 255]);
        assert_eq!(BYTES, [0, 1, 127, -128, -1]);
        assert!(as_i8(&[]).is_empty());
    }

    #[test]
    fn elements_are_read_and_written_in_place() {
        let mut tensor = Aligned([0; 16]);
        view_mut::<i32>(&mut tensor.0).copy_from_slice(&[1, -2, i32::MAX, i32::MIN]);
        assert_eq!(tensor.0[..8], (1_i64 + (0xffff_fffe << 32)).to_ne_bytes().map(u8::cast_signed));
        assert_eq!(view::<i32>(&tensor.0), [1, -2, i32::MAX, i32::MIN]);
        assert_eq!(view::<i64>(&tensor.0).len(), 2);
        assert_eq!(view::<i8>(&tensor.0), tensor.0);
    }

    #[test]
    #[should_panic(expected = "operands")]
    fn half_an_element_is_refused() {
        view::<i32>(&Aligned([0; 16]).0[..6]);
    }

    #[test]
    #[should_panic(expected = "operands")]
    fn a_shifted_tensor_is_refused() {
        view::<i16>(&Aligned([0; 16]).0[1..3]);
    }
}
