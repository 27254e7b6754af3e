//! The checked entry to a model's bytes.

use flatbuffers::{ErrorTraceDetail, InvalidFlatbuffer, VerifierOptions};

use crate::{Model, root_as_model_with_opts};

/// Bytes up to and including the file identifier.
const HEADER: usize = 8;
/// The format's file identifier, at offset 4.
const IDENTIFIER: &[u8] = b"TFL3";
/// Deeper than the format's own nesting (model, subgraph, operator, options), with room for what it may grow.
const MAX_DEPTH: usize = 16;
/// A model of a million tables has no business on a microcontroller.
const MAX_TABLES: usize = 1_000_000;

/// Why bytes are not a readable model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too few bytes for the header.
    #[error("the file has {len} bytes, a model has more than 8")]
    TooShort {
        /// Bytes in the file.
        len: usize,
    },
    /// The identifier at offset 4 is another one.
    #[error("the identifier at byte 4 is `{found}`, a LiteRT model has `TFL3`")]
    Identifier {
        /// What stands there, escaped.
        found: String,
    },
    /// An offset, length or string in the file is wrong.
    #[error("`{field}` {reason}")]
    Damaged {
        /// Path of the field from the model's root, such as `subgraphs[0].tensors[3].shape`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file's tables are nested or repeated beyond what a model needs.
    #[error("`model` {reason}")]
    Excessive {
        /// Which limit was met.
        reason: String,
    },
}

/// The model in `bytes`, with every offset, length and string in the schema's reach verified.
///
/// Shared tables are counted each time they are met, so that a small file cannot stand for a huge one: what a reader
/// copies is at most sixteen times the file and a mebibyte.
pub fn root(bytes: &[u8]) -> Result<Model<'_>, Error> {
    if bytes.len() <= HEADER {
        return Err(Error::TooShort { len: bytes.len() });
    }
    let found = &bytes[4..HEADER];
    if found != IDENTIFIER {
        return Err(Error::Identifier { found: found.escape_ascii().to_string() });
    }
    let options = VerifierOptions {
        max_depth: MAX_DEPTH,
        max_tables: MAX_TABLES,
        max_apparent_size: bytes.len().saturating_mul(16).saturating_add(1 << 20),
        ignore_missing_null_terminator: true,
    };
    root_as_model_with_opts(&options, bytes).map_err(|error| refusal(&error))
}

fn refusal(error: &InvalidFlatbuffer) -> Error {
    let damaged = |trace: &[ErrorTraceDetail], last: Option<&str>, reason: String| Error::Damaged {
        field: path(trace, last),
        reason,
    };
    match error {
        InvalidFlatbuffer::MissingRequiredField { required, error_trace } => {
            damaged(error_trace.as_ref(), Some(required), "is missing".to_owned())
        }
        InvalidFlatbuffer::InconsistentUnion { field, field_type, error_trace } => {
            damaged(error_trace.as_ref(), Some(field), format!("is there without `{field_type}`, or that without it"))
        }
        InvalidFlatbuffer::Utf8Error { range, error_trace, .. } => {
            damaged(error_trace.as_ref(), None, format!("is not text (bytes {range:?} are not UTF-8)"))
        }
        InvalidFlatbuffer::MissingNullTerminator { range, error_trace } => {
            damaged(error_trace.as_ref(), None, format!("is text without an end (bytes {range:?})"))
        }
        InvalidFlatbuffer::Unaligned { position, error_trace, .. } => {
            damaged(error_trace.as_ref(), None, format!("lies unaligned at byte {position}"))
        }
        InvalidFlatbuffer::RangeOutOfBounds { range, error_trace } => {
            damaged(error_trace.as_ref(), None, format!("reaches beyond the file (bytes {range:?})"))
        }
        InvalidFlatbuffer::SignedOffsetOutOfBounds { position, error_trace, .. } => {
            damaged(error_trace.as_ref(), None, format!("has its field table outside the file (at byte {position})"))
        }
        InvalidFlatbuffer::TooManyTables => Error::Excessive { reason: format!("has more than {MAX_TABLES} tables") },
        InvalidFlatbuffer::ApparentSizeTooLarge => {
            Error::Excessive { reason: "refers to the same bytes again and again".to_owned() }
        }
        InvalidFlatbuffer::DepthLimitReached => {
            Error::Excessive { reason: format!("nests tables more than {MAX_DEPTH} deep") }
        }
    }
}

