//! Content-addressed store and incremental engine.
//!
//! A [`Graph`] of [`Stage`]s goes in; the [`Engine`] runs what has to run, reuses what it can, and keeps every output
//! under the digest of its content in a [`Store`]. The crate knows no manifest, no model and no tool: a stage is a
//! name, a version, a list of fields and a function that writes files.
//!
//! In pipeline order: [`Digest`] names content, [`Fields`] make a key, [`Store`] keeps objects and records, [`Graph`]
//! says what depends on what, [`Engine`] plans and builds, [`materialize`] copies artifacts out, [`gc`](mod@gc) sweeps.

mod digest;
mod engine;
mod error;
mod execute;
mod explain;
mod files;
mod flatten;
pub mod gc;
mod graph;
mod index;
mod io;
mod job;
mod key;
mod lock;
mod materialize;
mod outcome;
mod packed;
mod record;
mod run;
mod scratch;
mod state;
mod store;
mod survey;

pub use digest::{Digest, NotADigest};
pub use engine::{Cancel, Engine, Options};
pub use error::{BoxError, Error};
pub use explain::{FieldChange, Forecast, Why};
pub use files::{FileInput, TreeInput};
pub use graph::{Graph, Input, Stage, StageId};
pub use io::{Fault, Io};
pub use job::Job;
pub use key::{Fields, Value};
pub use materialize::{Delivered, Kept, Placement, materialize};
pub use outcome::{Event, FailedStage, Failure, Outcome, Status};
pub use record::{Output, PrintedField, Record, Section};
pub use store::Store;
