//! Production firmware around the model: read, infer, hand over, for ever.
//!
//! Fill in [`source`] and [`sink`]; everything else can stay. Nothing here needs a debugger or waits for one. The stack is
//! painted at reset (`cortex-m-rt`'s `paint-stack`), and [`INFERENCES`] counts, so that both can be read from outside
//! while it runs.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod sink;
mod source;

use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use kernels::model::TensorInfo;
use model::{ARENA_BYTES, Arena, HOP, INPUTS, OUTPUTS};

use sink::Sink;
use source::Source;

/// Inferences since reset, wrapping. For debuggers; the symbol keeps its plain name.
// SAFETY: no other symbol of the program has this name, or the linker would say so.
#[unsafe(no_mangle)]
pub static INFERENCES: AtomicU32 = AtomicU32::new(0);

/// Where a tensor lies in the arena.
const fn place(tensor: &TensorInfo) -> Range<usize> {
    tensor.offset..tensor.offset + tensor.len
}

/// Whether all tensors lie in the arena.
const fn fit(tensors: &[TensorInfo]) -> bool {
    let mut index = 0;
    while index < tensors.len() && place(&tensors[index]).end <= ARENA_BYTES {
        index += 1;
    }
    index == tensors.len()
}

/// Whether a hop's samples lie in the arena, where there is a stream.
const fn hop_fits() -> bool {
    match HOP {
        Some(hop) => place(&hop.input).end <= ARENA_BYTES,
        None => true,
    }
}

// With this, no place below can be missing: the code for an index out of bounds, two kilobytes of formatting, stays out.
const _: () = assert!(fit(&INPUTS) && fit(&OUTPUTS) && hop_fits());

/// Takes hops of the stream until an inference is due; nothing where the model has no stream.
fn listen(source: &mut Source, arena: &mut Arena) {
    let Some(hop) = HOP else { return };
    loop {
        source.read_hop(arena.0.get_mut(place(&hop.input)).unwrap_or_default());
        if model::hop(arena) {
            return;
        }
    }
}

/// One inference: hops and inputs from the source, through the model, outputs to the sink.
fn infer(source: &mut Source, arena: &mut Arena, sink: &mut Sink) {
    listen(source, arena);
    for (index, tensor) in INPUTS.iter().enumerate() {
        source.read(index, arena.0.get_mut(place(tensor)).unwrap_or_default());
    }
    model::invoke(arena);
    for (index, tensor) in OUTPUTS.iter().enumerate() {
        sink.deliver(index, arena.0.get(place(tensor)).unwrap_or_default());
    }
    INFERENCES.store(INFERENCES.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

#[cfg(target_os = "none")]
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut ARENA: Arena = Arena([0; ARENA_BYTES]);
    let (mut source, mut sink) = (Source::new(), Sink::new());
    model::reset(ARENA);
    loop {
        infer(&mut source, ARENA, &mut sink);
    }
}

/// Stops; a watchdog resets the board.
#[cfg(target_os = "none")]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// On the host: one inference, to try source and sink.
#[cfg(not(target_os = "none"))]
fn main() {
    let (mut sink, mut arena) = (Sink::new(), Arena([0; ARENA_BYTES]));
    model::reset(&mut arena);
    infer(&mut Source::new(), &mut arena, &mut sink);
    println!("largest element of the first output: {}", sink.latest());
}
