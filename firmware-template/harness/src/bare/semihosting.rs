//! Semihosting's console.

use core::hint::assert_unchecked;
use core::mem::ManuallyDrop;

use semihosting::fd::{BorrowedFd, OwnedFd};
use semihosting::sys::arm_compat::{OpenMode, sys_open, sys_read_orig, sys_write_orig};

/// Standard input and output of the debugger or emulator; `None` where it has none. They are never closed: the session's end ends
/// the program.
pub(super) struct Semihosting {
    stdin: Option<ManuallyDrop<OwnedFd>>,
    stdout: Option<ManuallyDrop<OwnedFd>>,
}

/// The file without the crate's own check that it is open, which would put the path of the crate's source into the image.
fn borrowed(file: &OwnedFd) -> BorrowedFd<'_> {
    let fd = file.as_raw_fd();
    // SAFETY: the file is open while `file` is borrowed, and an `OwnedFd` is never -1.
    unsafe {
        assert_unchecked(fd != -1);
        BorrowedFd::borrow_raw(fd)
    }
}

impl Semihosting {
    pub(super) fn open() -> Self {
        let console = |mode| sys_open(c":tt", mode).ok().map(ManuallyDrop::new);
        Self { stdin: console(OpenMode::RDONLY), stdout: console(OpenMode::WRONLY_TRUNC) }
    }

    /// Waits for bytes and reads at least one; zero where there are no more.
    pub(super) fn read(&self, buffer: &mut [u8]) -> usize {
        let len = buffer.len();
        let left = self.stdin.as_ref().and_then(|file| sys_read_orig(borrowed(file), buffer).ok());
        left.map_or(0, |left| len.saturating_sub(left))
    }

    /// Writes all bytes, as far as there is somebody to read them.
    pub(super) fn write(&self, bytes: &[u8]) {
        let Some(file) = &self.stdout else { return };
        let mut rest = bytes;
        while !rest.is_empty() {
            match sys_write_orig(borrowed(file), rest) {
                Ok(left) if left < rest.len() => rest = &rest[rest.len() - left..],
                _ => return,
            }
        }
    }
}
