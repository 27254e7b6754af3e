//! The library for C and C++: a program that links two of them gives the host reference's outputs, here and on an emulated
//! board.

use std::fmt::Write as _;
use std::process::{Command, Output};

use camino::Utf8PathBuf;
use deployctl::{model, vectors};

use crate::space::{NAME, Space};
use crate::state;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/c");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/c-library.md");
/// What newlib and the compiler ask for on the emulated board.
const BOARD: [&str; 4] = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];

/// Both deployments, built, with a program's sources in `program/`.
fn space(board: &str) -> Option<Space> {
    let space = Space::built(board)?;
    state::add_model(&space);
    space.write("models/labels.txt", b"a\nb\nc\"?\xc3\xa9\n");
    space.write("manifests/state.kdl", state::MANIFEST.replace("TARGET", board));
    space.edit(NAME, "zero-point=-128 }", "zero-point=-128; labels \"../models/labels.txt\" }");
    space.run("build").succeeded();
    let mut data = String::new();
    for (name, inputs) in [("sample", random("sample")), ("state", recorded())] {
        let expectation = std::fs::read(space.path(&format!("out/{name}/{board}/expectation.json"))).unwrap();
        let expectation: serde_json::Value = serde_json::from_slice(&expectation).unwrap();
        let outputs = expectation["vectors"].as_array().unwrap().iter().map(|vector| {
            let output: Vec<i8> = serde_json::from_value(vector["outputs"][0].clone()).unwrap();
            output.into_iter().map(i8::cast_unsigned).collect::<Vec<u8>>()
        });
        let outputs: Vec<Vec<u8>> = outputs.collect();
        assert_eq!(outputs.len(), inputs.len());
        writeln!(data, "#define {}_VECTORS {}", name.to_uppercase(), inputs.len()).unwrap();
        table(&mut data, &format!("{name}_inputs"), &inputs);
        table(&mut data, &format!("{name}_outputs"), &outputs);
        for file in [format!("{name}.h"), format!("lib{name}.a")] {
            let bytes = std::fs::read(space.path(&format!("out/{name}/{board}/c/{file}"))).unwrap();
            space.write(&format!("program/{file}"), bytes);
        }
    }
    space.write("program/data.h", data);
    for file in ["main.c", "start.c", "link.ld"] {
        space.write(&format!("program/{file}"), std::fs::read(format!("{FOLDER}/{file}")).unwrap());
    }
    Some(space)
}

fn graph(name: &str) -> model::Graph {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
    model::read(&std::fs::read(format!("{folder}/{name}.tflite")).unwrap()).unwrap().graph
}

/// The inputs that the sample's manifest asks for.
fn random(name: &str) -> Vec<Vec<u8>> {
    vectors::random(&graph(name), 2, 1).into_iter().map(|vector| vector.inputs.concat()).collect()
}

fn recorded() -> Vec<Vec<u8>> {
    let read = vectors::read(include_bytes!("../golden/state.npz"), &graph("state")).unwrap();
    read.into_iter().map(|vector| vector.inputs.concat()).collect()
}

fn table(text: &mut String, name: &str, rows: &[Vec<u8>]) {
    writeln!(text, "static const unsigned char {name}[{}][{}] = {{", rows.len(), rows[0].len()).unwrap();
    for row in rows {
        let row: Vec<String> = row.iter().map(u8::to_string).collect();
        writeln!(text, "    {{{}}},", row.join(", ")).unwrap();
    }
    writeln!(text, "}};").unwrap();
}

fn run(space: &Space, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(space.path("program"))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn compile(space: &Space, compiler: &str, arguments: &[&str]) {
    let built = run(space, compiler, &[&["-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"], arguments].concat());
    assert!(built.status.success(), "{compiler} {arguments:?}: {}", String::from_utf8_lossy(&built.stderr));
}

fn agrees(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim() == "all outputs agree", "{:?}: {said}", output.status);
}

