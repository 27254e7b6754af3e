#!/usr/bin/env python3
"""Writes models that keep state to `tests/golden/`, and beside each, as `.npz`, inputs of twelve inferences in a row and
LiteRT Micro's answers to them: `state`, with both kinds of state of networks, and `front_end`, from sound to features.

    P tests/conformance/golden.py            P is Python with the packages of `tests/oracle/requirements.txt`
    P tests/conformance/golden.py --check    compare, write nothing, exit 1 on a difference
"""
import io
import pathlib
import sys
import zipfile

import numpy as np

import litert
from graph import DTYPES, Graph, Quantization, Type
from signal_ops import features

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden"
INFERENCES = 12


def state():
    """SVDF, and a sum with what a variable holds, which it then becomes."""
    g = Graph(np.random.Generator(np.random.PCG64(12)))
    x = g.input([1, 8], Type.INT8, Quantization([0.05], [-3]))
    features = g.weights([8, 8], Type.INT8, scale=0.01)
    times = g.weights([8, 5], Type.INT16, scale=1e-4)
    state = g.add([1, 40], Type.INT16, Quantization([0.002], [0]), variable=True)
    bias = g.constant([300, -200, 100, 0], Type.INT32, Quantization([0.002 * 1e-4], [0]))
    y = g.output([1, 4], Type.INT8, Quantization([0.6], [5]))
    g.op("SVDF", [x, features, times, bias, state], [y], "SVDFOptions", rank=2, fusedActivationFunction=0)
    handle = g.add([1], Type.RESOURCE)
    g.op("VAR_HANDLE", [], [handle], "VarHandleOptions", container="", sharedName="sum")
    before, after = g.output([1, 4], Type.INT8, y.quant), g.output([1, 4], Type.INT8, y.quant)
    g.op("READ_VARIABLE", [handle], [before], "ReadVariableOptions")
    g.op("ADD", [y, before], [after], "AddOptions")
    g.op("ASSIGN_VARIABLE", [handle, after], [], "AssignVariableOptions")
    result = g.output([1, 4], Type.INT8, Quantization([1.2], [5]))
    g.op("ADD", [after, y], [result], "AddOptions")
    return g, x, result


def front_end():
    """40 channels of 30 ms every 20 ms of sound at 16 kHz."""
    g = Graph(np.random.Generator(np.random.PCG64(12)))
    x = g.input([320], Type.INT16, low=-6000, high=6000)
    result = features(g, x, 480, 512, 40)
    g.results = lambda: [result]
    return g, x, result


def made(name, model):
    """The files of a model."""
    g, x, result = model()
    vectors = [g.vector() for _ in range(INFERENCES)]
    ((outcome, written),) = litert.run_all([(g.file(), vectors)])
    assert outcome == litert.RAN, written
    inputs = np.stack([np.frombuffer(vector[0], DTYPES[x.type]).reshape(x.shape) for vector in vectors])
    # What the last operator has written.
    outputs = [np.frombuffer(operators[-1], DTYPES[result.type]).reshape(result.shape) for operators in written]
    arrays = {f"t{x.index}": inputs, f"t{result.index}": np.stack(outputs)}
    return {f"{name}.tflite": g.file(), f"{name}.npz": npz(arrays)}


def main():
    files = made("state", state) | made("front_end", front_end)
    there = lambda name: (FOLDER / name).read_bytes() if (FOLDER / name).exists() else b""  # noqa: E731
    differ = [name for name, data in files.items() if there(name) != data]
    if "--check" not in sys.argv[1:]:
        for name in differ:
            (FOLDER / name).write_bytes(files[name])
            print(name)
        return 0
    for name in differ:
        print(f"{FOLDER / name} is not what LiteRT Micro gives; run tests/conformance/golden.py", file=sys.stderr)
    return 1 if differ else 0


def npz(arrays):
    """An archive whose bytes depend on the arrays alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue())
    return packed.getvalue()


if __name__ == "__main__":
    sys.exit(main())
