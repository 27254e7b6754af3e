//! CMSIS-NN's kernels with the argument types of the reference kernels.
//!
//! One function for each exact variant of the library, so that firmware links what it calls and nothing else. Which variant
//! fits an operator on a core is decided on the host; this crate does not choose. Some variants take `scratch`: memory
//! that they may use while they run, aligned to at least 4 bytes (the memory plan gives 16) and as long as the library's own
//! `*_get_buffer_size` function says for the core that the library was compiled for.
//!
//! # What happens to wrong arguments
//!
//! The functions are safe: before C code runs, slices are compared with shapes and windows with inputs, some dozens of
//! instructions a call, and the library's status is looked at after it. Any refusal is a panic with one constant message.
//! Firmware built by deployctl cannot reach it, and its panic handler knows the current operator, so the message
//! does not repeat it and no formatting code is linked.
//!
//! # How the static library `libcmsis_nn.a` is made
//!
//! `csrc/shim.c` and the library's C files are compiled one by one, in the order of their paths, with exactly these
//! arguments, and archived in that order:
//!
//! ```text
//! FLAGS -ffunction-sections -fdata-sections -ffile-prefix-map=ROOT=/cmsis-nn -ffile-prefix-map=CRATE=/fw/cmsis-nn
//! -IROOT/INCLUDE.. -DDEFINE.. -c
//! ```
//!
//! `ROOT`, `FLAGS`, `INCLUDE`, `DEFINE` and the files come from `cmsis-nn.sources` beside this crate's manifest; `CRATE` is
//! this crate's folder. The shim is first. Last are functions that the kernels call in the compiler's C library, each taken
//! out of it by the linker:
//!
//! ```text
//! FLAGS -nostdlib -r -Wl,--strip-debug -Wl,--require-defined=FUNCTION -lc -o FUNCTION.o
//! ```
//!
//! The copies of those functions that come with Rust are weak and give way. The library's `memcpy` takes half their
//! instructions for the short copies that gather a convolution's input.
//!
//! There are two routes to the same objects:
//!
//! * `build.rs` reads the file and compiles. This is what a plain `cargo build` does.
//! * deployctl compiles the library once for all deployments with the same core and compiler, and names its folder in the
//!   environment variable `DEPLOYCTL_CMSIS_NN_LIBRARY`; `build.rs` then compiles nothing. Cargo's own way, an override of `links`,
//!   is not taken: it changes the hashes in symbols' names, which decide the order of functions, so images would differ.
//!
//! `cmsis-nn.sources` has one word and one value a line; `#` starts a comment:
//!
//! ```text
//! root ../vendor/CMSIS-NN          folder of the library, relative to this file
//! include Include                  include folder, relative to root
//! define CMSIS_NN_REVISION=120501  preprocessor definition
//! flag -mcpu=cortex-m4             compiler flag, complete: nothing is added for the target
//! source Source/A/a.c              a C file, relative to root; `source Source/**` is every C file below a folder
//! libc memcpy                      a function that is taken from the C library
//! ```
//!
//! Without the file, the environment variable `DEPLOYCTL_CMSIS_NN` names the root, all C files below `Source` are compiled with
//! `-O2`, and the revision is read from `Include/arm_nnfunctions.h`. This serves the tests. With neither, nothing is
//! compiled, and what calls into the library does not link.
#![no_std]

mod check;
mod conv;
mod convolve;
mod depthwise_conv;
mod elementwise;
mod fully_connected;
mod pool;
mod shim;
mod softmax;
mod svdf;

pub use conv::{conv_2d, conv_2d_1_x_n, conv_2d_1x1, conv_2d_1x1_fast};
pub use convolve::{convolve_fast_s16, convolve_s16, depthwise_conv_fast_s16, depthwise_conv_s16, fully_connected_s16};
pub use depthwise_conv::{depthwise_conv_2d, depthwise_conv_2d_3x3, depthwise_conv_2d_opt};
pub use elementwise::{add, add_s16, multiply, multiply_s16};
pub use fully_connected::{fully_connected, fully_connected_per_channel};
pub use pool::{average_pool_2d, average_pool_s16, max_pool_2d, max_pool_s16};
pub use softmax::{softmax, softmax_s16};
pub use svdf::{svdf_s8, svdf_state_s16_s8};
