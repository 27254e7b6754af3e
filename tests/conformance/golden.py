#!/usr/bin/env python3
"""Writes models and what LiteRT Micro answers to twelve inputs in a row, `tests/golden/NAME.tflite` and `NAME.npz`: `state`,
with both kinds of state of networks; `control`, with loops and branches; `front_end`, from sound to features; `wide`, with int16 layers and
other operators that CMSIS-NN has functions for. And `custom`, with an operator that LiteRT Micro does not have: its answers for
what comes before, and what the operator is said to make of them.

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
from signal_ops import features as front_end_features

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
    return g, [x], [result]


def control():
    """A loop of as many rounds as the sign and size of the input say, each a convolution and an IF; then an IF between a dense
    layer and what the loop has left, which counts in a variable how often it was taken."""
    g = Graph(np.random.Generator(np.random.PCG64(13)))
    x = g.input([1, 4, 4, 2], Type.INT8, Quantization([0.05], [-3]))
    most, rounds = g.add([1], Type.INT8, x.quant), g.add([1], Type.INT8, x.quant)
    count = g.constant([-3], Type.INT8, x.quant)
    g.op("SLICE", [x, g.constant([0] * 4, Type.INT32), g.constant([1] * 4, Type.INT32)], [g.like(x, [1] * 4)])
    g.op("RESHAPE", [g.operators[-1][2][0]], [most], "ReshapeOptions", newShape=[1])
    g.op("MINIMUM", [most, g.constant([60], Type.INT8, x.quant)], [rounds], "MaximumMinimumOptions")

    said = g.function()
    now, last, _ = (control_input(said, t) for t in (count, rounds, x))
    said.outputs = [said.op("LESS", [now, last], [said.add([1], Type.BOOL)], "LessOptions")]

    body = g.function()
    now, last, value = (control_input(body, t) for t in (count, rounds, x))
    one = body.constant([17], Type.INT8, x.quant)
    next = body.op("ADD", [now, one], [body.like(now)], "AddOptions")
    filter = body.weights([2, 3, 3, 2], Type.INT8, scale=0.01)
    filtered = body.like(value)
    convolution = dict(padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=0)
    body.op("CONV_2D", [value, filter, body.constant([9, -40], Type.INT32)], [filtered], "Conv2DOptions", **convolution)
    early = body.op("LESS", [now, body.constant([10], Type.INT8, x.quant)], [body.add([1], Type.BOOL)], "LessOptions")
    sum, maximum = body.function(), body.function()
    for h, way, options in ((sum, "ADD", "AddOptions"), (maximum, "MAXIMUM", "MaximumMinimumOptions")):
        a, b = control_input(h, value), control_input(h, filtered)
        h.outputs = [h.op(way, [a, b], [h.like(a)], options)]
    made = body.like(value)
    body.op("IF", [early, value, filtered], [made], "IfOptions", thenSubgraphIndex=sum.number, elseSubgraphIndex=maximum.number)
    body.outputs = [next, last, made]

    behind = [g.like(t) for t in (count, rounds, x)]
    g.op("WHILE", [count, rounds, x], behind, "WhileOptions", condSubgraphIndex=said.number, bodySubgraphIndex=body.number)
    flat = g.op("RESHAPE", [behind[2]], [g.like(x, [1, 32])], "ReshapeOptions", newShape=[1, 32])

    def handle(h):
        return h.op("VAR_HANDLE", [], [h.add([1], Type.RESOURCE)], "VarHandleOptions", container="", sharedName="taken")

    dense, plain = g.function(), g.function()
    a, b = control_input(dense, flat), control_input(dense, behind[0])
    weights, bias = dense.weights([1, 32], Type.INT8, scale=0.01), dense.constant([70], Type.INT32)
    sum = dense.op("FULLY_CONNECTED", [a, weights, bias], [dense.like(x, [1, 1])], "FullyConnectedOptions")
    old = dense.op("READ_VARIABLE", [handle(dense)], [dense.like(x, [1, 1])], "ReadVariableOptions")
    more = dense.op("ADD", [old, sum], [dense.like(x, [1, 1])], "AddOptions")
    dense.op("ASSIGN_VARIABLE", [dense.operators[1][2][0], more], [], "AssignVariableOptions")
    dense.outputs = [more]
    a, b = control_input(plain, flat), control_input(plain, behind[0])
    plain.outputs = [plain.op("RESHAPE", [b], [plain.like(x, [1, 1])], "ReshapeOptions", newShape=[1, 1])]
    many = g.op("LESS", [g.constant([30], Type.INT8, x.quant), behind[0]], [g.add([1], Type.BOOL)], "LessOptions")
    taken, result = g.like(x, [1, 1]), g.output(x.shape, Type.INT8, Quantization([0.1], [5]))
    g.op("IF", [many, flat, behind[0]], [taken], "IfOptions", thenSubgraphIndex=dense.number, elseSubgraphIndex=plain.number)
    g.op("ADD", [behind[2], taken], [result], "AddOptions")
    g.results = lambda: [result]
    return g, [x], [result]


def control_input(h, x):
    """A tensor of another graph as an input of `h`."""
    h.inputs.append(h.like(x))
    return h.inputs[-1]


def front_end():
    """40 channels of 30 ms every 20 ms of sound at 16 kHz."""
    g = Graph(np.random.Generator(np.random.PCG64(12)))
    x = g.input([320], Type.INT16, low=-6000, high=6000)
    result = front_end_features(g, x, 480, 512, 40)
    g.results = lambda: [result]
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
    models = {"state": state(), "control": control(), "front_end": front_end(), "wide": wide.model()}
    made = of_custom()
    for name, graph in models.items():
        files, arrays = recorded(name, graph)
        made.update(files)
        if "--check" not in sys.argv[1:]:
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
