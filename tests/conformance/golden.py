#!/usr/bin/env python3
"""Writes `tests/golden/state.tflite`, a model with both kinds of state, and `state.npz`: inputs of twelve inferences in a
row and LiteRT Micro's answers to them. And `custom.tflite`, a model with an operator that LiteRT Micro does not have, and
`custom.npz`: LiteRT Micro's answers for what comes before it, and what the operator is said to make of them.

    P tests/conformance/golden.py            P is Python with the packages of `tests/oracle/requirements.txt`
    P tests/conformance/golden.py --check    compare, write nothing, exit 1 on a difference
"""
import io
import pathlib
import sys
import zipfile

import numpy as np

import litert
from graph import Graph, Quantization, Type

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "golden"
INFERENCES = 12


def model():
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


def custom(own):
    """The larger of input and constant; then, if `own`, `Envelope`: largest distance from zero in a window."""
    g = Graph(np.random.Generator(np.random.PCG64(18)))
    x = g.input([1, 16], Type.INT8, Quantization([0.05], [-3]))
    floor = g.constant(g.rng.integers(-60, 20, size=(1, 16)), Type.INT8, x.quant)
    larger = g.like(x)
    g.op("MAXIMUM", [x, floor], [larger], "MaximumMinimumOptions")
    result = g.output([1, 16], Type.INT8, Quantization([0.05], [-128]))
    if own:
        g.op("CUSTOM", [larger], [result], custom="Envelope", window=3)
    return g, x, larger, result


def envelope(larger):
    """In the numbers of `custom`: zero point -3 becomes -128."""
    distance = np.abs(larger.astype(int) + 3)
    padded = np.pad(distance, ((0, 0), (0, 0), (2, 0)))
    largest = np.max([padded[..., i : i + 16] for i in range(3)], axis=0)
    return np.clip(largest - 128, -128, 127).astype(np.int8)


def of_custom():
    g, x, larger, _ = custom(False)
    vectors = [g.vector() for _ in range(INFERENCES)]
    ((outcome, written),) = litert.run_all([(g.file(), vectors)])
    assert outcome == litert.RAN, written
    inputs = np.stack([np.frombuffer(vector[0], np.int8).reshape(x.shape) for vector in vectors])
    before = np.stack([np.frombuffer(operators[-1], np.int8).reshape(larger.shape) for operators in written])
    g, x, _, result = custom(True)
    return {"custom.tflite": g.file(), "custom.npz": npz({f"t{x.index}": inputs, f"t{result.index}": envelope(before)})}


def main():
    g, x, result = model()
    vectors = [g.vector() for _ in range(INFERENCES)]
    ((outcome, written),) = litert.run_all([(g.file(), vectors)])
    assert outcome == litert.RAN, written
    inputs = np.stack([np.frombuffer(vector[0], np.int8).reshape(x.shape) for vector in vectors])
    # What the last operator has written.
    outputs = np.stack([np.frombuffer(operators[-1], np.int8).reshape(result.shape) for operators in written])
    made = {"state.tflite": g.file(), "state.npz": npz({f"t{x.index}": inputs, f"t{result.index}": outputs})} | of_custom()
    differ = [name for name, data in made.items() if not (FOLDER / name).exists() or (FOLDER / name).read_bytes() != data]
    if "--check" not in sys.argv[1:]:
        for name in differ:
            (FOLDER / name).write_bytes(made[name])
        print(outputs.reshape(INFERENCES, -1))
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
