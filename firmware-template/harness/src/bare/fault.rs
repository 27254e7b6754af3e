//! Last words: a processor fault or a panic becomes an `error` line, then the harness ends.

use core::arch::naked_asm;
use core::panic::PanicInfo;

use cortex_m_rt::exception;
use harness::bench::current;
use harness::protocol::{Failure, OrNone};
use harness::transport::LineBuffer;

use super::load::{self, Served};
use super::port::{self, Console};
use super::stack;

/// Sends `error` with the text and ends.
fn end(text: core::fmt::Arguments<'_>) -> ! {
    LineBuffer::new().send(&mut Console::open(), text);
    port::end(1)
}

/// Fault status: what happened, whether it was escalated, and the address that was accessed where the core kept it.
#[cfg(not(armv6m))]
fn status() -> (u32, u32, Option<u32>) {
    const MMFAR_VALID: u32 = 1 << 7;
    const BFAR_VALID: u32 = 1 << 15;
    // SAFETY: the system control block is always mapped, and reading its fault registers has no side effect.
    let scb = unsafe { &*cortex_m::peripheral::SCB::PTR };
    let cfsr = scb.cfsr.read();
    let address = match cfsr {
        cfsr if cfsr & MMFAR_VALID != 0 => Some(scb.mmfar.read()),
        cfsr if cfsr & BFAR_VALID != 0 => Some(scb.bfar.read()),
        _ => None,
    };
    (cfsr, scb.hfsr.read(), address)
}

/// ARMv6-M keeps no fault status.
#[cfg(armv6m)]
fn status() -> (u32, u32, Option<u32>) {
    (0, 0, None)
}

/// Every fault ends here: the configurable fault handlers are off, so theirs are escalated.
///
/// The stack may be at its end, and what is below belongs to others; what is above it belongs to functions that will not go on. So the
/// handler takes what it needs from the exception's frame, and then begins the stack anew.
///
/// # Safety
///
/// Only the core calls it, by the vector table.
#[unsafe(export_name = "HardFault")]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn hard_fault() -> ! {
    #[cfg(not(armv8m_main))]
    naked_asm!(
        "mrs r0, MSP",
        "ldr r1, [r0, #24]",
        "ldr r2, [r0, #20]",
        "ldr r3, =_stack_start",
        "msr MSP, r3",
        "bl {report}",
        ".pool",
        report = sym report,
    );
    // The stack's limit would end the handler, too.
    #[cfg(armv8m_main)]
    naked_asm!(
        "mrs r0, MSP",
        "ldr r1, [r0, #24]",
        "ldr r2, [r0, #20]",
        "movs r3, #0",
        "msr MSPLIM, r3",
        "ldr r3, =_stack_start",
        "msr MSP, r3",
        "bl {report}",
        ".pool",
        report = sym report,
    );
}

/// Says what happened. `frame` is where the stack pointer was, `pc` and `lr` what lay in the frame there.
extern "C" fn report(frame: usize, pc: u32, lr: u32) -> ! {
    let (cfsr, hfsr, address) = status();
    if stack::hit_limit(cfsr, address, frame) || stack::overflowed() {
        end(format_args!("error {}", Failure::StackOverflow { operator: current() }));
    }
    end(format_args!(
        "error fault operator={} pc={pc:08x} lr={lr:08x} cfsr={cfsr:08x} hfsr={hfsr:08x} address={}",
        OrNone(current()),
        OrNone(address.map(Address)),
    ))
}

/// An address in hexadecimal.
struct Address(u32);

impl core::fmt::Display for Address {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Every interrupt: those of a load's timers, and those that nobody asked for.
#[exception]
unsafe fn DefaultHandler(irqn: i16) {
    let what = match load::interrupt(irqn) {
        Served::Yes => return,
        Served::Storm => "interrupt-storm",
        Served::No => "interrupt",
    };
    end(format_args!("error {what} line={irqn} operator={}", OrNone(current())))
}

#[panic_handler]
fn panicked(panic: &PanicInfo<'_>) -> ! {
    end(format_args!("error panic operator={} {panic}", OrNone(current())))
}
