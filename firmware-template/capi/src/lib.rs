//! The model for C and C++: the functions that the header declares, around one arena of their own.
//!
//! Every symbol begins with the deployment's name, so that several models fit one program. Nothing here allocates, prints or
//! waits, and nothing is needed of the program around it.
// Where panics unwind, as in tests on the host, only the standard library has what that takes.
#![cfg_attr(panic = "abort", no_std)]

#[macro_use]
mod prefix;

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::ptr;
use core::sync::atomic::Ordering;

use kernels::model::TensorInfo;
use model::{ARENA_BYTES, Arena, CURRENT, DIGEST, INPUTS, OUTPUTS};

/// The arena, which C code reaches through pointers.
struct Shared(UnsafeCell<Arena>);

// SAFETY: the header asks for one call at a time, and for no use of a tensor while the model runs.
unsafe impl Sync for Shared {}

// A section of its own, for linker scripts that put it into a certain memory.
#[cfg_attr(target_os = "none", unsafe(link_section = concat!(".bss.", symbol!("arena"))))]
static ARENA: Shared = Shared(UnsafeCell::new(Arena([0; ARENA_BYTES])));

/// [`DIGEST`] as C has it, with a zero at its end.
static BUILD: [u8; DIGEST.len() + 1] = {
    let (text, mut bytes, mut at) = (DIGEST.as_bytes(), [0; DIGEST.len() + 1], 0);
    while at < text.len() {
        bytes[at] = text[at];
        at += 1;
    }
    bytes
};

/// Puts the model's state to its beginning: before the first inference, and whenever a new sequence begins.
#[unsafe(export_name = symbol!("init"))]
pub extern "C" fn init() {
    // SAFETY: by the header's terms nothing else uses the arena now.
    model::reset(unsafe { &mut *ARENA.0.get() });
}

/// One inference: inputs in the arena become outputs in the arena.
#[unsafe(export_name = symbol!("invoke"))]
pub extern "C" fn invoke() {
    // SAFETY: by the header's terms nothing else uses the arena now.
    model::invoke(unsafe { &mut *ARENA.0.get() });
}

stream! {
    /// Where the samples of the next hop go.
    #[unsafe(export_name = symbol!("samples"))]
    pub extern "C" fn samples() -> *mut c_void {
        place(model::HOP.as_ref().map(|hop| &hop.input))
    }

    /// One hop of the stream; 1 where an inference is due, else 0.
    #[unsafe(export_name = symbol!("hop"))]
    pub extern "C" fn hop() -> core::ffi::c_int {
        // SAFETY: by the header's terms nothing else uses the arena now.
        core::ffi::c_int::from(model::hop(unsafe { &mut *ARENA.0.get() }))
    }
}

/// Where an input's elements go; null where there is no such input.
#[unsafe(export_name = symbol!("input"))]
pub extern "C" fn input(index: usize) -> *mut c_void {
    place(INPUTS.get(index))
}

/// Where an output's elements are; null where there is no such output.
#[unsafe(export_name = symbol!("output"))]
pub extern "C" fn output(index: usize) -> *const c_void {
    place(OUTPUTS.get(index))
}

/// Index of the operator that runs, `UINT32_MAX` when none does: for a fault handler, which learns where it happened.
#[unsafe(export_name = symbol!("current_operator"))]
pub extern "C" fn current_operator() -> u32 {
    CURRENT.load(Ordering::Relaxed)
}

/// Identity of the build, which the header has too.
#[unsafe(export_name = symbol!("build"))]
pub extern "C" fn build() -> *const c_char {
    BUILD.as_ptr().cast()
}

fn place(tensor: Option<&TensorInfo>) -> *mut c_void {
    // `wrapping_add` because a table in another crate does not prove to the compiler that tensors lie in the arena.
    tensor.map_or(ptr::null_mut(), |tensor| ARENA.0.get().cast::<u8>().wrapping_add(tensor.offset).cast())
}

/// Cannot be reached: the build proved that every operator has what it needs. Were it reached, the program's own fault
/// handler would see an undefined instruction, and on the host the program would end.
#[cfg(panic = "abort")]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(target_os = "none")]
    loop {
        // SAFETY: the instruction does nothing but raise a fault.
        unsafe { core::arch::asm!("udf #0", options(nomem, nostack)) }
    }
    #[cfg(not(target_os = "none"))]
    {
        unsafe extern "C" {
            safe fn abort() -> !;
        }
        abort()
    }
}

/// Named by the host's core library, which is made to unwind; nothing here does.
// SAFETY: the packed library keeps the symbol to itself.
#[cfg(all(panic = "abort", not(target_os = "none")))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
