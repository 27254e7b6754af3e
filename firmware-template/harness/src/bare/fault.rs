//! Last words: a processor fault or a panic becomes an `error` line, then the harness ends.

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use harness::bench::current;
use harness::protocol::{Failure, OrNone};
use harness::transport::LineBuffer;

use super::load;
use super::port::Semihosting;
use super::stack;

/// Sends `error` with the text and ends.
fn end(text: core::fmt::Arguments<'_>) -> ! {
    LineBuffer::new().send(&mut Semihosting::open(), text);
    semihosting::process::exit(1)
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
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    if stack::overflowed() {
        end(format_args!("error {}", Failure::StackOverflow { operator: current() }));
    }
    let (cfsr, hfsr, address) = status();
    end(format_args!(
        "error fault operator={} pc={:08x} lr={:08x} cfsr={cfsr:08x} hfsr={hfsr:08x} address={}",
        OrNone(current()),
        frame.pc(),
        frame.lr(),
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
    if !load::interrupt(irqn) {
        end(format_args!("error interrupt line={irqn} operator={}", OrNone(current())))
    }
}

#[panic_handler]
fn panicked(panic: &PanicInfo<'_>) -> ! {
    end(format_args!("error panic operator={} {panic}", OrNone(current())))
}
