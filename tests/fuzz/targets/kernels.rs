//! A model of the conformance corpus, which the first two bytes name, on inputs made of the others: the memory plan with
//! CMSIS-NN's kernels gives what the reference kernels give, and nothing overflows or reads beyond its tensors on the way.
//!
//! DEPLOYCTL_CMSIS_NN names the library's folder; without it there is nothing to compare with, and the target ends.
#![no_main]
#![allow(dead_code, reason = "parts of the conformance test, which uses all of them")]

#[path = "../../conformance/agree.rs"]
mod agree;
#[path = "../../conformance/archive.rs"]
mod archive;
#[path = "../../../firmware-template/cmsis-nn/src/check.rs"]
mod check;
#[path = "../../conformance/compare.rs"]
mod compare;
#[path = "../../../firmware-template/cmsis-nn/src/conv.rs"]
mod conv;
#[path = "../../../firmware-template/cmsis-nn/src/convolve.rs"]
mod convolve;
#[path = "../../../firmware-template/cmsis-nn/src/depthwise_conv.rs"]
mod depthwise_conv;
#[path = "../../../firmware-template/cmsis-nn/src/elementwise.rs"]
mod elementwise;
#[path = "../../../firmware-template/cmsis-nn/src/fully_connected.rs"]
mod fully_connected;
#[path = "../../conformance/library.rs"]
mod library;
#[path = "../../conformance/planned.rs"]
mod planned;
#[path = "../../../firmware-template/cmsis-nn/src/pool.rs"]
mod pool;
#[path = "../../../firmware-template/cmsis-nn/src/shim.rs"]
mod shim;
#[path = "../../../firmware-template/cmsis-nn/src/softmax.rs"]
mod softmax;
#[path = "../../../firmware-template/cmsis-nn/src/svdf.rs"]
mod svdf;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use agree::Runnable;

static MODELS: LazyLock<Vec<Runnable>> = LazyLock::new(|| {
    assert!(library::load(), "set DEPLOYCTL_CMSIS_NN to CMSIS-NN's folder");
    agree::runnable(&archive::read(&here("corpus.tar.gz")))
});

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance").join(name)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((&[high, low], noise)) = bytes.split_first_chunk() {
        MODELS[usize::from(u16::from_be_bytes([high, low])) % MODELS.len()].agrees(noise);
    }
});
