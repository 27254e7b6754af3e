//! Constant data in firmware: a file's bytes as the signed integers that they are.

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

#[cfg(test)]
mod tests {
    use super::as_i8;

    #[test]
    fn keeps_every_bit_pattern() {
        static BYTES: &[i8] = as_i8(&[0, 1, 127, 128, 255]);
        assert_eq!(BYTES, [0, 1, 127, -128, -1]);
        assert!(as_i8(&[]).is_empty());
    }
}
