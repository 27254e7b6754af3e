"""Operators of networks that run on a sequence: circular buffers and LSTM."""
import math

import numpy as np

from graph import Quantization
from registry import BOOL, F32, I16, I32, I64, I8, entry

TANH = 4


@entry("circular_buffer", I8)
def circular_buffer(g, type):
    """Of one output, or with a flag that says that a cycle is complete."""
    inner = [g.whole(1, 4), g.whole(1, 12)]
    x = g.operand(type, shape=[1, 1, *inner])
    flagged = g.chance(0.5)
    slots, cycle = g.whole(1, 6), g.whole(1, 4) if flagged else 1
    options = {"cycles_max": cycle}
    if g.chance(0.2):
        # Of these lengths LiteRT Micro knows that there is one input a cycle.
        slots, options = g.pick([5, 13, 25]), {} if g.chance(0.5) else {"cycles_max": 0}
    # A tensor that is no variable begins with what was in memory, which is undefined, and among other operators not noticed.
    kept = g.add([1, slots, *inner], type, x.quant, variable=g.chance(0.9) or g.chained)
    flag = [g.add(g.pick([[1], [1, 1]]), BOOL)] if flagged else []
    g.op("CUSTOM", [x], [kept, *flag], custom="CIRCULAR_BUFFER", **options)
    if g.chance(0.5):
        g.op("ABS", [kept], [g.like(kept)], "AbsOptions")
    if g.chance(0.5):
        g.op("RESHAPE", [kept], [g.like(kept, [kept.size])], "ReshapeOptions", newShape=[kept.size])


@entry("lstm", I8, I16, F32)
def lstm(g, type):
    """Keeps its states from one invocation to the next. Gates see numbers of about 1, so that they neither saturate nor
    stay."""
    batches, steps, depth, units = g.whole(1, 3), g.whole(1, 5), g.whole(1, 8), g.whole(1, 8)
    major = g.chance(0.4)
    x = g.operand(type, shape=[steps, batches, depth] if major else [batches, steps, depth])
    if type == F32:
        hidden = cell = None
        weights = lambda width, _: g.constant(g.values([units, width], F32, -1.0, 1.0), F32)  # noqa: E731
        bias = lambda _: g.constant(g.values([units], F32, -1.0, 1.0), F32)  # noqa: E731
        hidden_type = cell_type = F32
    else:
        hidden_type, cell_type = type, I16
        spread = 74.0 if type == I8 else 19000.0
        hidden = g.quantization(type, scale=1 / 128 if type == I8 else 1 / 32768)
        cell = Quantization([2.0 ** -g.whole(8, 14)], [0])
        if g.chance(0.1):
            hidden.scale, cell.scale = [g.real(0.5, 2.0) * hidden.scale[0]], [g.real(0.7, 1.4) * cell.scale[0]]

        def weights(width, of):
            scale = float(np.float32(g.real(0.3, 4.0) / (74 * spread * math.sqrt(width) * of)))
            return g.weights([units, width], I8, scale=scale, symmetric=g.chance(0.8))

        def bias(w):
            largest = int(2 / (x.scale * w.scale))
            values = g.rng.integers(-largest, largest + 1, size=units)
            return g.constant(values, I32 if type == I8 else I64, Quantization([float(np.float32(x.scale * w.scale))], [0]))

    inputs = [weights(depth, x.scale if type != F32 else 1) for _ in range(4)]
    recurrent = [weights(units, hidden.scale[0] if hidden else 1) for _ in range(4)]
    biases = [bias(w) for w in inputs]
    kept = g.add([batches, units], hidden_type, hidden, variable=True)
    cells = g.add(g.pick([[batches, units], [batches * units]]), cell_type, cell, variable=True)
    y = g.add([*x.shape[:2], units], type, hidden)
    none = [None]
    clip = g.pick([0.0, 0.0, g.real(0.05, 4.0), 10.0])
    operands = [x, *inputs, *recurrent, *none * 3, *biases, *none * 2, kept, cells, *none * 4]
    fields = {"fusedActivationFunction": TANH, "cellClip": clip, "timeMajor": major}
    g.op("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [y], "UnidirectionalSequenceLSTMOptions", **fields)
