"""Pooling, addition, softmax, reshape."""
import math

import numpy as np

from graph import Quantization
from registry import BOOL, F32, I8, I16, I32, I64, U8, entry
from registry import add as add_entry
from weighted import activation, size, window


def pool(name):
    def one(g, type):
        x = g.operand(type, rank=4)
        n, h, w, c = x.shape
        taps, stride, _, padding = window(g, h, w, dilated=False)
        y = g.like(x, [n, size(h, taps[0], stride[0], padding), size(w, taps[1], stride[1], padding), c])
        g.op(
            name, [x], [y], "Pool2DOptions", padding=padding, strideH=stride[0], strideW=stride[1],
            filterHeight=taps[0], filterWidth=taps[1], fusedActivationFunction=activation(g),
        )  # fmt: skip

    return one


entry("l2_pool_2d", F32)(pool("L2_POOL_2D"))
entry("average_pool_2d", I8, I16, F32)(pool("AVERAGE_POOL_2D"))
entry("max_pool_2d", I8, I16, F32)(pool("MAX_POOL_2D"))


def broadcast(g, shape, ranks=True):
    """A shape that broadcasts to `shape`: some dimensions one, and at times fewer of them."""
    other = [1 if g.chance(0.5) else d for d in shape]
    return other[g.whole(0, len(other) - 1) :] if ranks and g.chance(0.4) else other


def two(g, type, same=False):
    """Two operands and the shape of the result: equal shapes, either broadcast, either a constant; with `same`, of the
    same quantization."""
    a = g.operand(type)
    kind = g.pick(["equal", "equal", "itself", "broadcast", "scalar", "constant", "both"])
    if kind == "itself":
        return a, a, a.shape
    shape = a.shape
    if kind == "broadcast":
        shape = broadcast(g, a.shape)
    elif kind == "scalar":
        shape = [1] * g.whole(1, len(a.shape))
    elif kind == "both" and len(a.shape) > 1:
        shape = [g.whole(2, 4) if d == 1 else 1 if g.chance(0.4) else d for d in a.shape]
    elif kind == "constant":
        shape = broadcast(g, a.shape) if g.chance(0.5) else a.shape
    if kind == "constant":
        b = g.constant(g.values(shape, type), type, a.quant if same else g.quantization(type))
    elif same:
        b = g.input(shape, type, a.quant)
    else:
        b = g.operand(type, shape=shape)
    result = np.broadcast_shapes(a.shape, tuple(shape))
    return (b, a, result) if g.chance(0.4) else (a, b, result)


@entry("add", I8, I16, F32, I32)
def add(g, type):
    a, b, shape = two(g, type)
    quant = None
    if a.quant:
        # LiteRT Micro's sums have 20 bits of room, and 15 for int16; beyond, it ends the process.
        room = 2.0 ** -(19 if type == I8 else 14)
        factor = g.pick([*[1.0] * 8, 0.25, 4.0, 2.0**-8, room * 4, room * 2, room, 2.0**12]) * (0.5 + g.rng.random())
        quant = g.quantization(type, scale=float(np.float32(max(a.scale, b.scale) * factor)))
    y = g.output(shape, type, quant)
    g.op("ADD", [a, b], [y], "AddOptions", fusedActivationFunction=activation(g), potScaleInt16=False)


@entry("softmax", I8, I16, F32)
def softmax(g, type):
    x = g.operand(type, fits=lambda shape: type != I16 or len(shape) > 0)
    quant = {I8: Quantization([1 / 256], [-128]), I16: Quantization([1 / 32768], [0])}.get(type)
    g.op("SOFTMAX", [x], [g.add(x.shape, type, quant)], "SoftmaxOptions", beta=g.pick([1.0, 1.0, 0.5, 2.0, g.real(0.1, 8.0)]))


def softmax_to_int16(g):
    x = g.operand(I8, fits=lambda shape: len(shape) > 0)
    y = g.add(x.shape, I16, Quantization([1 / 65536], [-32768]))
    g.op("SOFTMAX", [x], [y], "SoftmaxOptions", beta=g.pick([1.0, 1.0, 0.5, 2.0, g.real(0.1, 8.0)]))


add_entry("softmax.int8-int16", softmax_to_int16)


@entry("reshape", I8, I16, F32, I32, U8, I64, BOOL)
def reshape(g, type):
    x = g.operand(type)
    shape, rest = [], x.size
    for _ in range(g.whole(0, 3)):
        shape.append(g.pick([d for d in range(1, rest + 1) if rest % d == 0]))
        rest //= shape[-1]
    shape.append(rest)
    assert math.prod(shape) == x.size
    y = g.like(x, shape)
    if g.chance(0.7):
        stated = list(shape)
        if g.chance(0.3):
            stated[g.whole(0, len(shape) - 1)] = -1
        g.op("RESHAPE", [x, g.constant(stated, I32)], [y], "ReshapeOptions", newShape=shape)
    else:
        g.op("RESHAPE", [x], [y], "ReshapeOptions", newShape=shape)