#[test]
fn a_program_on_the_host_gives_the_same_outputs() {
    let Some(space) = space("host") else { return };
    for (compiler, language) in [("gcc", ["-x", "c", "-std=c99"]), ("g++", ["-x", "c++", "-std=c++11"])] {
        let program = ["main.c", "-x", "none", "-L.", "-lsample", "-lstate", "-o", "program"];
        compile(&space, compiler, &[&language[..], &program].concat());
        agrees(&run(&space, "./program", &[]));
    }
    with_cmake(&space);
}

/// The documentation's `CMakeLists.txt`, where `cmake` is installed.
fn with_cmake(space: &Space) {
    if Command::new("cmake").arg("--version").output().is_err() {
        eprintln!("SKIPPED: the documentation's CMakeLists.txt: `cmake` is not installed");
        return;
    }
    let page = std::fs::read_to_string(DOCUMENT).unwrap();
    let lists = page.split("```cmake\n").nth(1).unwrap().split("```").next().unwrap();
    // One model in the page, two in this program.
    let second = "add_library(state STATIC IMPORTED)\nset_target_properties(state PROPERTIES IMPORTED_LOCATION ${CMAKE_CURRENT_SOURCE_DIR}/libstate.a)\n";
    let lists = lists.replace("out/kws/mps2-an386/c", ".").replace("kws", "sample").replace("firmware", "program");
    let lists = lists.replace(
        "target_link_libraries(program",
        &format!("{second}target_link_libraries(program PRIVATE state)\ntarget_link_libraries(program"),
    );
    space.write("program/CMakeLists.txt", lists);
    for arguments in [&["-S", ".", "-B", "build"][..], &["--build", "build"]] {
        let built = run(space, "cmake", arguments);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }
    agrees(&run(space, "./build/program", &[]));
}

#[test]
fn a_program_on_a_board_gives_the_same_outputs() {
    let Some(space) = space("mps2-an386") else { return };
    let flags = [&BOARD[..], &["-nostartfiles", "-ffunction-sections", "-Wl,--gc-sections", "-T", "link.ld"]].concat();
    for (compiler, language) in [
        ("arm-none-eabi-gcc", &["-x", "c", "-std=c99"][..]),
        ("arm-none-eabi-g++", &["-x", "c++", "-std=c++11", "-fno-exceptions", "-fno-rtti"]),
    ] {
        compile(&space, "arm-none-eabi-gcc", &[&BOARD[..], &["-std=gnu11", "-c", "start.c"]].concat());
        let program = ["main.c", "-x", "none", "start.o", "-L.", "-lsample", "-lstate", "-o", "program.elf"];
        compile(&space, compiler, &[&flags, language, &program].concat());
        let machine = ["-M", "mps2-an386", "-display", "none", "-serial", "none", "-monitor", "none"];
        let semihosting = ["-semihosting-config", "enable=on,target=native", "-kernel", "program.elf"];
        agrees(&run(&space, "qemu-system-arm", &[&machine[..], &semihosting].concat()));
    }
    shows_the_header_alone(&space);
}

/// No symbol but the header's, and nothing that the program would have to bring.
fn shows_the_header_alone(space: &Space) {
    let symbols = |option: &str| {
        let listed = run(space, "arm-none-eabi-nm", &[option, "libsample.a"]);
        let text = String::from_utf8(listed.stdout).unwrap();
        let names = text.lines().filter(|line| line.contains(' ')).filter_map(|line| line.split_whitespace().last());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let header = deployctl::emit::EXPORTS.map(|export| format!("sample_{export}"));
    let mut shown = symbols("--extern-only");
    shown.sort();
    let mut wanted = header.to_vec();
    wanted.sort();
    assert_eq!(shown, wanted);
    assert_eq!(symbols("--undefined-only"), Vec::<String>::new());
    let size = std::fs::metadata(space.path("program/libsample.a")).unwrap().len();
    assert!(size < 100_000, "{size} bytes");
}

#[test]
fn an_exported_project_has_the_library_beside_it() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    space.run(&format!("export {NAME} --to alone")).succeeded();
    let names: Vec<Utf8PathBuf> =
        space.path("alone/c").read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
