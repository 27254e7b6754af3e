//! The harness as firmware on a Cortex-M: the session over the board's console, ticks from SysTick, stack by its paint.

mod counter;
mod fault;
mod load;
mod port;
mod rtt;
mod semihosting;
mod stack;
mod timer;

use cortex_m_rt::entry;
use harness::load::Load;
use harness::{Buffers, Cost, GuardedArena, Platform, serve};

use counter::Counter;
use stack::StackPaint;

/// A Cortex-M core.
struct Core {
    counter: Counter,
    stack: StackPaint,
}

impl Platform for Core {
    fn measure(&mut self, work: &mut dyn FnMut()) -> Cost {
        let mark = self.stack.renew();
        load::begin();
        self.counter.start();
        work();
        let ticks = self.counter.ticks();
        let interrupts = load::interrupts();
        Cost { ticks: Some(ticks), stack: Some(stack::depth_below(mark)), interrupts }
    }

    fn count(&mut self, work: &mut dyn FnMut()) -> Option<u64> {
        self.counter.start();
        work();
        Some(self.counter.ticks())
    }

    fn load(&mut self, load: Load) -> bool {
        load::put_on(load)
    }

    fn services_damaged(&self) -> bool {
        load::damaged()
    }

    fn stack_total(&mut self) -> Option<usize> {
        Some(self.stack.total())
    }

    fn stack_overflowed(&self) -> bool {
        stack::overflowed()
    }

    #[cfg(feature = "faults")]
    fn provoke(&mut self, kind: &str) -> bool {
        use harness::Port;
        match kind {
            "fault" => cortex_m::asm::udf(),
            "reset" => cortex_m::peripheral::SCB::sys_reset(),
            "garbage" => port::Console::open().write(b"\x1b[31mU-Boot 2024.01\n"),
            "exit" => port::end(0),
            "stack" => stack::spoil_end(),
            "recursion" => stack::exhaust(0),
            _ => return false,
        }
        true
    }
}

#[entry]
fn main() -> ! {
    static mut BUFFERS: Buffers = Buffers::new();
    static mut ARENA: GuardedArena = GuardedArena::new();
    let mut port = port::Console::open();
    let code = match cortex_m::Peripherals::take() {
        Some(mut peripherals) => {
            stack::protect(&mut peripherals.MPU);
            let mut core = Core { counter: Counter::new(peripherals.SYST), stack: StackPaint::new() };
            serve(&mut port, &mut core, BUFFERS, ARENA)
        }
        None => 1,
    };
    port::end(code)
}
