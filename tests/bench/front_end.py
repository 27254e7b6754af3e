"""LiteRT Micro's own audio front end and `frontend` of a deployment, over the same clips on the same emulated board.

LiteRT Micro's is the C library `tensorflow/lite/experimental/microfrontend` with kissfft. `pymicro-features` on the Python package
index carries its sources as they run for each frame; they are fetched once, or taken from the folder MICROFRONTEND, and nothing of them is part of
this repository. The features of both are held against those that are recorded in `tests/preprocess/front_end.npz`: the deployment's
by the tests, the library's here.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import wave
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE, SHA256 = "pymicro-features==2.0.2", "0d0bed7843ec78b6ced82d1a2dcddeb4fe5df61b3af80a281d0868c8e279c727"
LIBRARY = "tensorflow/lite/experimental/microfrontend/lib"
# As in manifests/boards/mps2-an386.kdl, where a tick is so many instructions.
CORE = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
TICK = 40
EMULATOR = ["qemu-system-arm", "-M", "mps2-an386", "-no-user-config", "-nodefaults", "-display", "none", "-serial", "none", "-monitor",
            "none", "-icount", "shift=0", "-semihosting-config", "enable=on,target=native"]
LEVELS = ["-O2", "-O3", "-Os"]
SAMPLES, HOPS, FRAMES, CHANNELS = 16000, 50, 49, 40
CHAINS = {
    '`frontend "litert-micro"`': 'frontend "litert-micro"',
    '`frontend "microfrontend"`': 'frontend "microfrontend"',
}
# A model that copies its input, so that there is as little as possible beside the steps.
MODEL = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy
from graph import Graph, Quantization, Type
graph = Graph(numpy.random.Generator(numpy.random.PCG64(1)))
x = graph.input([1, int(sys.argv[3]), 40], Type.INT8, Quantization([26 / 256], [-128]))
graph.op("RELU", [x], [graph.like(x)])
open(sys.argv[2], "wb").write(graph.file())
"""


