"""Operators with weights: convolutions and fully connected layers."""
import math

from graph import Quantization, Type
from registry import F32, I4, I8, I16, I32, I64, add, entry

SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
CHANNELS = (1, 2, 3, 4, 4, 5, 6, 8, 8, 12, 16)


def activation(g):
    return g.pick([NONE, NONE, NONE, RELU, RELU6, RELU_N1_TO_1])


def size(input, reach, stride, padding):
    return -(-input // stride) if padding == SAME else (input - reach) // stride + 1


def window(g, height, width, dilated=True):
    """Taps, strides, dilations and a padding that fit an input, rows first; mostly small and often square."""
    kind = g.pick(["square", "any", "any", "one", "row", "whole", "three"])
    stride = [g.pick([1, 1, 1, 2, 2, 3])] * 2 if g.chance(0.7) else [g.whole(1, 4), g.whole(1, 4)]
    dilation = [1, 1] if not dilated or g.chance(0.7) else [g.whole(1, 3), g.whole(1, 3)]
    padding = g.pick([SAME, VALID])
    taps = {
        "square": [g.whole(1, 4)] * 2,
        "any": [g.whole(1, 5), g.whole(1, 5)],
        "one": [1, 1],
        "row": [1, g.whole(1, 6)],
        "whole": [height, width],
        "three": [3, 3],
    }[kind]
    if padding == VALID:
        taps = [min(t, -(-n // d)) for t, n, d in zip(taps, (height, width), dilation)]
        taps = [t if (t - 1) * d + 1 <= n else 1 for t, n, d in zip(taps, (height, width), dilation)]
    return taps, stride, dilation, padding


def accumulated(g, type, scale, terms, shape):
    """An output for sums of products: most of them spread over the type, some saturate or vanish."""
    if type == F32:
        return g.output(shape, type)
    spread = math.sqrt(terms) * (5000.0 / 45 if type == I8 else 1.0e6 / 11000)
    factor = g.pick([*[1.0] * 12, 0.05, 0.05, 30.0, 30.0, 2.0**-12, 2.0**-20, 2.0**12, 2.0**24]) * (0.5 + g.rng.random())
    return g.output(shape, type, g.quantization(type, scale=_f32(scale * spread * factor)))


def _f32(value):
    import numpy as np

    return float(np.float32(value))


def bias(g, x, weights, channels, type, narrow=False):
    """A bias, or none. Its values reach as far as the sums do. Of int16 it is int64 or, if `narrow`, int32 at times."""
    if g.chance(0.25):
        return None
    if type == F32:
        return g.weights([channels], F32)
    scales = [_f32(x.scale * scale) for scale in weights.quant.scale]
    reach = g.pick([0, 100, 20_000, 20_000, 20_000, 1_000_000, 2**30, 2**31 - 1])
    values = g.rng.integers(-reach, reach + 1, size=channels)
    kind = I64 if type == I16 and not (narrow and g.chance(0.4)) else I32
    return g.constant(values, kind, Quantization(scales, [0] * len(scales)))


def with_bias(g, name, x, f, channels, type):
    """Operands of a weighted operator. A bias that is left out is at times not even listed."""
    b = bias(g, x, f, channels, type, narrow=name != "DEPTHWISE_CONV_2D")
    # An unlisted one and the index -1 should be the same; DEPTHWISE_CONV_2D ends the process at the latter.
    listed = g.chance(0.5) if name != "DEPTHWISE_CONV_2D" else g.chance(0.02)
    return [x, f, b] if b is not None or listed else [x, f]


def filter_of(g, shape, type, axis, stored):
    if type == F32:
        return g.weights(shape, F32)
    return g.weights(shape, stored, axis if g.chance(0.7) and shape[axis] > 1 else None)


def conv_2d(g, type, stored=I8):
    x = g.operand(type, rank=4)
    n, h, w, c = x.shape
    taps, stride, dilation, padding = window(g, h, w)
    groups = g.pick([d for d in range(1, c + 1) if c % d == 0]) if g.chance(0.25) and stored == I8 else 1
    channels = groups * g.pick((1, 2, 3, 4)) if groups > 1 else g.pick(CHANNELS)
    f = filter_of(g, [channels, *taps, c // groups], type, 0, stored)
    out = [size(i, (t - 1) * d + 1, s, padding) for i, t, d, s in zip((h, w), taps, dilation, stride)]
    y = accumulated(g, type, x.scale * f.scale if x.quant else 1.0, math.prod(taps) * c // groups, [n, *out, channels])
    g.op(
        "CONV_2D", with_bias(g, "CONV_2D", x, f, channels, type), [y], "Conv2DOptions",
        padding=padding, strideH=stride[0], strideW=stride[1], fusedActivationFunction=activation(g),
        dilationHFactor=dilation[0], dilationWFactor=dilation[1],
    )  # fmt: skip


def depthwise_conv_2d(g, type, stored=I8):
    x = g.operand(type, rank=4)
    n, h, w, c = x.shape
    taps, stride, dilation, padding = window(g, h, w)
    multiplier = g.pick([1, 1, 1, 2, 3, 4, 8])
    channels = c * multiplier
    f = filter_of(g, [1, *taps, channels], type, 3, stored)
    out = [size(i, (t - 1) * d + 1, s, padding) for i, t, d, s in zip((h, w), taps, dilation, stride)]
    y = accumulated(g, type, x.scale * f.scale if x.quant else 1.0, math.prod(taps), [n, *out, channels])
    g.op(
        "DEPTHWISE_CONV_2D", with_bias(g, "DEPTHWISE_CONV_2D", x, f, channels, type), [y], "DepthwiseConv2DOptions",
        padding=padding, strideH=stride[0], strideW=stride[1], depthMultiplier=multiplier,
        fusedActivationFunction=activation(g), dilationHFactor=dilation[0], dilationWFactor=dilation[1],
    )  # fmt: skip


def fully_connected(g, type, stored=I8):
    x = g.operand(type, rank=(2, 2, 3, 4))
    whole = g.chance(0.4)
    depth = x.size // x.shape[0] if whole else x.shape[-1]
    batches = x.size // depth
    units = g.pick(CHANNELS)
    if type == F32:
        f = g.weights([units, depth], F32)
    elif g.chance(0.4) and units > 1:
        f = g.weights([units, depth], stored, 0)
    else:
        f = g.weights([units, depth], stored, None, symmetric=stored == I4 or g.chance(0.6))
    keep = not whole and len(x.shape) > 2 and g.chance(0.7)
    shape = [*x.shape[:-1], units] if keep else [batches, units]
    y = accumulated(g, type, x.scale * f.scale if x.quant else 1.0, depth, shape)
    g.op(
        "FULLY_CONNECTED", with_bias(g, "FULLY_CONNECTED", x, f, units, type), [y], "FullyConnectedOptions",
        fusedActivationFunction=activation(g), keepNumDims=keep,
    )  # fmt: skip


@entry("transpose_conv", I8, I16, F32)
def transpose_conv(g, type):
    x = g.operand(type, rank=4, fits=lambda shape: shape[1] * shape[2] <= 36)
    n, h, w, c = x.shape
    taps, stride = [g.whole(1, 4), g.whole(1, 4)], [g.whole(1, 3), g.whole(1, 3)]
    padding, channels = g.pick([SAME, VALID]), g.pick((1, 2, 3, 4, 5, 8))
    f = filter_of(g, [channels, *taps, c], type, 0, I8)
    out = [i * s if padding == SAME else (i - 1) * s + max(t, s) for i, t, s in zip((h, w), taps, stride)]
    y = accumulated(g, type, x.scale * f.scale if x.quant else 1.0, math.prod(taps) * c, [n, *out, channels])
    b = bias(g, x, f, channels, type)
    inputs = [g.constant(y.shape, I32), f, x]
    g.op(
        "TRANSPOSE_CONV", inputs if b is None else [*inputs, b], [y], "TransposeConvOptions",
        padding=padding, strideH=stride[0], strideW=stride[1], fusedActivationFunction=activation(g),
    )  # fmt: skip


@entry("batch_matmul", I8, I16, F32)
def batch_matmul(g, type):
    a = g.operand(type, rank=(2, 3, 4))
    depth, columns = a.shape[-1], g.whole(1, 9)
    batch = [1 if g.chance(0.3) else d for d in a.shape[:-2]]
    adj_x, adj_y = g.chance(0.25), g.chance(0.4)
    if adj_x:
        depth = a.shape[-2]
    shape = [*batch, *((columns, depth) if adj_y else (depth, columns))]
    b = g.weights(shape, type, symmetric=type == I16) if g.chance(0.4) else g.operand(type, shape=shape)
    rows = a.shape[-1] if adj_x else a.shape[-2]
    y = accumulated(g, type, a.scale * b.scale if a.quant else 1.0, depth, [*a.shape[:-2], rows, columns])
    g.op("BATCH_MATMUL", [a, b], [y], "BatchMatMulOptions", adjX=adj_x, adjY=adj_y, asymmetricQuantizeInputs=False)


@entry("svdf", I8, F32)
def svdf(g, type):
    """Keeps its state from one invocation to the next. Without a bias LiteRT Micro ends the process."""
    batches, width = g.whole(1, 3), g.whole(1, 10)
    rank, units, memory = g.whole(1, 3), g.whole(1, 5), g.whole(1, 8)
    filters = rank * units
    x = g.operand(type, shape=[batches, width])
    features = g.weights([filters, width], type)
    if type == F32:
        times, kept, state = g.weights([filters, memory], F32), None, F32
    else:
        state = g.pick([I16, I8])
        times = g.weights([filters, memory], state, scale=g.scale(-16, -12))
        reach = math.sqrt(width) * 74 * 74 / (15000 if state == I16 else 60)
        kept = g.quantization(state, scale=_f32(x.scale * features.scale * reach))
        if state == I8 and kept.zero[0]:
            # LiteRT Micro saturates before it adds the zero point, and then wraps: let there be nothing to saturate.
            kept = Quantization([_f32(x.scale * features.scale * width * 255 * 128 / 90)], [g.whole(-30, 30)])
    b = g.weights([units], F32) if type == F32 and g.chance(0.98) else None
    if kept and g.chance(0.98):
        scale = _f32(kept.scale[0] * times.scale)
        b = g.constant(g.rng.integers(-20_000_000, 20_000_000, size=units), I32, Quantization([scale], [0]))
    variable = g.add([batches, memory * filters], state, kept, variable=True)
    quant = None
    if kept:
        quant = g.quantization(I8, scale=_f32(kept.scale[0] * times.scale * math.sqrt(memory * rank) * (10000 * 8000 if state == I16 else 3000) / 45))
    y = g.output([batches, units], type, quant)
    g.op("SVDF", [x, features, times, b, variable], [y], "SVDFOptions", rank=rank, fusedActivationFunction=g.pick([NONE, RELU]))


for name, function in {
    "conv_2d": conv_2d,
    "depthwise_conv_2d": depthwise_conv_2d,
    "fully_connected": fully_connected,
}.items():
    entry(name, I8, I16, F32)(function)
    add(f"{name}.int8-int4", lambda g, function=function: function(g, Type.INT8, I4))
