//! Manifests, boards and kernel libraries: KDL text to checked values, with every error of a file at once.
//!
//! Knows KDL and the file system; does not know stages or tools. A file goes through [`guard`] (brackets and nesting),
//! [`parse`] (KDL), [`decode`] (nodes and values) and the modules that know what stands where: [`deployment`] with
//! [`interface`], [`convert`], `preprocess` with `parity`, [`limits`], `services`, [`gates`] with [`waiver`], `target`, and [`regression`];
//! [`board`] with [`regions`] and `timer`; [`library`]; [`known_bad`]; [`approvals`] and what they are about, [`mod@governed`].
//! Graphs are known to [`write`](mod@write) alone,
//! which makes new manifests.

mod approvals;
mod audio;
mod board;
mod catalog;
mod codeowners;
mod convert;
mod decode;
mod deployment;
mod error;
mod files;
mod format;
mod gates;
mod governed;
mod guard;
mod hardware;
mod header;
mod image;
mod interface;
mod known_bad;
mod library;
mod limits;
mod own;
mod parity;
mod parse;
mod postprocess;
mod preprocess;
mod project;
mod recordings;
mod regions;
mod regression;
mod resolve;
mod sensor;
mod services;
mod syntax;
mod target;
mod timer;
mod types;
mod units;
mod value;
mod waiver;
mod words;
mod write;

#[cfg(test)]
mod tests;

pub use approvals::{APPROVALS, APPROVALS_HEAD, Approval, Approvals};
pub use catalog::{Catalog, Entry};
pub use codeowners::Codeowners;
pub use deployment::{DEPLOYMENT_NAMES, is_deployment_name, load};
pub use error::{Errors, Problem, suggest};
pub use files::plain;
pub use format::format;
pub use gates::*;
pub use governed::{Governed, governed, lines};
pub use hardware::*;
pub use project::{clashes, fuzz_body};
pub use resolve::{discover, project_root};
pub use syntax::Syntax;
pub use timer::{Timer, TimerKind};
pub use types::*;
pub use units::{frequency, grouped, instructions, size};
pub use waiver::{Date, GATE_NAMES, Waiver};
pub use write::{Init, budget_for, init};
