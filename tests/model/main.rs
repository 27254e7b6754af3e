//! The model reader and the host reference: against LiteRT Micro's own results, and against hostile files.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and say what they skip"
)]

mod control;
mod hostile;
#[path = "../fuzz/bodies/model_read.rs"]
mod model_read;
mod oracle;
mod refusals;
mod sample;
mod shared;
mod variety;
