//! The project's README: how to read, build, run and debug it without deployctl.

use std::fmt::Write as _;

use super::Input;
use super::project::uses_cmsis_nn;
use super::source::comment;
use crate::model::OperatorId;
use crate::model::lower::Call;

pub(super) fn readme(input: &Input<'_>) -> String {
    let model = &input.model;
    let names = (comment(model.deployment), comment(model.version), comment(&input.board.name));
    let mut text = format!(
        "# {} {} on {}\n\nFirmware that runs one neural network. An ordinary Cargo workspace, written by deployctl; it builds without it.\n\n\
         | | |\n|---|---|\n| build | {} |\n| core | {} |\n| operators | {} |\n| arena | {} bytes |\n\n",
        names.0,
        names.1,
        names.2,
        comment(model.digest),
        comment(&input.board.core),
        model.steps.len(),
        model.arena,
    );
    text += "## What is where\n\n\
         * `model/`: the network. `src/lib.rs` has one function an operator, `src/parameters.rs` the numbers, `weights/` the filters.\n\
         * `app/`: the production skeleton: start there to build a product.\n\
         * `harness/`: a second binary that runs the network step by step for a host that compares and measures.\n\
         * `capi/`: the network as a static library for C and C++; deployctl packs it with its header into `c/`, beside this project.\n\
         * `kernels/`: reference kernels and the types of all parameters.\n\
         * `preprocess/`: the steps that stand around a network; compiled only if this one has any.\n\
         * `cmsis-nn/`: bindings to CMSIS-NN; compiled only if the network uses it.\n";
    if model.steps.iter().any(|step| matches!(step.call, Call::Own(_))) {
        text += "* `own/`: kernels that the deployment brings along; their `Cargo.toml` is generated.\n";
    }
    text += "\n\
         `model/` is generated: a change there is lost with the next build. The other crates are yours to change in a copy.\n\n";
    text += &build(input);
    text += &debug(input);
    text += "## Operators\n\n| op | operator | kernel |\n|---:|---|---|\n";
    for (position, (step, kernel)) in model.steps.iter().zip(model.kernels).enumerate() {
        let operator = comment(&model.graph.operators[step.operator.0].name);
        let no_kernel = matches!(step.call, Call::Reshape | Call::If { .. } | Call::While { .. });
        let by = if no_kernel { "none".to_owned() } else { comment(kernel.symbol) };
        let _ = writeln!(text, "| {} | {operator} | {by} |", model.graph.label(OperatorId(position)));
    }
    text
}

fn build(input: &Input<'_>) -> String {
    let mut text = String::from("## Build\n\n");
    if let Some(target) = &input.board.rust_target {
        let _ = write!(text, "Once: `rustup target add {target}`");
        if uses_cmsis_nn(&input.model) {
            text +=
                ", and an Arm C compiler (`apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi`) for CMSIS-NN";
        }
        text += ".\n\n";
    }
    text += "```console\n$ cargo build --release --locked --offline\n```\n\n";
    if let Some(library) = input.library.filter(|_| uses_cmsis_nn(&input.model)) {
        let _ = write!(text, "{} is compiled from {}.", comment(library.name), comment(library.root));
        text += " Other sources: change `cmsis-nn/cmsis-nn.sources`.\n\n";
    }
    if let Some(vendor) = input.vendor {
        let _ = write!(text, "Crates come from {}, no network is used. ", comment(vendor));
        text += "`deployctl export` copies everything that lies outside into the project.\n\n";
    }
    text
}

fn debug(input: &Input<'_>) -> String {
    let Some(target) = &input.board.rust_target else {
        return "## Run and debug\n\n`cargo run --release -p harness` speaks the harness's line protocol on standard input and output;\n\
                `gdb target/release/harness` debugs it. `model::CURRENT` is the index of the operator that runs.\n\n"
            .to_owned();
    };
    let mut text = String::from("## Run and debug\n\n");
    if let Some(machine) = &input.board.machine {
        let _ = write!(
            text,
            "`cargo run --release -p harness` runs the harness in the emulator and speaks its line protocol. To debug it:\n\n\
             ```console\n\
             $ qemu-system-arm -M {machine} -display none -semihosting-config enable=on,target=native -S -gdb tcp::3333 \\\n\
             \x20     -kernel target/{target}/release/harness\n\
             $ gdb-multiarch target/{target}/release/harness -ex 'target remote :3333' -ex 'break model::invoke' -ex continue\n\
             ```\n\n"
        );
    }
    if let Some(chip) = &input.board.chip {
        let _ = write!(
            text,
            "`cargo run --release -p app` writes the app to the board through a debug probe and starts it; it needs `probe-rs`\n\
             (`cargo install probe-rs-tools`). To debug it:\n\n\
             ```console\n\
             $ probe-rs gdb --chip {chip} target/{target}/release/app\n\
             $ gdb-multiarch target/{target}/release/app -ex 'target remote :1337' -ex 'break model::invoke' -ex continue\n\
             ```\n\n"
        );
    }
    text += "`print model::CURRENT` is the index of the operator that runs, 4294967295 when none does; each operator is a function of\n\
             its own (`model::op_0_…`), so a backtrace and a breakpoint name it.\n\n";
    text
}
