//! Semihosting's console as a port.

use harness::Port;
use semihosting::io::{self, Read, Stdin, Stdout, Write};

/// Standard input and output of the debugger or emulator.
pub(super) struct Semihosting {
    stdin: io::Result<Stdin>,
    stdout: io::Result<Stdout>,
}

impl Semihosting {
    pub(super) fn open() -> Self {
        Self { stdin: io::stdin(), stdout: io::stdout() }
    }
}

impl Port for Semihosting {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        self.stdin.as_mut().ok().and_then(|stdin| stdin.read(buffer).ok()).unwrap_or(0)
    }

    fn write(&mut self, bytes: &[u8]) {
        // A console that is gone cannot be told of it.
        let _ = self.stdout.as_mut().map(|stdout| stdout.write_all(bytes));
    }
}
