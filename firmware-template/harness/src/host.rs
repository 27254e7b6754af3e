//! The harness as a process: the session on standard input, the transcript on standard output.
//!
//! A process has no stack or counter worth gating: both are reported as `none`.

use std::io::{self, Read, Write};
use std::panic;
use std::process::ExitCode;

use harness::bench::current;
use harness::load::Load;
use harness::protocol::OrNone;
use harness::transport::LineBuffer;
use harness::{Buffers, Cost, GuardedArena, Platform, Port, Startup, serve};

/// Standard input and output.
struct Stdio;

impl Port for Stdio {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        io::stdin().lock().read(buffer).unwrap_or(0)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
            // Nobody listens any more.
            std::process::exit(1);
        }
    }
}

/// A machine on which only results count.
struct Process;

impl Platform for Process {
    fn start(&mut self, work: &mut dyn FnMut()) -> Option<Startup> {
        work();
        None
    }

    fn serve_others(&mut self) {}

    fn services_bytes(&self) -> usize {
        0
    }

    fn measure(&mut self, work: &mut dyn FnMut()) -> Cost {
        work();
        Cost { ticks: None, stack: None, interrupts: None }
    }

    fn count(&mut self, work: &mut dyn FnMut()) -> Option<u64> {
        work();
        None
    }

    fn load(&mut self, _: Load) -> bool {
        false
    }

    fn services_damaged(&self) -> bool {
        false
    }

    fn stack_total(&mut self) -> Option<usize> {
        None
    }

    fn stack_overflowed(&self) -> bool {
        false
    }

    #[cfg(feature = "faults")]
    fn provoke(&mut self, kind: &str) -> bool {
        match kind {
            "garbage" => Stdio.write(b"\x1b[31mU-Boot 2024.01\n"),
            "exit" => std::process::exit(0),
            _ => return false,
        }
        true
    }
}

/// Plays a session.
pub(crate) fn run() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        LineBuffer::new().send(&mut Stdio, format_args!("error panic operator={} {panic}", OrNone(current())));
    }));
    let code = serve(&mut Stdio, &mut Process, &mut Buffers::new(), &mut GuardedArena::new());
    if code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
