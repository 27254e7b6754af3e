//! The deployctl command.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = deployctl::tool::supervise(std::env::args_os()) {
        return ExitCode::from(code);
    }
    ExitCode::SUCCESS
}
