//! What people are told about each failure signature: how it shows, what it means, what to look at, what to do. The one
//! table for error messages, runbooks and documentation.
//!
//! Knows words; how a signature is recognised is `signature`'s business.

use serde::Serialize;

/// Where in a transcript a signature shows: what its last line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// An `error` line, which names the signature.
    ErrorLine,
    /// As a rule `bye`: what the lines say is wrong.
    Lines,
    /// Any other line, or none: the session did not come to its end.
    NoEnd,
}

/// One failure signature, for people. Sentences are Markdown, without a final full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Guide {
    /// The short name.
    pub code: &'static str,
    /// Whether only boards and emulators show it, not the host.
    pub boards_only: bool,
    /// Where it shows.
    pub shows: Shows,
    /// How it shows in a transcript.
    pub sign: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// What to look at.
    pub check: &'static str,
    /// What to look at beside that where an emulator stands in for the board; empty where nothing.
    pub emulator: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// Every signature, the likely ones of a first bring-up first.
pub const GUIDES: [Guide; 18] = [
    WRONG_IMAGE,
    SILENT,
    GARBAGE,
    PROTOCOL,
    OUT_OF_ORDER,
    DIED,
    TIME_OUT,
    RESET,
    FAULT,
    PANIC,
    STACK_OVERFLOW,
    GUARD_LOW,
    GUARD_HIGH,
    SERVICES_DAMAGED,
    INTERRUPT,
    INTERRUPT_STORM,
    MISMATCH,
    NONDETERMINISM,
];

pub(super) const WRONG_IMAGE: Guide = Guide {
    code: "wrong-image",
    boards_only: false,
    shows: Shows::ErrorLine,
    sign: "`error wrong-image have=… want=…` after `boot`",
    meaning: "the image that runs was built from something else than the session that it is given",
    check: "`have` is the build digest of the image, `want` that of the session: which of them is the one of this build",
    emulator: "",
    fix: "run the harness of this build with the session of this build, from one folder",
};

pub(super) const SILENT: Guide = Guide {
    code: "silent",
    boards_only: false,
    shows: Shows::NoEnd,
    sign: "it ended by itself, without a line",
    meaning: "the target ended, or never reached the harness",
    check: "the exit code, and what the system printed beside the transcript",
    emulator: "exit code 134 and `Lockup`: the wrong machine (`-M`), an image that is none, or semihosting that is not enabled \
               (`-semihosting-config`); exit code 1: the emulator says which file or machine it cannot find",
    fix: "see that the file is whole, is `harness.elf`, and was built for this machine and core; for whoever has `deployctl`: \
          `deployctl doctor` checks the tools",
};

pub(super) const GARBAGE: Guide = Guide {
    code: "garbage",
    boards_only: false,
    shows: Shows::Lines,
    sign: "a line that does not end with ` *` and the eight hexadecimal digits of its check word",
    meaning: "something came that no harness sends, or a line was damaged on its way",
    check: "whether a boot loader, a logger or a terminal uses the same console, and at which speed",
    emulator: "",
    fix: "keep the console to the harness, then play the session again",
};

pub(super) const PROTOCOL: Guide = Guide {
    code: "protocol",
    boards_only: false,
    shows: Shows::ErrorLine,
    sign: "`error protocol` and what the harness did not like",
    meaning: "a line of the session was damaged, unknown or out of order when it reached the harness",
    check: "whether the session file is whole; whether a second line `boot` stands above, for then it is `reset`; whether something \
            between host and target drops or changes bytes",
    emulator: "",
    fix: "play the session file unchanged; on a serial line, look at its speed and flow control",
};

pub(super) const OUT_OF_ORDER: Guide = Guide {
    code: "out-of-order",
    boards_only: false,
    shows: Shows::Lines,
    sign: "a good line where another one belongs",
    meaning: "lines were lost on the way, or harness and session are of different versions",
    check: "whether the same line is missing when the session is played again",
    emulator: "",
    fix: "write the transcript to a file, not through a terminal; then play the session again",
};

