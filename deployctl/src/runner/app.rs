//! The app in the emulator: how much stack it has used after some inferences.
//!
//! The app never stops for a debugger. It paints its stack at reset and counts inferences; both are read from outside,
//! through the emulator's monitor, while it runs. The mark is deepest use since reset, so it does not depend on when it is
//! read once every path has been taken.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use object::{Object, ObjectSymbol};
use serde_json::{Value, json};

use super::{RunnerError, Signature, Start, qemu};

/// What `cortex-m-rt` paints the stack with.
const PAINT: u32 = 0xcccc_cccc;
/// The emulator's monitor, in the scratch folder.
const MONITOR: &str = "monitor";
/// The stack's memory, in the scratch folder.
const STACK_FILE: &str = "stack.bin";
/// Between two looks at the monitor or at the counter of inferences.
const POLL: Duration = Duration::from_millis(5);

/// What is run, and until when.
#[derive(Clone, Copy, Debug)]
pub struct App<'a> {
    /// QEMU's binary.
    pub qemu: &'a Utf8Path,
    /// The emulated machine.
    pub machine: &'a str,
    /// The app's ELF file.
    pub image: &'a Utf8Path,
    /// A folder for the monitor's socket and the memory image; left to the caller to remove.
    pub scratch: &'a Utf8Path,
    /// Inferences to wait for; two see every path of a loop.
    pub inferences: u32,
    /// After this much real time the machine is to blame.
    pub limit: Duration,
}

/// Where in the target's memory the answers are.
#[derive(Clone, Copy, Debug)]
struct Places {
    inferences: u64,
    stack_end: u64,
    stack_start: u64,
}

/// Runs the app and gives the most bytes of stack it has used.
pub fn stack_used(starter: &dyn Start, app: &App<'_>) -> Result<usize, RunnerError> {
    let places = Places::of(app.image)?;
    let command = qemu::app_command(app.qemu, app.machine, app.image, app.scratch, MONITOR);
    let watched = thread::scope(|scope| {
        let emulator = scope.spawn(|| starter.start(&command, &[], app.limit));
        let watched = watch(app, places, || emulator.is_finished());
        let ended = emulator.join().unwrap_or_else(|_| Err(io::Error::other("the starter panicked")));
        let ended = ended.map_err(|source| RunnerError::Start { program: app.qemu.to_owned(), source })?;
        match watched {
            Err(_) if ended.timed_out => Err(Signature::TimedOut { after: String::new() }.into()),
            Err(source) => {
                let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
                Err(RunnerError::Monitor { problem: format!("{source} {said}").trim().to_owned() })
            }
            Ok(()) => Ok(()),
        }
    });
    watched?;
    let file = app.scratch.join(STACK_FILE);
    let stack = fs::read(&file).map_err(|source| RunnerError::Monitor { problem: format!("`{file}`: {source}") })?;
    Ok(high_water(&stack))
}

/// Bytes above the painted ones. The stack grows down, so its end comes first.
fn high_water(stack: &[u8]) -> usize {
    let painted = stack.chunks_exact(4).take_while(|word| *word == PAINT.to_le_bytes()).count();
    stack.len() - 4 * painted
}

/// Waits for the inferences, saves the stack's memory and ends the emulator.
fn watch(app: &App<'_>, places: Places, gone: impl Fn() -> bool) -> io::Result<()> {
    let begin = Instant::now();
    let mut monitor = loop {
        match Monitor::connect(app.scratch) {
            Ok(monitor) => break monitor,
            Err(error) if gone() || begin.elapsed() > app.limit => return Err(error),
            Err(_) => thread::sleep(POLL),
        }
    };
    while monitor.word(places.inferences)? < app.inferences {
        thread::sleep(POLL);
    }
    monitor.ask("stop", &json!({}))?;
    // Addresses as the core sees them: a machine may have its memory in the core's own space, or under a secure alias.
    let size = places.stack_start - places.stack_end;
    monitor.ask("memsave", &json!({ "val": places.stack_end, "size": size, "filename": STACK_FILE }))?;
    monitor.ask("quit", &json!({}))?;
    Ok(())
}

/// QEMU's machine protocol: one JSON object a line.
struct Monitor(BufReader<UnixStream>);

impl Monitor {
    fn connect(folder: &Utf8Path) -> io::Result<Self> {
        // A socket's address holds about a hundred bytes, a folder's path may be longer: go through its descriptor.
        let open = fs::File::open(folder)?;
        let address = format!("/proc/self/fd/{}/{MONITOR}", open.as_raw_fd());
        let mut monitor = Self(BufReader::new(UnixStream::connect(address)?));
        monitor.ask("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Gives a command and returns its answer; greetings and events in between are passed over.
    fn ask(&mut self, command: &str, arguments: &Value) -> io::Result<Value> {
        let request = json!({ "execute": command, "arguments": arguments });
        self.0.get_mut().write_all(format!("{request}\n").as_bytes())?;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::Error::other(format!("gone before it answered `{command}`")));
            }
            let mut answer: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
            if let Some(error) = answer.get("error") {
                return Err(io::Error::other(format!("`{command}`: {error}")));
            }
            if let Some(result) = answer.get_mut("return") {
                return Ok(result.take());
            }
        }
    }

    /// The 32-bit word at an address of the target.
    fn word(&mut self, address: u64) -> io::Result<u32> {
        let answer = self.ask("human-monitor-command", &json!({ "command-line": format!("xp /1xw {address}") }))?;
        let text = answer.as_str().unwrap_or_default();
        let word = text.trim().rsplit_once("0x").and_then(|(_, digits)| u32::from_str_radix(digits, 16).ok());
        word.ok_or_else(|| io::Error::other(format!("no memory at {address:#x}: `{}`", text.trim())))
    }
}

impl Places {
    fn of(image: &Utf8Path) -> Result<Self, RunnerError> {
        let problem = |problem: String| RunnerError::Image { path: image.to_owned(), problem };
        let bytes = fs::read(image).map_err(|error| problem(error.to_string()))?;
        let elf = object::File::parse(&*bytes).map_err(|error| problem(error.to_string()))?;
        let address = |name: &str| {
            let symbol = elf.symbols().find(|symbol| symbol.name() == Ok(name));
            symbol.map(|symbol| symbol.address()).ok_or_else(|| problem(format!("no symbol `{name}`")))
        };
        let places = Self {
            inferences: address("INFERENCES")?,
            stack_end: address("_stack_end")?,
            stack_start: address("_stack_start")?,
        };
        match places.stack_start.checked_sub(places.stack_end) {
            Some(1..=0x4000_0000) => Ok(places),
            _ => Err(problem("the stack has no memory between `_stack_end` and `_stack_start`".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_in_the_middle_of_use_does_not_hide_what_lies_deeper() {
        let words = [PAINT, PAINT, 7, PAINT, PAINT, 9];
        let stack: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(high_water(&stack), 16);
        assert_eq!(high_water(&stack[..8]), 0);
    }
}
