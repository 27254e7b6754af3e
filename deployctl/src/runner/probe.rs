//! A board behind a debug probe as a target: the process that plays a session with it.
//!
//! It is this program's own `probe run`, or another that takes and gives the same: a laboratory's, that reaches boards elsewhere. What
//! it says when it could not play is told apart here; what it does, the crate `deployctl-probe` knows.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_probe::Failure;

use super::{Command, Ended};

/// The process that reaches boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The program.
    pub program: Utf8PathBuf,
    /// Whether it is this one.
    pub is_own: bool,
    /// Serial number of the probe, where one is named.
    pub probe: Option<String>,
}

/// More time than a session has: for writing the image, and reading it back.
const WRITING: Duration = Duration::from_mins(5);

impl Reach {
    /// How a session with `image` on `chip` is played, and the longest that it may take in all.
    pub fn command(&self, chip: &str, image: &Utf8Path, limit: Duration) -> (Command, Duration) {
        let mut args: Vec<String> = if self.is_own { vec!["probe".into()] } else { vec![] };
        args.extend(["run".into(), "--chip".into(), chip.into()]);
        args.extend(self.probe.iter().flat_map(|serial| ["--probe".into(), serial.clone()]));
        args.extend(["--time-limit".into(), limit.as_secs().to_string()]);
        args.extend(self.is_own.then(|| "--leased".into()));
        args.push(image.to_string());
        (Command { program: self.program.clone(), args, cwd: None }, limit + WRITING)
    }
}

/// How a person plays a session with `image` on `chip`.
pub fn by_hand(chip: &str, image: &Utf8Path) -> Command {
    let args = ["probe", "run", "--chip", chip, image.as_str()].map(str::to_owned).to_vec();
    Command { program: Utf8PathBuf::from("deployctl"), args, cwd: None }
}

/// Why there is no transcript.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Unplayed {
    /// [`Failure::code`], or `program` where the program said nothing of that kind.
    pub code: String,
    /// What happened, and what to do.
    pub text: String,
}

impl Unplayed {
    /// Whether another try may go well.
    pub fn is_worth_another_try(&self) -> bool {
        Failure::is_worth_another_try(&self.code)
    }
}

/// The exit code of a session that was played, with the firmware's last word; or why it was not.
pub fn played(ended: &Ended) -> Result<i32, Unplayed> {
    let said = String::from_utf8_lossy(&ended.stderr);
    let unplayed = |code: &str, text: String| Unplayed { code: code.to_owned(), text };
    if let Some((code, text)) = Failure::of_line(&said) {
        return Err(unplayed(code, text.to_owned()));
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    match ended.code {
        Some(code @ (0 | 1)) => Ok(code),
        _ if ended.timed_out => {
            let text =
                "the program that reaches the board did not end; end what it waits for, and try again".to_owned();
            Err(unplayed("program", text))
        }
        Some(code) => Err(unplayed(
            "program",
            format!(
                "the program that reaches the board ended with exit code {code}: {last}; a session ends with 0 or 1"
            ),
        )),
        None => Err(unplayed("program", format!("the program that reaches the board was ended by a signal: {last}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: Option<i32>, stderr: &str) -> Ended {
        Ended { code, stderr: stderr.into(), ..Ended::default() }
    }

    #[test]
    fn the_command_line_is_the_documented_one() {
        let reach = |is_own| Reach { program: "/bin/p".into(), is_own, probe: Some("066EFF".into()) };
        let line = |is_own| {
            let (command, limit) = reach(is_own).command("STM32F446RETx", "harness.elf".into(), Duration::from_mins(1));
            assert_eq!(limit, Duration::from_mins(6));
            command.args.join(" ")
        };
        assert_eq!(line(true), "probe run --chip STM32F446RETx --probe 066EFF --time-limit 60 --leased harness.elf");
        assert_eq!(line(false), "run --chip STM32F446RETx --probe 066EFF --time-limit 60 harness.elf");
    }

    #[test]
    fn what_could_not_be_played_is_told_from_what_ended_badly() {
        assert_eq!(played(&ended(Some(0), "")), Ok(0));
        assert_eq!(played(&ended(Some(1), "WARN slow probe\n")), Ok(1));
        let lost = played(&ended(Some(75), "WARN\nprobe: unplugged: the probe was lost\n")).unwrap_err();
        assert_eq!((lost.code.as_str(), lost.text.as_str()), ("unplugged", "the probe was lost"));
        assert!(lost.is_worth_another_try());
        // Whatever the exit code: a failure that is said is none of the firmware's.
        assert!(played(&ended(Some(0), "probe: wrong-chip: another one")).is_err());
        let strange = played(&ended(Some(127), "sh: lab: not found\n")).unwrap_err();
        assert!(strange.text.contains("exit code 127: sh: lab: not found") && !strange.is_worth_another_try());
        assert_eq!(played(&ended(None, "")).unwrap_err().code, "program");
    }
}