pub(super) const DIED: Guide = Guide {
    code: "died",
    boards_only: false,
    shows: Shows::NoEnd,
    sign: "it ended by itself before `bye`, and the last line is no `error`",
    meaning: "the target died without last words",
    check: "the last line: what comes next in the recorded transcript is what the target died of",
    emulator: "`Lockup` in what it printed is a fault while a fault is handled",
    fix: "run that operator under a debugger, with a breakpoint on its function",
};

pub(super) const TIME_OUT: Guide = Guide {
    code: "time-out",
    boards_only: false,
    shows: Shows::NoEnd,
    sign: "it did not end by itself: you stopped it, or a build's time limit did",
    meaning: "the machine is too slow or too busy, or the target hangs; it is not held against the firmware",
    check: "the last line, on two tries",
    emulator: "not one line, and no end: most likely `app.elf` in the place of `harness.elf`, for the app does not speak the protocol \
               and never ends; else a machine of another kind (`-M`)",
    fix: "try again; if it ends at the same line, the target hangs in what comes next: run that under a debugger",
};

pub(super) const RESET: Guide = Guide {
    code: "reset",
    boards_only: true,
    shows: Shows::Lines,
    sign: "a second line `boot`",
    meaning: "the target restarted within the session",
    check: "the line before it: always the same one is the firmware, a changing one is the board",
    emulator: "",
    fix: "look for a watchdog, a brown-out or a reset line that floats",
};

pub(super) const FAULT: Guide = Guide {
    code: "fault",
    boards_only: true,
    shows: Shows::ErrorLine,
    sign: "`error fault operator=… pc=… lr=… cfsr=… hfsr=… address=…`",
    meaning: "the processor took a fault; `cfsr` says which: bits 0 to 7 forbidden memory, 8 to 15 bus, 16 undefined \
              instruction, 17 invalid state, 19 coprocessor or floating-point unit off, 20 stack pointer below its limit, 24 unaligned access, 25 division by zero",
    check: "first whether the files are whole (step 0 of the runbook); then the place in the code, `arm-none-eabi-addr2line -f -e \
            harness.elf 0x` followed by `pc`: the function, and for Rust code the line; then `address`, where there is one",
    emulator: "`cfsr=00080000` is bit 19, the machine has no floating-point unit: a wrong `-M`; `cfsr=00010000` is bit 16, its core \
               does not know the instruction: a wrong `-M`, or a damaged image",
    fix: "see which core the image was built for, if the instruction is undefined or the coprocessor off; else compare `address` with the board's memory",
};

pub(super) const PANIC: Guide = Guide {
    code: "panic",
    boards_only: false,
    shows: Shows::ErrorLine,
    sign: "`error panic operator=… panicked at …`",
    meaning: "Rust code on the target found a mistake: a defect of the firmware, not of the board",
    check: "file and line in the message",
    emulator: "",
    fix: "report it with the transcript to the owner of the deployment",
};

pub(super) const STACK_OVERFLOW: Guide = Guide {
    code: "stack-overflow",
    boards_only: true,
    shows: Shows::ErrorLine,
    sign: "`error stack-overflow operator=…`",
    meaning: "the stack reached the end of its memory; where the core has neither a stack limit nor an MPU (M0, M0+, M23), it may \
              have damaged what lies beside it",
    check: "the board's RAM, less static RAM, against the stack that this build is known to use",
    emulator: "",
    fix: "for whoever has the board's file: give its RAM region more room, or take static data out of the firmware",
};

pub(super) const GUARD_LOW: Guide = Guide {
    code: "guard-low",
    boards_only: false,
    shows: Shows::ErrorLine,
    sign: "`error guard-low operator=…`",
    meaning: "something wrote before the start of the arena",
    check: "whether it is the same operator each time: then it is that operator's kernel or place, else an interrupt or DMA",
    emulator: "",
    fix: "report operator and kernel to the owner of the kernels; who has the manifest goes round the kernel with \
          `kernels { use \"op:N\" kernel=\"reference\" reason=\"…\" }`",
};

