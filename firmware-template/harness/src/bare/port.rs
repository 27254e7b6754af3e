//! The console that the board's file names, as a port: semihosting's where a debugger or emulator has one, else a probe's.
//!
//! Which one is a constant, so that the other is not in the image.

use harness::Port;
use harness::board::WIRE;
use harness::transport::Wire;

use super::rtt;
use super::semihosting::Semihosting;

/// The console.
pub(super) struct Console(Option<Semihosting>);

impl Console {
    pub(super) fn open() -> Self {
        match WIRE {
            Wire::Semihosting => Self(Some(Semihosting::open())),
            Wire::Rtt => {
                rtt::open();
                Self(None)
            }
        }
    }
}

impl Port for Console {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        match WIRE {
            Wire::Semihosting => self.0.as_ref().map_or(0, |console| console.read(buffer)),
            Wire::Rtt => rtt::read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        match WIRE {
            // A console that is gone cannot be told of it.
            Wire::Semihosting => self.0.as_ref().map_or((), |console| console.write(bytes)),
            Wire::Rtt => rtt::write(bytes),
        }
    }
}

/// Ends the session with this exit code.
pub(super) fn end(code: i32) -> ! {
    match WIRE {
        Wire::Semihosting => semihosting::process::exit(code),
        Wire::Rtt => rtt::end(code),
    }
}
