//! The harness as firmware on a Cortex-M: the session over semihosting, ticks from SysTick, stack by its paint.

mod counter;
mod fault;
mod load;
mod port;
mod services;
mod stack;
mod timer;

use cortex_m_rt::entry;
use harness::load::Load;
use harness::{Buffers, Cost, GuardedArena, Platform, Startup, serve};

use counter::Counter;
use stack::StackPaint;

/// A Cortex-M core.
struct Core {
    counter: Counter,
    /// Ticks from reset to `main`, where they are known.
    booted: Option<u64>,
    stack: StackPaint,
}

impl Platform for Core {
    fn start(&mut self, work: &mut dyn FnMut()) -> Option<Startup> {
        let before = self.counter.since_reset();
        work();
        let after = self.counter.since_reset();
        let (booted, model) = (self.booted?, after?.saturating_sub(before?));
        Some(Startup { ticks: booted + model, model })
    }

    fn serve_others(&mut self) {
        load::serve_task();
    }

    fn services_bytes(&self) -> usize {
        services::bytes()
    }

    fn measure(&mut self, work: &mut dyn FnMut()) -> Cost {
        let mark = self.stack.renew();
        load::begin();
        let (mut ticks, mut interrupts) = (0, None);
        load::within_task(&mut || {
            self.counter.start();
            work();
            ticks = self.counter.ticks();
            interrupts = load::interrupts();
        });
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
        services::damaged()
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
            "garbage" => port::Semihosting::open().write(b"\x1b[31mU-Boot 2024.01\n"),
            "exit" => semihosting::process::exit(0),
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
    let mut port = port::Semihosting::open();
    let code = match cortex_m::Peripherals::take() {
        Some(mut peripherals) => {
            stack::protect(&mut peripherals.MPU);
            let mut counter = Counter::new(peripherals.SYST);
            let mut core = Core { booted: counter.since_reset(), counter, stack: StackPaint::new() };
            serve(&mut port, &mut core, BUFFERS, ARENA)
        }
        None => 1,
    };
    semihosting::process::exit(code)
}
