//! Any bytes as a model: read, lowered and run.
#![no_main]

#[path = "../bodies/model_read.rs"]
mod model_read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    model_read::body(bytes);
});
