//! Digest of a tensor's bytes, small enough for firmware to compute after every operator: FNV-1a, 64 bits.

/// FNV-1a, 64 bits. Reports and goldens write it as 16 hexadecimal digits.
pub fn digest(bytes: &[u8]) -> u64 {
    digest_all(std::slice::from_ref(&bytes))
}

/// The digest of an operator's output tensors, one behind the other.
pub fn digest_all(tensors: &[impl AsRef<[u8]>]) -> u64 {
    extended(0xcbf2_9ce4_8422_2325, tensors)
}

/// The digest of what `digest` is one of, and of tensors behind that.
pub(super) fn extended(digest: u64, tensors: &[impl AsRef<[u8]>]) -> u64 {
    let bytes = tensors.iter().flat_map(AsRef::as_ref);
    bytes.fold(digest, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{digest, digest_all};

    /// Published test values of the function.
    #[test]
    fn is_fnv_1a() {
        assert_eq!(digest(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(digest(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(digest_all(&[b"foo".as_slice(), b"bar"]), 0x8594_4171_f739_67e8);
    }
}
