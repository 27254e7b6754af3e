//! FNV-1a: digests of tensors (64 bits) and check words of lines (32 bits).

/// 64-bit FNV-1a over a tensor's bytes.
pub fn tensor(bytes: &[i8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte.cast_unsigned())).wrapping_mul(0x0000_0100_0000_01b3)
    })
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
        assert_eq!(tensor(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(tensor(&[0x61]), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(line(b""), 0x811c_9dc5);
        assert_eq!(line(b"foobar"), 0xbf9c_f968);
    }
}
