//! The model reader and the host reference: against LiteRT Micro's own results, and against hostile files.

mod hostile;
#[path = "../fuzz/bodies/model_read.rs"]
mod model_read;
mod oracle;
mod refusals;
mod sample;
mod shared;
