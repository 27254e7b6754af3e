//! CMSIS-NN on this machine (its scalar path), compiled once into a shared library that is loaded when the test runs, so
//! that the test itself builds without the library.
//!
//! The `cmsis-nn` crate's bindings are compiled into the test as they are. The symbols that they call are defined here: each
//! jumps to the function of the same name in the loaded library.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use deployctl::library::{Build, revision};

macro_rules! functions {
    ($($index:literal $name:literal)*) => {
        const NAMES: [&str; 26] = [$($name),*];
        $(
            std::arch::global_asm!(
                concat!(".globl ", $name),
                concat!($name, ":"),
                concat!("jmp [rip + {places} + 8 * ", $index, "]"),
                places = sym PLACES,
            );
        )*
    };
}

/// Where the library's functions are, in the order of their names.
static PLACES: [AtomicPtr<c_void>; 26] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 26];

functions! {
    0 "shim_convolve_s8"
    1 "shim_convolve_1_x_n_s8"
    2 "shim_convolve_1x1_s8"
    3 "shim_convolve_1x1_s8_fast"
    4 "shim_depthwise_conv_s8"
    5 "shim_depthwise_conv_3x3_s8"
    6 "shim_depthwise_conv_s8_opt"
    7 "shim_fully_connected_s8"
    8 "shim_fully_connected_per_channel_s8"
    9 "shim_avgpool_s8"
    10 "shim_max_pool_s8"
    11 "shim_elementwise_add_s8"
    12 "shim_elementwise_add_s16"
    13 "shim_elementwise_mul_s8"
    14 "shim_elementwise_mul_s16"
    15 "shim_softmax_s8"
    16 "shim_softmax_s16"
    17 "shim_convolve_s16"
    18 "shim_convolve_fast_s16"
    19 "shim_depthwise_conv_s16"
    20 "shim_depthwise_conv_fast_s16"
    21 "shim_fully_connected_s16"
    22 "shim_avgpool_s16"
    23 "shim_max_pool_s16"
    24 "shim_svdf_s8"
    25 "shim_svdf_state_s16_s8"
}

unsafe extern "C" {
    fn dlopen(path: *const c_char, mode: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const RTLD_NOW: c_int = 2;

/// Loads the library, once; false where there are no sources, which is said aloud.
pub(crate) fn load() -> bool {
    static LOADED: LazyLock<bool> = LazyLock::new(|| {
        let Some(root) = std::env::var_os("DEPLOYCTL_CMSIS_NN").map(PathBuf::from) else {
            println!("SKIPPED: DEPLOYCTL_CMSIS_NN does not name a CMSIS-NN folder");
            return false;
        };
        let path = CString::new(compiled(&root).to_str().unwrap()).unwrap();
        // SAFETY: the path is a string that ends with zero; the library's initialization does nothing.
        let library = unsafe { dlopen(path.as_ptr(), RTLD_NOW) };
        assert!(!library.is_null(), "{path:?} does not load");
        for (name, place) in NAMES.iter().zip(&PLACES) {
            let name = CString::new(*name).unwrap();
            // SAFETY: the handle is one that `dlopen` gave, and never closed.
            let function = unsafe { dlsym(library, name.as_ptr()) };
            assert!(!function.is_null(), "the library has no {name:?}");
            place.store(function, Ordering::Release);
        }
        true
    });
    *LOADED
}

/// The shared library of the sources below `root`, compiled where it is not there yet.
fn compiled(root: &Path) -> PathBuf {
    let root = fs::canonicalize(root).unwrap();
    let shim = fs::canonicalize(crate::here("../../firmware-template/cmsis-nn")).unwrap();
    let header = fs::read_to_string(root.join("Include/arm_nnfunctions.h")).unwrap();
    let build = Build {
        include: vec!["Include".to_owned()],
        define: vec![format!("CMSIS_NN_REVISION={}", revision(&header).unwrap())],
        flag: ["-O1", "-w", "-fPIC", "-shared"].map(str::to_owned).to_vec(),
        ..Build::default()
    };
    let mut arguments = build.arguments(root.to_str().unwrap(), shim.to_str().unwrap());
    arguments.retain(|argument| argument != "-c");
    let mut sources = vec![shim.join("csrc/shim.c"), shim.join("csrc/shim.h")];
    files(&root.join("Source"), &mut sources);
    sources.sort();
    let mut digest = blake3::Hasher::new();
    for path in sources.iter().chain([&root.join("Include/arm_nnfunctions.h")]) {
        digest.update(&fs::read(path).unwrap());
    }
    let name = format!("cmsis-nn-{}.so", &digest.finalize().to_hex()[..16]);
    let made = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from).join(name);
    if !made.exists() {
        let fresh = made.with_extension(std::process::id().to_string());
        let c_files = sources.iter().filter(|path| path.extension().is_some_and(|extension| extension == "c"));
        let mut command = Command::new("cc");
        command.args(arguments).args(c_files).arg("-o").arg(&fresh);
        let output = command.output().expect("cc starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&fresh, &made).unwrap();
    }
    made
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "c") {
            found.push(path);
        }
    }
}