pub(super) const GUARD_HIGH: Guide = Guide {
    code: "guard-high",
    boards_only: false,
    shows: Shows::ErrorLine,
    sign: "`error guard-high operator=…`",
    meaning: "something wrote past the end of the arena",
    check: "that operator's scratch buffer in the memory plan, and whether the stack grew down into the arena",
    emulator: "",
    fix: "report operator and kernel to the owner of the kernels; who has the manifest goes round the kernel with \
          `kernels { use \"op:N\" kernel=\"reference\" reason=\"…\" }`",
};

pub(super) const SERVICES_DAMAGED: Guide = Guide {
    code: "services-damaged",
    boards_only: true,
    shows: Shows::ErrorLine,
    sign: "`error services-damaged operator=…` in a run under load",
    meaning: "something wrote into the memory that the manifest's `services` leave to other firmware",
    check: "whether the stack, which lies right below that memory, or a kernel writes there: the guards around the arena say which",
    emulator: "",
    fix: "report it to the owner of the deployment; the memory is `_services_start` to `_services_end` in `memory.x`",
};

pub(super) const INTERRUPT: Guide = Guide {
    code: "interrupt",
    boards_only: true,
    shows: Shows::ErrorLine,
    sign: "`error interrupt line=… operator=…`",
    meaning: "an interrupt came for which the harness has no handler: a peripheral was left switched on by a boot loader, or the \
              board's file gives a timer another interrupt line than it has",
    check: "the line in the chip's vector table, against the `timer` lines of `deployctl boards show`",
    emulator: "",
    fix: "correct `line` of the timer in the board's file, or have the boot loader switch its peripherals off",
};

pub(super) const INTERRUPT_STORM: Guide = Guide {
    code: "interrupt-storm",
    boards_only: true,
    shows: Shows::ErrorLine,
    sign: "`error interrupt-storm line=… operator=…` in a run under load",
    meaning: "interrupts take all of the processor: each comes again before its handler has ended, a thousand times in a row",
    check: "how often that line interrupts, and how long its handler takes; together they must stay below the share that the \
            manifest's `services` declare",
    emulator: "",
    fix: "let the timer interrupt less often, or its handler do less; for a run of `deployctl`, lower `cpu` in `services`",
};

pub(super) const MISMATCH: Guide = Guide {
    code: "mismatch",
    boards_only: false,
    shows: Shows::Lines,
    sign: "an `op` or `output` line that is good but not the recorded one",
    meaning: "from the first such operator on, the target computes something else than the host reference",
    check: "first whether the files are whole (step 0 of the runbook): one damaged weight looks like this; then only the first \
            differing operator, for those after it read its wrong tensor",
    emulator: "",
    fix: "report operator and kernel to the owner of the kernels; who has the manifest goes round the kernel with \
          `kernels { use \"op:N\" kernel=\"reference\" reason=\"…\" }`",
};

pub(super) const NONDETERMINISM: Guide = Guide {
    code: "nondeterminism",
    boards_only: false,
    shows: Shows::Lines,
    sign: "two plays of the session give different `op` or `output` lines",
    meaning: "a kernel reads memory that nothing wrote, or something beside the model writes to the arena",
    check: "the first operator whose line changes",
    emulator: "",
    fix: "report that operator and its kernel to the owner of the kernels; on a board, switch interrupts and DMA off and play again",
};

/// The guide with this code.
#[cfg(test)]
pub(super) fn guide(code: &str) -> Option<&'static Guide> {
    GUIDES.iter().find(|guide| guide.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_has_all_its_words() {
        for entry in &GUIDES {
            assert_eq!(GUIDES.iter().filter(|other| other.code == entry.code).count(), 1, "{}", entry.code);
            let words = [entry.sign, entry.meaning, entry.check, entry.fix];
            assert!(words.iter().all(|words| !words.is_empty()), "{}", entry.code);
            for words in words.into_iter().chain([entry.emulator]) {
                assert!(!words.ends_with('.') && !words.contains('|'), "{}: {words}", entry.code);
                assert!(words.matches('`').count().is_multiple_of(2), "{}: {words}", entry.code);
            }
        }
    }
}