/// The verifier's trace, innermost first, as a path from the root.
fn path(trace: &[ErrorTraceDetail], last: Option<&str>) -> String {
    let mut path = String::from("model");
    for detail in trace.iter().rev() {
        match detail {
            ErrorTraceDetail::TableField { field_name, .. } => {
                path.push('.');
                path.push_str(field_name);
            }
            ErrorTraceDetail::VectorElement { index, .. } => path.extend(["[", &index.to_string(), "]"]),
            ErrorTraceDetail::UnionVariant { .. } => {}
        }
    }
    if let Some(last) = last {
        path.push('.');
        path.push_str(last);
    }
    path
}

#[cfg(test)]
mod tests {
    use flatbuffers::FlatBufferBuilder;

    use super::*;
    use crate::{ModelArgs, Operator, OperatorArgs, SubGraph, SubGraphArgs};

    /// A model of one operator whose options are of a type that the schema subset does not list.
    fn model() -> Vec<u8> {
        let mut builder = FlatBufferBuilder::new();
        let options = crate::SoftmaxOptions::create(&mut builder, &crate::SoftmaxOptionsArgs { beta: 1.0 });
        let arguments = OperatorArgs {
            builtin_options_type: crate::BuiltinOptions(126),
            builtin_options: Some(options.as_union_value()),
            ..OperatorArgs::default()
        };
        let operator = Operator::create(&mut builder, &arguments);
        let operators = builder.create_vector(&[operator]);
        let name = builder.create_string("main");
        let arguments = SubGraphArgs { operators: Some(operators), name: Some(name), ..SubGraphArgs::default() };
        let subgraph = SubGraph::create(&mut builder, &arguments);
        let subgraphs = builder.create_vector(&[subgraph]);
        let arguments = ModelArgs { version: 3, subgraphs: Some(subgraphs), ..ModelArgs::default() };
        let model = Model::create(&mut builder, &arguments);
        crate::finish_model_buffer(&mut builder, model);
        builder.finished_data().to_vec()
    }

    #[test]
    fn unknown_options_do_not_stop_verification() {
        let bytes = model();
        let model = root(&bytes).unwrap();
        let operator = model.subgraphs().unwrap().get(0).operators().unwrap().get(0);
        assert_eq!(operator.builtin_options_type().0, 126);
    }

    #[test]
    fn short_and_foreign_files_are_told_apart() {
        assert_eq!(root(b"").unwrap_err(), Error::TooShort { len: 0 });
        assert_eq!(root(b"\0\0\0\0TFL3").unwrap_err(), Error::TooShort { len: 8 });
        let found = root(b"PK\x03\x04\x14\0\0\0more").unwrap_err();
        assert_eq!(found, Error::Identifier { found: "\\x14\\x00\\x00\\x00".to_owned() });
    }

    #[test]
    fn damage_is_named_by_field() {
        let mut bytes = model();
        let name = bytes.windows(4).position(|window| window == b"main").unwrap();
        bytes[name] = 0xff;
        let Error::Damaged { field, reason } = root(&bytes).unwrap_err() else { panic!("not refused") };
        assert_eq!(field, "model.subgraphs[0].name");
        assert!(reason.contains("UTF-8"), "{reason}");
    }

    #[test]
    fn every_flip_of_every_byte_is_an_answer() {
        let bytes = model();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                let _ = root(&flipped);
            }
        }
    }
}
