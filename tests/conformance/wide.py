"""A model whose operators run on CMSIS-NN's functions for int16 and on its SVDF, with a transposed convolution before it: each
shape is one for which some core takes another function."""
import math

import numpy as np

from graph import Graph, Quantization, Type
from weighted import NONE, RELU, SAME, VALID, size

I8, I16, I32, I64 = Type.INT8, Type.INT16, Type.INT32, Type.INT64


def f32(value):
    return float(np.float32(value))


def model():
    """Returns the graph, its inputs and its outputs."""
    g = Graph(np.random.Generator(np.random.PCG64(16)))
    x = g.input([1, 9, 7, 4], I16, Quantization([1e-4], [0]))
    y = layers(g, x)
    z = g.input([1, 3, 4, 3], I8, Quantization([0.05], [-3]))
    outputs = [softmax(g, dense(g, y, 6, True), I16), softmax(g, dense(g, y, 8, False, bias=False), I16)]
    outputs += [memory(g, transposed(g, z))]
    g.results = lambda: outputs
    return g, [x, z], outputs


def layers(g, x):
    """Convolutions and pools of int16."""
    x = conv(g, x, 6, [3, 3], RELU)
    x = conv(g, x, 8, [2, 3], bias=False)
    x = depthwise(g, x, 1, [3, 3])
    x = depthwise(g, x, 1, [5, 2], bias=False)
    x = pool(g, "AVERAGE_POOL_2D", x, SAME)
    x = conv(g, x, 7, [3, 2], dilation=2)
    x = depthwise(g, x, 1, [2, 2])  # seven channels
    x = depthwise(g, x, 2, [3, 3])
    x = pool(g, "MAX_POOL_2D", x, VALID)
    return pool(g, "AVERAGE_POOL_2D", x, VALID)


def conv(g, x, channels, taps, activation=NONE, dilation=1, bias=True):
    n, h, w, c = x.shape
    f = g.weights([channels, *taps, c], I8, 0)
    y = summed(g, x, f, math.prod(taps) * c, [n, h, w, channels])
    g.op(
        "CONV_2D", [x, f, biases(g, x, f, channels) if bias else None], [y], "Conv2DOptions", padding=SAME, strideH=1,
        strideW=1, fusedActivationFunction=activation, dilationHFactor=dilation, dilationWFactor=dilation,
    )  # fmt: skip
    return y


def depthwise(g, x, multiplier, taps, bias=True):
    n, h, w, c = x.shape
    f = g.weights([1, *taps, c * multiplier], I8, 3)
    y = summed(g, x, f, math.prod(taps), [n, h, w, c * multiplier])
    inputs = [x, f, biases(g, x, f, c * multiplier)] if bias else [x, f]
    g.op(
        "DEPTHWISE_CONV_2D", inputs, [y], "DepthwiseConv2DOptions", padding=SAME, strideH=1, strideW=1,
        depthMultiplier=multiplier, fusedActivationFunction=NONE, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    return y


def pool(g, name, x, padding):
    n, h, w, c = x.shape
    y = g.like(x, [n, size(h, 2, 2, padding), size(w, 2, 1, padding), c])
    g.op(
        name, [x], [y], "Pool2DOptions", padding=padding, strideH=2, strideW=1, filterHeight=2, filterWidth=2,
        fusedActivationFunction=NONE,
    )  # fmt: skip
    return y


def dense(g, x, units, per_channel, bias=True):
    depth = x.size
    f = g.weights([units, depth], I8, 0 if per_channel else None)
    y = summed(g, x, f, depth, [1, units])
    g.op(
        "FULLY_CONNECTED", [x, f, biases(g, x, f, units) if bias else None], [y], "FullyConnectedOptions",
        fusedActivationFunction=NONE, keepNumDims=False,
    )  # fmt: skip
    return y


def transposed(g, x):
    """A padding that is no multiple of the stride."""
    n, h, w, c = x.shape
    f = g.weights([4, 4, 3, c], I8, 0)
    bias = g.constant(g.rng.integers(-9000, 9001, size=4), I32, factors(x, f))
    y = g.output([n, 2 * h, 2 * w, 4], I8, Quantization([f32(x.scale * f.scale * 6 * 74)], [7]))
    g.op(
        "TRANSPOSE_CONV", [g.constant(y.shape, I32), f, x, bias], [y], "TransposeConvOptions", padding=SAME, strideH=2,
        strideW=2, fusedActivationFunction=NONE,
    )  # fmt: skip
    return y


def memory(g, x):
    """SVDF with a state of int8, then with one of int16, then a softmax from int8 to int16."""
    rows = g.like(x, [1, x.size])
    g.op("RESHAPE", [x, g.constant(rows.shape, I32)], [rows], "ReshapeOptions", newShape=list(rows.shape))
    kept = f32(0.4 * x.scale)
    rows = svdf(g, rows, 6, 1, I8, Quantization([kept], [0]), 0.01)
    rows = svdf(g, rows, 5, 2, I16, Quantization([f32(rows.scale / 300)], [0]), 1e-4)
    return softmax(g, rows, I16, Quantization([1 / 65536], [-32768]))


def svdf(g, x, units, rank, type, kept, scale):
    features, times = g.weights([units * rank, x.size], I8, scale=0.01), g.weights([units * rank, 7], type, scale=scale)
    state = g.add([1, 7 * units * rank], type, kept, variable=True)
    sum = f32(kept.scale[0] * times.scale)
    bias = g.constant(g.rng.integers(-2000, 2001, size=units), I32, Quantization([sum], [0]))
    spread = 6000.0 * 12000.0 if type == I16 else 60.0 * 74.0
    y = g.output([1, units], I8, Quantization([f32(sum * spread * math.sqrt(7 * rank) / 60)], [-4]))
    g.op("SVDF", [x, features, times, bias, state], [y], "SVDFOptions", rank=rank, fusedActivationFunction=NONE)
    return y


def softmax(g, x, type, quant=None):
    y = g.add(x.shape, type, quant or Quantization([1 / 32768], [0]))
    g.op("SOFTMAX", [x], [y], "SoftmaxOptions", beta=f32(4 / (x.scale * (30000 if x.type == I16 else 100))))
    return y


def summed(g, x, f, terms, shape):
    """An output over which sums of products are spread."""
    return g.output(shape, I16, Quantization([f32(x.scale * f.scale * math.sqrt(terms) * 80)], [0]))


def factors(x, f):
    scales = [f32(x.scale * scale) for scale in f.quant.scale]
    return Quantization(scales, [0] * len(scales))


def biases(g, x, f, channels):
    return g.constant(g.rng.integers(-200_000, 200_001, size=channels), I64, factors(x, f))
