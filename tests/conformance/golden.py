#!/usr/bin/env python3
"""Writes models and what LiteRT Micro answers to twelve inputs in a row, `tests/golden/NAME.tflite` and `NAME.npz`: `state`,
a model with both kinds of state, and `wide`, with int16 layers and other operators that CMSIS-NN has functions for.

    P tests/conformance/golden.py            P is Python with the packages of `tests/oracle/requirements.txt`
    P tests/conformance/golden.py --check    compare, write nothing, exit 1 on a difference
"""
import io
import pathlib
import sys
import zipfile

import numpy as np

import litert
import wide
from graph import DTYPES, Graph, Quantization, Type

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
    return g, [x], [result]


def recorded(name, made):
    """The files of a model, from its graph, inputs and outputs."""
    g, inputs, outputs = made
    vectors = [g.vector() for _ in range(INFERENCES)]
    ((outcome, written),) = litert.run_all([(g.file(), vectors)])
    assert outcome == litert.RAN, written
    arrays = {}
    for position, tensor in enumerate(inputs):
        values = [np.frombuffer(vector[position], DTYPES[tensor.type]).reshape(tensor.shape) for vector in vectors]
        arrays[f"t{tensor.index}"] = np.stack(values)
    order = [tensor for operator in g.operators for tensor in left_behind(operator)]
    for tensor in outputs:
        at = order.index(tensor)
        values = [np.frombuffer(tensors[at], DTYPES[tensor.type]).reshape(tensor.shape) for tensors in written]
        arrays[f"t{tensor.index}"] = np.stack(values)
    return {f"{name}.tflite": g.file(), f"{name}.npz": npz(arrays)}, arrays


def left_behind(operator):
    """What `litert` records of an operator, in its order."""
    _, inputs, outputs = operator
    variables = [tensor for tensor in inputs if tensor is not None and tensor.variable]
    return [tensor for tensor in outputs if tensor.type != Type.RESOURCE] + variables


def main():
    models = {"state": model(), "wide": wide.model()}
    made = {}
    for name, graph in models.items():
        files, arrays = recorded(name, graph)
        made.update(files)
        for tensor, values in arrays.items():
            print(name, tensor, values.reshape(INFERENCES, -1)[:3, :8])
    differ = [name for name, data in made.items() if not (FOLDER / name).exists() or (FOLDER / name).read_bytes() != data]
    if "--check" not in sys.argv[1:]:
        for name in differ:
            (FOLDER / name).write_bytes(made[name])
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
