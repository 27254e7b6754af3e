#!/usr/bin/env python3
"""Golden data from the real LiteRT Micro interpreter: digests of every operator's output tensor.

    python3 -m venv V && V/bin/pip install -r tests/oracle/requirements.txt        (Python 3.11)
    V/bin/python tests/oracle/oracle.py MODEL.tflite...           write tests/golden/MODEL.txt
    V/bin/python tests/oracle/oracle.py --check MODEL.tflite...   compare, write nothing, exit 1 on a difference
    V/bin/python tests/oracle/oracle.py --dump DIR MODEL.tflite   also every tensor as DIR/RUN-TENSOR.bin
    python3 tests/oracle/oracle.py --selftest                     the generator and the digest alone

Inputs are not stored. They come from a generator that deployctl has too (`model::vectors::random`): SplitMix64, started
for every (seed, vector, input) at a mixed state, eight bytes an output, least significant first.

A golden file is text: lines `key value...`, then one line an operator: `op INDEX TENSOR DIGEST...`, a digest (FNV-1a,
64 bits, hexadecimal) for each run. An operator with several outputs has their tensors separated by commas, and one digest
over all of them.
"""
import argparse
import hashlib
import pathlib
import sys

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15
SEED, RUNS = 1, 16
ARENA_BYTES = 8 << 20
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


def mix(state):
    z = (state + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def random_bytes(seed, vector, position, length):
    """Bytes of one input; the twin of `model::vectors::random`."""
    state = mix((mix((mix(seed) + vector) & MASK) + position) & MASK)
    out = bytearray()
    while len(out) < length:
        out += mix(state).to_bytes(8, "little")
        state = (state + GAMMA) & MASK
    return bytes(out[:length])


def random_tensor(seed, vector, position, dtype, shape):
    """One input of a model; the twin of `model::vectors::random_tensor`."""
    import numpy as np

    data = random_bytes(seed, vector, position, int(np.prod(shape)) * dtype.itemsize)
    if dtype == np.float32:
        values = np.frombuffer(data, np.int32).astype(np.float32) / np.float32(2147483648)
    elif dtype == np.bool_:
        values = (np.frombuffer(data, np.uint8) & 1).astype(np.bool_)
    else:
        values = np.frombuffer(data, dtype)
    return values.reshape(shape)


def digest(data):
    """FNV-1a, 64 bits; the twin of `model::digest`."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return f"{value:016x}"


def details(get):
    """All inputs or outputs: the interpreter says how many only by refusing the next."""
    found = []
    while True:
        try:
            found.append(get(len(found)))
        except Exception:
            return found


def run(path, dump):
    """Lines of the golden file of one model."""
    import numpy as np
    import tflite
    from tflite_micro import runtime

    content = path.read_bytes()
    graph = tflite.Model.GetRootAsModel(content, 0).Subgraphs(0)
    operators = [graph.Operators(n).OutputsAsNumpy().tolist() for n in range(graph.OperatorsLength())]
    interpreter = runtime.Interpreter.from_bytes(
        content, arena_size=ARENA_BYTES, intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors
    )
    inputs = details(interpreter.get_input_details)
    digests = [[] for _ in operators]
    for vector in range(RUNS):
        for position, detail in enumerate(inputs):
            dtype = np.dtype(detail["dtype"])
            interpreter.set_input(random_tensor(SEED, vector, position, dtype, tuple(detail["shape"])), position)
        interpreter.invoke()
        for op, outputs in enumerate(operators):
            tensors = [np.asarray(interpreter.GetTensor(tensor, 0)["tensor_data"]).tobytes() for tensor in outputs]
            digests[op].append(digest(b"".join(tensors)))
            if dump:
                for tensor, data in zip(outputs, tensors):
                    (dump / f"{vector}-{tensor}.bin").write_bytes(data)
    head = [
        f"model {path.name}",
        f"sha256 {hashlib.sha256(content).hexdigest()}",
        f"seed {SEED}",
        f"runs {RUNS}",
    ]
    tensors = [",".join(map(str, outputs)) for outputs in operators]
    body = [f"op {op} {tensors[op]} {' '.join(digests[op])}" for op in range(len(operators))]
    return "\n".join(head + body) + "\n"


def selftest():
    assert mix(1234567) == 6457827717110365317
    assert digest(b"foobar") == "85944171f73967e8"
    print("random(1, 2, 3, 12) =", list(random_bytes(1, 2, 3, 12)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--dump", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path, default=GOLDEN)
    parser.add_argument("--selftest", action="store_true")
    options = parser.parse_args()
    if options.selftest:
        return selftest()
    if not options.models:
        parser.error("name at least one model")
    if options.dump:
        options.dump.mkdir(parents=True, exist_ok=True)
    failed = False
    for path in options.models:
        text = run(path, options.dump)
        golden = options.golden / f"{path.stem}.txt"
        if not options.check:
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text)
        elif not golden.exists() or golden.read_text() != text:
            print(f"{golden} is not what LiteRT Micro gives for {path}; run oracle.py without --check", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
