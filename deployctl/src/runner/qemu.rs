//! QEMU's full-system emulator as a target.
//!
//! `-icount shift=0` ties the virtual clock to the instruction count, one nanosecond each, so the same image and session
//! give the same transcript to the byte. Nothing of the user's QEMU configuration is read.

use camino::Utf8Path;

use super::Command;

/// How the harness is started on `machine`: semihosting reads the session from standard input.
pub fn harness_command(qemu: &Utf8Path, machine: &str, harness: &Utf8Path) -> Command {
    let mut command = bare_command(qemu, machine, harness);
    command.args.extend(["-semihosting-config", "enable=on,target=native"].map(Into::into));
    command
}

/// How the app is started on `machine`: without semihosting, its monitor on the socket `monitor` in the working directory.
pub fn app_command(qemu: &Utf8Path, machine: &str, app: &Utf8Path, folder: &Utf8Path, monitor: &str) -> Command {
    let mut command = bare_command(qemu, machine, app);
    command.args.extend(["-qmp".into(), format!("unix:{monitor},server=on,wait=off")]);
    command.cwd = Some(folder.to_owned());
    command
}

fn bare_command(qemu: &Utf8Path, machine: &str, image: &Utf8Path) -> Command {
    let mut args: Vec<String> = ["-M", machine].map(Into::into).into();
    args.extend(["-no-user-config", "-nodefaults", "-display", "none"].map(Into::into));
    args.extend(["-serial", "none", "-monitor", "none", "-icount", "shift=0"].map(Into::into));
    args.extend(["-kernel".into(), image.to_string()]);
    Command { program: qemu.to_owned(), args, cwd: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_the_documented_one() {
        let command = harness_command("/usr/bin/qemu-system-arm".into(), "mps2-an386", "harness".into());
        assert_eq!(
            command.args.join(" "),
            "-M mps2-an386 -no-user-config -nodefaults -display none -serial none -monitor none -icount shift=0 \
             -kernel harness -semihosting-config enable=on,target=native"
        );
    }
}