def sources(folder):
    """The library's folder."""
    if given := os.environ.get("MICROFRONTEND"):
        return pathlib.Path(given).resolve()
    name = PACKAGE.replace("==", "-").replace("pymicro-", "pymicro_")
    archive, tree = folder / f"{name}.tar.gz", folder / name
    if not archive.exists():
        subprocess.run(["python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary",
                        "pymicro-features", "--dest", folder, PACKAGE], check=True)
    if (found := hashlib.sha256(archive.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(f"{archive} is not the pinned one: its SHA-256 is {found}")
    if not tree.is_dir():
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    return tree


def clips():
    """The example's clips, a second each, as bytes of int16 samples."""
    found = []
    for path in sorted((ROOT / "manifests/models/clips").glob("*.wav")):
        with wave.open(str(path)) as clip:
            found.append(clip.readframes(SAMPLES))
    return found


def recorded():
    """Sound in the same form, and the features of its frames that `tests/preprocess` has."""
    with zipfile.ZipFile(ROOT / "tests/preprocess/front_end.npz") as arrays:
        return [array(arrays.read(f"{name}.npy")) for name in ("signal", "microfrontend.speech")]


def array(data):
    """Elements of an array in NumPy's format: what comes behind a header, whose length bytes 8 and 9 say."""
    return data[10 + int.from_bytes(data[8:10], "little"):]


def numbers(data):
    """16-bit numbers as C writes them."""
    return ",".join(str(int.from_bytes(data[at:at + 2], "little", signed=True)) for at in range(0, len(data), 2))


def litert_micro(folder, sound, level="-O2", features=b""):
    """What the library says of itself on the board: names and numbers."""
    tree, build = sources(folder), folder / "build"
    build.mkdir(parents=True, exist_ok=True)
    (build / "clips.h").write_text(
        f"enum {{ CLIPS = {len(sound)}, SAMPLES = {len(sound[0]) // 2}, RECORDED = {len(features) // 2 // CHANNELS} }};\n"
        f"static const int16_t clips[CLIPS][SAMPLES] = {{{{{'}, {'.join(map(numbers, sound))}}}}};\n"
        f"static const int16_t recorded[RECORDED + 1][{CHANNELS}] = {{{numbers(features)}}};\n")
    library = [path for path in sorted((tree / LIBRARY).glob("*.cc"))
               if not path.stem.endswith(("_test", "_io", "_main", "_generator"))]
    flags = [*CORE, level, "-ffunction-sections", "-fdata-sections"]
    start = ROOT / "tests/e2e/c"
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", start / "start.c", "-o", build / "start.o"], check=True)
    subprocess.run(["arm-none-eabi-g++", *flags, "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-w", f"-I{tree}", f"-I{tree / 'kissfft'}", f"-I{build}",
                    ROOT / "tests/bench/front_end.cc", *library, build / "start.o", "-nostartfiles", "--specs=nosys.specs",
                    "-Wl,--gc-sections,--defsym=end=bss_end", f"-T{start / 'link.ld'}", "-o", build / "front-end.elf"], check=True)
    ran = subprocess.run([*EMULATOR, "-kernel", build / "front-end.elf"], capture_output=True, text=True, check=True)
    said = (line.split() for line in (ran.stdout + ran.stderr).splitlines())
    return {words[0]: int(words[1]) for words in said if len(words) == 2}


def check(folder):
    """The library as it is built here computes what TensorFlow's did: it makes its tables in float32, which moves single features
    by one."""
    sound, features = recorded()
    found = litert_micro(folder, [sound], features=features)
    if found["frames"] * CHANNELS != len(features) // 2 or found["furthest"] > 1 or found["off"] > 20:
        raise SystemExit(f"the library's features are not the recorded ones: {found}")


def deployment(bench, folder, steps, frames):
    """The measurement and the metrics of a deployment with these steps before a model that copies."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "manifests").mkdir(parents=True)
    model = folder / "manifests/copy.tflite"
    python = os.environ.get("DEPLOYCTL_ORACLE", ROOT / ".venv/bin/python")
    subprocess.run([python, "-c", MODEL, ROOT / "tests/conformance", model, str(frames)], check=True)
    bench.deployctl("init", "manifests/copy.tflite", "--board", "mps2-an386", "--owner", "bench@example.com", cwd=folder)
    [manifest] = (folder / "manifests").glob("*.kdl")
    text = manifest.read_text()
    before, regression = text.split("regression {", 1)
    after = regression.split("}", 1)[1]
    chain = f'preprocess "audio" rate=16000 {{\n    {steps}\n    frames {frames}\n}}\n\ntarget '
    clips = 'vectors "clips/*.wav"' + (' longer="cut"' if frames < 49 else "")
    manifest.write_text(before.replace("target ", chain, 1) + f"regression {{\n    {clips}\n    runs 2\n}}" + after)
    shutil.copytree(ROOT / "manifests/models/clips", folder / "manifests/clips", ignore=shutil.ignore_patterns("*.csv"))
    subprocess.run([bench.program, "build", "--install"], cwd=folder, env=bench.env, stdout=subprocess.DEVNULL)
    [report] = folder.glob("out/*/*/gate-report.json")
    [measured] = folder.glob("out/*/*/measurement.json")
    return json.loads(measured.read_text()), json.loads(report.read_text())["metrics"]


def table(bench, folder):
    """Both side by side, as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    check(folder)
    sound = clips()
    print(f"## The audio front end next to LiteRT Micro's own\n\n{len(sound)} clips of a second, {len(sound) * FRAMES} frames:\n")
    print("| what | instructions a frame, mean | largest | RAM, bytes | tables in flash, bytes | instructions to begin |")
    print("|---|---:|---:|---:|---:|---:|")
    for level in LEVELS:
        told = litert_micro(folder, sound, level)
        assert told["frames"] == len(sound) * FRAMES, told
        ram, changing = told["state"] + told["heap"], told["changing"]
        print(f"| LiteRT Micro's C library, `{level}` | {told['ticks'] * TICK / told['frames']:,.0f} | {told['largest'] * TICK:,} "
              f"| {ram:,}, {changing:,} of which change | 0 | {told['start'] * TICK:,} |", flush=True)
    for name, steps in CHAINS.items():
        measured, _ = deployment(bench, folder / steps.split('"')[1], steps, FRAMES)
        hops = measured["hop_instructions"]
        _, metrics = deployment(bench, folder / f"{steps.split(chr(34))[1]}-row", steps, 1)
        print(f"| {name} | {hops['mean'] * HOPS / FRAMES:,.0f} | {hops['max']:,} | {metrics['arena_bytes']['value']:,.0f} "
              f"| {metrics['weights_bytes']['value']:,.0f} | 0 |", flush=True)
    print()
