//! Small binary files that only save time (the record index, the memo of file digests): a magic line, a checksum and
//! length-prefixed values. A damaged or foreign file reads as nothing. Knows nothing of what is in them.

use crate::Digest;

/// Builds a packed file.
pub(crate) struct Writer(Vec<u8>);

/// Reads a packed file; every method gives `None` at its end.
pub(crate) struct Reader<'a>(&'a [u8]);

impl Writer {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn number(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(crate) fn signed(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.number(value.len() as u64);
        self.0.extend(value.as_bytes());
    }

    pub(crate) fn digest(&mut self, value: Digest) {
        self.0.extend(value.as_bytes());
    }

    /// The file: magic, checksum, content.
    pub(crate) fn finish(self, magic: &str) -> Vec<u8> {
        let mut bytes = magic.as_bytes().to_vec();
        bytes.extend(Digest::of(&self.0).as_bytes());
        bytes.extend(self.0);
        bytes
    }
}

impl<'a> Reader<'a> {
    /// Checks magic and checksum.
    pub(crate) fn open(bytes: &'a [u8], magic: &str) -> Option<Self> {
        let (checksum, content) = bytes.strip_prefix(magic.as_bytes())?.split_first_chunk::<32>()?;
        (Digest::of(content).as_bytes() == checksum).then_some(Self(content))
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*value))
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        self.number().map(u64::cast_signed)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (value, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(value).ok()
    }

    pub(crate) fn digest(&mut self) -> Option<Digest> {
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(Digest::from_bytes(*value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
