//! Any bytes as a manifest, a board and a kernel library.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| deployctl::manifest::fuzz_body(bytes));
