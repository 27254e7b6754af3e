//! Leases on probes, as commands take them: at once, after a wait that is said, or not at all.

use std::time::Duration;

use deployctl_probe::Failure;
use deployctl_probe::lease::{self, Holder, Lease, Tried};

use super::Surroundings;
use crate::fetch::Home;
use crate::manifest::Moment;
use crate::ui::Event;

/// Between two looks at a lease that somebody else has.
const PATIENCE: Duration = Duration::from_millis(300);

/// Takes the lease of a probe for `job`; where another job has it, waits, or refuses where `no_wait` says so.
pub(super) fn take(serial: &str, job: &str, no_wait: bool, around: &Surroundings) -> Result<Lease, Failure> {
    let failed = |problem: String| Failure::Lease { serial: serial.to_owned(), problem };
    let folder = Home::from_env(&around.env).map_err(|error| failed(error.to_string()))?.leases();
    let since = Moment::of_unix_seconds(around.now).to_string();
    let holder = Holder { pid: std::process::id(), job: job.to_owned(), since };
    let mut is_said = false;
    loop {
        let other = match lease::take(folder.as_std_path(), serial, &holder)? {
            Tried::Taken(lease) => return Ok(lease),
            Tried::Held(other) => other,
        };
        if no_wait || around.supervisor.cancel.is_cancelled() {
            return Err(Failure::Held { serial: serial.to_owned(), holder: other.to_string() });
        }
        if !std::mem::replace(&mut is_said, true) {
            let text = format!("probe `{serial}` is in use by {other}: waiting for it (`--no-wait` refuses instead)");
            around.ui.show(&Event::Note { text });
        }
        std::thread::sleep(PATIENCE);
    }
}
