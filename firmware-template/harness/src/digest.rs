//! FNV-1a: digests of tensors (64 bits) and check words of lines (32 bits).

/// The 64-bit digest of nothing.
pub const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// 64-bit FNV-1a over the bytes of tensors, one behind the other.
pub fn tensors<'a>(tensors: impl Iterator<Item = &'a [i8]>) -> u64 {
    extended(EMPTY, tensors)
}

/// The digest of what `digest` is one of, and of the bytes of tensors behind that.
pub fn extended<'a>(digest: u64, tensors: impl Iterator<Item = &'a [i8]>) -> u64 {
    tensors
        .flatten()
        .fold(digest, |hash, &byte| (hash ^ u64::from(byte.cast_unsigned())).wrapping_mul(0x0000_0100_0000_01b3))
}

/// 32-bit FNV-1a over a line's text.
pub fn line(text: &[u8]) -> u32 {
    text.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_of_fnv_1a() {
        assert_eq!(tensors([].into_iter()), 0xcbf2_9ce4_8422_2325);
        assert_eq!(tensors([&[0x61][..]].into_iter()), 0xaf63_dc4c_8601_ec8c);
        let (whole, split): ([&[i8]; 1], [&[i8]; 2]) = ([&[1, 2, 3]], [&[1], &[2, 3]]);
        assert_eq!(tensors(whole.into_iter()), tensors(split.into_iter()));
        assert_eq!(extended(tensors([&[1][..]].into_iter()), [&[2, 3][..]].into_iter()), tensors(whole.into_iter()));
        assert_eq!(line(b""), 0x811c_9dc5);
        assert_eq!(line(b"foobar"), 0xbf9c_f968);
    }
}
