//! What keeps a session from being played: each with a code, what happened, and what to do.

/// Why there is no transcript. All of them are failures of what lies around the firmware, and say nothing about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Failure {
    #[error(
        "this build of deployctl has no probe support: install it with `cargo install --path deployctl --features probe`"
    )]
    NoSupport,
    #[error(
        "there is no debug probe: plug one in, and see with `deployctl boards --probes` whether this user may open it (on Linux, udev rules \
         of probe-rs)"
    )]
    NoProbe,
    #[error("there is no debug probe `{serial}`: {}", found(.have))]
    UnknownProbe { serial: String, have: Vec<String> },
    #[error("there are several debug probes, and none is chosen: name one with `--probe SERIAL`; {}", found(.have))]
    SeveralProbes { have: Vec<String> },
    #[error("probe `{serial}` is in use by {holder}: wait for it, or choose another board's with `--probe`")]
    Held { serial: String, holder: String },
    #[error("the lease of probe `{serial}` cannot be taken: {problem}; the folder must be writable")]
    Lease { serial: String, problem: String },
    #[error("the probe was lost while {doing}: {problem}; look at its cable and the board's power")]
    Unplugged { doing: &'static str, problem: String },
    #[error(
        "probe-rs knows no chip `{chip}`: {problem}; `runner \"probe\" chip=…` in the board's file names it as `probe-rs chip list` does"
    )]
    UnknownChip { chip: String, problem: String },
    #[error(
        "the probe is connected to `{found}`, and the board's file says `{wanted}`: connect the right board, or choose its probe with `--probe`"
    )]
    WrongChip { wanted: String, found: String },
    #[error(
        "the chip does not answer: {problem}; look at the board's power and the debug connector, and see whether the chip is locked \
         (`probe-rs erase` unlocks some, and erases them)"
    )]
    NoAnswer { problem: String },
    #[error(
        "the firmware could not be written: {problem}; look at the board's power, and whether its flash is protected"
    )]
    Flash { problem: String },
    #[error(
        "what was written is not what is there: {place}; write again, and where it stays so the flash is worn or protected"
    )]
    Verify { place: String },
    #[error("`{path}` is no firmware: {problem}; build it again")]
    Image { path: String, problem: String },
    #[error(
        "the firmware has no console for a probe (no symbol `_SEGGER_RTT`): it was built for a board with another runner; build it again"
    )]
    NoSymbol,
    #[error(
        "the firmware did not open its console within {seconds} s of its start: it does not run; hold the memory of the board's file against the \
         data sheet, and see whether its boot code wants more than it finds"
    )]
    NoConsole { seconds: u64 },
    #[error(
        "the firmware's console is damaged: {problem}; something overwrote it, or the board was reset at that moment"
    )]
    Console { problem: String },
    #[error("the time limit of {seconds} s passed, and {}; give it more with `--time-limit`, or look for what it waits for", after(.last))]
    TimedOut { seconds: u64, last: String },
    #[error("the session or the transcript has no other end: {problem}")]
    Pipe { problem: String },
}

/// What else there is to choose.
fn found(have: &[String]) -> String {
    if have.is_empty() { "there is none at all".to_owned() } else { format!("there are `{}`", have.join("`, `")) }
}

/// The last line before it.
fn after(last: &str) -> String {
    if last.is_empty() { "the firmware said nothing".to_owned() } else { format!("the last line was `{last}`") }
}

impl Failure {
    /// Exit code of a process whose session came to this.
    pub const EXIT: u8 = 75;

    /// What a failure's line on standard error begins with, before its code and another colon.
    pub const LINE: &str = "probe: ";

    /// A stable short name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSupport => "no-support",
            Self::NoProbe => "no-probe",
            Self::UnknownProbe { .. } => "unknown-probe",
            Self::SeveralProbes { .. } => "several-probes",
            Self::Held { .. } => "held",
            Self::Lease { .. } => "lease",
            Self::Unplugged { .. } => "unplugged",
            Self::UnknownChip { .. } => "unknown-chip",
            Self::WrongChip { .. } => "wrong-chip",
            Self::NoAnswer { .. } => "no-answer",
            Self::Flash { .. } => "flash",
            Self::Verify { .. } => "verify",
            Self::Image { .. } => "image",
            Self::NoSymbol => "no-symbol",
            Self::NoConsole { .. } => "no-console",
            Self::Console { .. } => "console",
            Self::TimedOut { .. } => "time-out",
            Self::Pipe { .. } => "pipe",
        }
    }

    /// The failure as a line of standard error.
    pub fn line(&self) -> String {
        format!("{}{}: {self}", Self::LINE, self.code())
    }

    /// Code and words of the last such line of a text.
    pub fn of_line(text: &str) -> Option<(&str, &str)> {
        text.lines().rev().find_map(|line| line.trim().strip_prefix(Self::LINE)?.split_once(": "))
    }

    /// Whether the same may go well a moment later: what is about cables and power, and never what somebody has to decide.
    pub fn is_worth_another_try(code: &str) -> bool {
        matches!(code, "unplugged" | "no-answer" | "flash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let failure = Failure::WrongChip { wanted: "a".into(), found: "b".into() };
        let text = format!("WARN something\n{}\n", failure.line());
        assert_eq!(Failure::of_line(&text), Some(("wrong-chip", failure.to_string().as_str())));
        assert_eq!(Failure::of_line("sh: not found"), None);
        assert!(!Failure::is_worth_another_try("wrong-chip") && Failure::is_worth_another_try("unplugged"));
    }

    #[test]
    fn what_there_is_to_choose_is_named() {
        let none = Failure::UnknownProbe { serial: "x".into(), have: vec![] };
        assert!(none.to_string().ends_with("there is none at all"));
        let some = Failure::SeveralProbes { have: vec!["1".into(), "2".into()] };
        assert!(some.to_string().ends_with("there are `1`, `2`"), "{some}");
    }
}
