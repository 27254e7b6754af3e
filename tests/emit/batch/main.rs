//! Many emitted models in one image: each runs on its recorded inputs, every operator's output is digested right after it
//! and compared with the host reference's digest. One line a model goes to the console of the emulator.
#![no_std]
#![no_main]

use cortex_m_rt::{entry, exception, ExceptionFrame};
use kernels::model::{OperatorInfo, TensorInfo};
use semihosting::{eprintln, println, process};

mod cases;

/// Memory for any model's arena.
#[repr(C, align(16))]
struct Memory([i8; cases::ARENA_BYTES]);

/// A model and what it is to compute.
struct Case<'a, Arena: 'static> {
    name: &'a str,
    /// Every vector's inputs, one behind the other.
    inputs: &'a [u8],
    /// Every vector's digests, one an operator.
    wanted: &'a [&'a [u64]],
    places: &'a [TensorInfo],
    operators: &'a [OperatorInfo<Arena>],
    reset: fn(&mut Arena),
    invoke: fn(&mut Arena),
}

impl<Arena> Case<'_, Arena> {
    /// Steps through all vectors, each once more as a whole beforehand. `false` where something differs, which is printed.
    fn run(&self, memory: &mut Memory) -> bool {
        memory.0.fill(77);
        (self.reset)(arena(memory));
        let mut inputs = kernels::as_i8(self.inputs);
        for (vector, wanted) in self.wanted.iter().enumerate() {
            for place in self.places {
                let (tensor, rest) = inputs.split_at(place.len);
                memory.0[place.offset..][..place.len].copy_from_slice(tensor);
                inputs = rest;
            }
            for (index, (operator, wanted)) in self.operators.iter().zip(*wanted).enumerate() {
                (operator.run)(arena(memory));
                let found = digest(memory, operator.outputs);
                if found != *wanted {
                    println!("{}: vector {vector}, op:{index} {} differs", self.name, operator.name);
                    return false;
                }
            }
        }
        self.whole(memory)
    }

    /// The last operator's digest of the first vector again, from `invoke`.
    fn whole(&self, memory: &mut Memory) -> bool {
        memory.0.fill(-78);
        (self.reset)(arena(memory));
        let mut inputs = kernels::as_i8(self.inputs);
        for place in self.places {
            let (tensor, rest) = inputs.split_at(place.len);
            memory.0[place.offset..][..place.len].copy_from_slice(tensor);
            inputs = rest;
        }
        (self.invoke)(arena(memory));
        let Some((operator, wanted)) = self.operators.last().zip(self.wanted[0].last()) else { return false };
        let same = digest(memory, operator.outputs) == *wanted;
        println!("{}: {}", self.name, if same { "equal" } else { "`invoke` differs from its operators" });
        same
    }
}

fn arena<Arena>(memory: &mut Memory) -> &mut Arena {
    assert!(size_of::<Arena>() <= size_of::<Memory>() && align_of::<Arena>() <= align_of::<Memory>());
    // SAFETY: an arena is a `repr(C)` array of bytes, of which every value is one; it fits, and `memory` is borrowed.
    unsafe { &mut *core::ptr::from_mut(memory).cast() }
}

/// 64-bit FNV-1a.
fn digest(memory: &Memory, tensors: &[TensorInfo]) -> u64 {
    let bytes = tensors.iter().flat_map(|place| &memory.0[place.offset..][..place.len]);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte.cast_unsigned())).wrapping_mul(0x100_0000_01b3))
}

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory([0; cases::ARENA_BYTES]);
    let wrong = cases::run(MEMORY);
    println!("{wrong} wrong");
    process::exit(i32::from(wrong > 0))
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    eprintln!("hard fault at {:#010x}", frame.pc());
    process::exit(2)
}

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    eprintln!("{panic}");
    process::exit(2)
}
