//! The deployctl command: the process around [`deployctl::run`].

use std::io::{BufReader, IsTerminal, stderr, stdin};
use std::process::ExitCode;
use std::time::SystemTime;

use camino::Utf8PathBuf;
use deployctl::manifest::Date;
use deployctl::tool::{Cancel, RUSTC_ARGUMENTS, Supervisor, supervise, wrap};

fn main() -> ExitCode {
    let hidden = || wrap(std::env::args_os(), std::env::var_os(RUSTC_ARGUMENTS));
    if let Some(code) = supervise(std::env::args_os()).or_else(hidden) {
        return ExitCode::from(code);
    }
    let (cancel, engine_cancel) = (Cancel::default(), deployctl_cache::Cancel::default());
    let on_interrupt = (cancel.clone(), engine_cancel.clone());
    // Without a handler an interrupt still ends the process, and the supervisors end the tools.
    drop(ctrlc::set_handler(move || {
        on_interrupt.0.cancel();
        on_interrupt.1.cancel();
    }));
    let cwd = std::env::current_dir().ok().and_then(|folder| Utf8PathBuf::from_path_buf(folder).ok());
    let io = deployctl::Io {
        out: Box::new(anstream::stdout()),
        err: Box::new(anstream::stderr()),
        today: Date::of_unix_seconds(now()),
        now: now(),
        terminal: stderr().is_terminal(),
        cwd: cwd.unwrap_or_default(),
        env: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        answers: (stdin().is_terminal() && stderr().is_terminal()).then(|| Box::new(BufReader::new(stdin())) as Box<_>),
        supervisor: Supervisor::current_exe(cancel.clone()).unwrap_or_else(|_| Supervisor::absent(cancel)),
        engine_cancel,
    };
    ExitCode::from(deployctl::run(std::env::args_os(), io))
}

/// Seconds since 1970 by this machine's clock; none where the clock is before that.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
