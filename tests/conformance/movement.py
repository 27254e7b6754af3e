"""Operators that move elements, and those that reduce or accumulate along axes."""
import math

import numpy as np

from basic import broadcast
from registry import BOOL, F32, I8, I16, I32, I64, U8, entry


def vector(g, values, type=I32):
    return g.constant(np.array(values, dtype=np.int64), type)


def axis_of(g, x):
    """An axis, at times counted from the end, and the same counted from the beginning."""
    axis = g.whole(0, len(x.shape) - 1)
    return (axis - len(x.shape) if g.chance(0.3) else axis), axis


@entry("concatenation", F32, I8, I16, I32, I64, BOOL)
def concatenation(g, type):
    x = g.operand(type)
    stated, axis = axis_of(g, x)
    parts, along = [x], x.shape[axis]
    for _ in range(g.whole(1, 3)):
        shape = list(x.shape)
        shape[axis] = g.whole(1, 4)
        along += shape[axis]
        constant = g.chance(0.2)
        # Operands are copied as they are: a result of another quantization is refused.
        parts.append(g.constant(g.values(shape, type), type, x.quant) if constant else g.input(shape, type, x.quant))
    if g.chance(0.3):
        parts.reverse()
    shape = list(x.shape)
    shape[axis] = along
    g.op("CONCATENATION", parts, [g.like(x, shape)], "ConcatenationOptions", axis=stated, fusedActivationFunction=0)


@entry("split", F32, I8, I16, I32)
def split(g, type):
    x = g.operand(type)
    stated, axis = axis_of(g, x)
    count = g.pick([d for d in range(1, min(x.shape[axis], 6) + 1) if x.shape[axis] % d == 0])
    shape = list(x.shape)
    shape[axis] //= count
    g.op("SPLIT", [vector(g, [stated]), x], [g.like(x, shape) for _ in range(count)], "SplitOptions", numSplits=count)


@entry("split_v", F32, I8, I16, I32)
def split_v(g, type):
    x = g.operand(type)
    stated, axis = axis_of(g, x)
    sizes, rest = [], x.shape[axis]
    while rest and len(sizes) < 4:
        sizes.append(g.whole(1, rest))
        rest -= sizes[-1]
    sizes[-1] += rest
    outputs = [g.like(x, [*x.shape[:axis], size, *x.shape[axis + 1 :]]) for size in sizes]
    g.op("SPLIT_V", [x, vector(g, sizes), vector(g, [stated])], outputs, "SplitVOptions", numSplits=len(sizes))


@entry("pack", F32, I8, I16, I32, I64)
def pack(g, type):
    x = g.operand(type, rank=(1, 2, 3))
    parts = [x, *[g.input(x.shape, type, x.quant) for _ in range(g.whole(0, 3))]]
    axis = g.whole(0, len(x.shape))
    shape = [*x.shape[:axis], len(parts), *x.shape[axis:]]
    stated = axis - len(shape) if g.chance(0.3) else axis
    g.op("PACK", parts, [g.like(x, shape)], "PackOptions", valuesCount=len(parts), axis=stated)


@entry("unpack", F32, I8, I16, I32)
def unpack(g, type):
    x = g.operand(type, rank=(2, 3, 4), fits=lambda shape: min(shape) <= 6)
    axis = g.pick([n for n, d in enumerate(x.shape) if d <= 6])
    shape = [*x.shape[:axis], *x.shape[axis + 1 :]]
    outputs = [g.like(x, shape) for _ in range(x.shape[axis])]
    stated = axis - len(x.shape) if g.chance(0.3) else axis
    g.op("UNPACK", [x], outputs, "UnpackOptions", num=len(outputs), axis=stated)


@entry("pad", F32, I8, I16, I32)
def pad(g, type):
    x = g.operand(type)
    pads = [[g.pick([0, 0, 1, 2, 3]), g.pick([0, 0, 1, 2, 3])] for _ in x.shape]
    y = g.like(x, [d + sum(p) for d, p in zip(x.shape, pads)])
    g.op("PAD", [x, vector(g, pads)], [y], "PadOptions")


@entry("padv2", F32, I8, I16, I32)
def padv2(g, type):
    x = g.operand(type)
    pads = [[g.pick([0, 0, 1, 2]), g.pick([0, 0, 1, 2])] for _ in x.shape]
    value = g.constant(g.values([1], type), type, x.quant)
    y = g.like(x, [d + sum(p) for d, p in zip(x.shape, pads)])
    g.op("PADV2", [x, vector(g, pads), value], [y], "PadV2Options")


@entry("mirror_pad", F32, I8)
def mirror_pad(g, type):
    x = g.operand(type)
    mode = g.pick([0, 1])
    pads = [[g.whole(0, min(2, d - 1 + mode)), g.whole(0, min(2, d - 1 + mode))] for d in x.shape]
    y = g.like(x, [d + sum(p) for d, p in zip(x.shape, pads)])
    g.op("MIRROR_PAD", [x, vector(g, pads)], [y], "MirrorPadOptions", mode=mode)


@entry("slice", F32, I8, I16, I32, BOOL)
def slice(g, type):
    x = g.operand(type)
    begin = [g.whole(0, d - 1) for d in x.shape]
    sizes = [g.whole(1, d - b) for d, b in zip(x.shape, begin)]
    stated = [-1 if b + s == d and g.chance(0.5) else s for d, b, s in zip(x.shape, begin, sizes)]
    kind = g.pick([I32, I32, I64])
    g.op("SLICE", [x, vector(g, begin, kind), vector(g, stated, kind)], [g.like(x, sizes)], "SliceOptions")


@entry("strided_slice", F32, I8, I16, I32, BOOL)
def strided_slice(g, type):
    x = g.operand(type)
    begin, end, step, shape = [], [], [], []
    begin_mask = end_mask = shrink = 0
    for n, d in enumerate(x.shape):
        kind = g.pick(["up", "up", "down", "whole", "one", "outside"])
        if kind == "one" and len(x.shape) > 1 and shrink != (1 << (len(x.shape) - 1)) - 1:
            at = g.whole(0, d - 1)
            begin, end, step = [*begin, at - d if g.chance(0.3) else at], [*end, at + 1], [*step, 1]
            shrink |= 1 << n
            continue
        if kind == "down":
            low = g.whole(-1, d - 2)
            high, s = g.whole(low + 1, d - 1), -g.pick([1, 1, 2, 3])
            begin, end, step = [*begin, high], [*end, low if low >= 0 else -d - 1], [*step, s]
            shape.append(-((high - low) // s))
        elif kind == "up":
            low = g.whole(0, d - 1)
            high, s = g.whole(low + 1, d), g.pick([1, 1, 2, 3])
            begin, step = [*begin, low - d if g.chance(0.2) else low], [*step, s]
            end.append(high - d if high < d and g.chance(0.2) else high)
            shape.append(-((low - high) // s))
        else:
            s = g.pick([1, 2])
            begin, end, step = [*begin, g.whole(-d, d - 1)], [*end, g.whole(-d, d - 1)], [*step, s]
            if kind == "outside":
                begin[-1], end[-1] = -d - 5, d + 7
            else:
                begin_mask, end_mask = begin_mask | 1 << n, end_mask | 1 << n
            shape.append(-(-d // s))
    g.op(
        "STRIDED_SLICE", [x, vector(g, begin), vector(g, end), vector(g, step)], [g.like(x, shape)],
        "StridedSliceOptions", beginMask=begin_mask, endMask=end_mask, shrinkAxisMask=shrink,
    )  # fmt: skip


@entry("transpose", F32, I8, I16)
def transpose(g, type):
    x = g.operand(type)
    order = [int(n) for n in g.rng.permutation(len(x.shape))]
    g.op("TRANSPOSE", [x, vector(g, order)], [g.like(x, [x.shape[n] for n in order])], "TransposeOptions")


@entry("gather", F32, I8)
def gather(g, type):
    x = g.operand(type)
    batch = g.whole(0, len(x.shape) - 1) if g.chance(0.25) else 0
    axis = g.whole(batch, len(x.shape) - 1)
    count = g.whole(1, 5)
    shape = [*x.shape[:batch], count] if batch or g.chance(0.8) else [2, count]
    high = x.shape[axis] - 1
    constant = g.chance(0.4)
    indices = vector(g, g.values(shape, I32, 0, high)) if constant else g.input(shape, I32, None, 0, high)
    y = g.like(x, [*x.shape[:axis], *shape[batch:], *x.shape[axis + 1 :]])
    g.op("GATHER", [x, indices], [y], "GatherOptions", axis=axis - len(x.shape) if g.chance(0.2) else axis, batchDims=batch)


@entry("gather_nd", F32, I8)
def gather_nd(g, type):
    x = g.operand(type)
    depth, count = g.whole(1, len(x.shape)), g.whole(1, 5)
    columns = [g.values([count], I32, 0, d - 1) for d in x.shape[:depth]]
    indices = vector(g, np.stack(columns, axis=1))
    g.op("GATHER_ND", [x, indices], [g.like(x, [count, *x.shape[depth:]])], "GatherNdOptions")


@entry("expand_dims", F32, I8, I16)
def expand_dims(g, type):
    x = g.operand(type, rank=(1, 2, 3))
    axis = g.whole(0, len(x.shape))
    stated = axis - len(x.shape) - 1 if g.chance(0.3) else axis
    g.op("EXPAND_DIMS", [x, vector(g, [stated])], [g.like(x, [*x.shape[:axis], 1, *x.shape[axis:]])], "ExpandDimsOptions")


@entry("squeeze", F32, I8, I16, I32, I64, U8, BOOL)
def squeeze(g, type):
    x = g.operand(type, rank=(2, 3, 4), fits=lambda shape: 1 in shape and max(shape) > 1)
    ones = [n for n, d in enumerate(x.shape) if d == 1]
    which = ones if g.chance(0.5) else [g.pick(ones)]
    stated = [] if which == ones and g.chance(0.5) else which
    y = g.like(x, [d for n, d in enumerate(x.shape) if n not in which])
    g.op("SQUEEZE", [x], [y], "SqueezeOptions", squeezeDims=stated)


@entry("shape", F32, I8, I16, I32, I64, U8, BOOL)
def shape(g, type):
    x = g.operand(type)
    g.op("SHAPE", [x], [g.output([len(x.shape)], I32)], "ShapeOptions", outType=I32)


@entry("broadcast_to", F32, I8, I16, I32, I64, U8, BOOL)
def broadcast_to(g, type):
    shape = g.shape()
    x = g.operand(type, shape=broadcast(g, shape))
    g.op("BROADCAST_TO", [x, vector(g, shape, g.pick([I32, I64]))], [g.like(x, shape)], "BroadcastToOptions")


@entry("fill", F32, I8, I32)
def fill(g, type):
    shape = g.shape()
    value = g.input([], type)
    g.op("FILL", [vector(g, shape), value], [g.like(value, shape)], "FillOptions")


@entry("depth_to_space", F32, I8)
def depth_to_space(g, type):
    block = g.pick([2, 2, 3])
    x = g.operand(type, shape=[1, g.whole(1, 4), g.whole(1, 4), block * block * g.whole(1, 3)])
    n, h, w, c = x.shape
    y = g.like(x, [n, h * block, w * block, c // block**2])
    g.op("DEPTH_TO_SPACE", [x], [y], "DepthToSpaceOptions", blockSize=block)


@entry("space_to_depth", F32, I8)
def space_to_depth(g, type):
    block = g.pick([2, 2, 3])
    x = g.operand(type, shape=[g.pick([1, 1, 2]), block * g.whole(1, 3), block * g.whole(1, 3), g.whole(1, 4)])
    n, h, w, c = x.shape
    y = g.like(x, [n, h // block, w // block, c * block**2])
    g.op("SPACE_TO_DEPTH", [x], [y], "SpaceToDepthOptions", blockSize=block)


@entry("space_to_batch_nd", F32, I8)
def space_to_batch_nd(g, type):
    block = [g.whole(1, 3), g.whole(1, 3)]
    pads = [[g.whole(0, 2), 0], [g.whole(0, 2), 0]]
    size = [b * g.whole(1, 3) for b in block]
    pads = [[p[0] % s if s > 1 else 0, 0] for p, s in zip(pads, size)]
    x = g.operand(type, shape=[g.pick([1, 2]), *[s - p[0] for s, p in zip(size, pads)], g.whole(1, 5)])
    n, _, _, c = x.shape
    y = g.like(x, [n * block[0] * block[1], size[0] // block[0], size[1] // block[1], c])
    g.op("SPACE_TO_BATCH_ND", [x, vector(g, block), vector(g, pads)], [y], "SpaceToBatchNDOptions")


@entry("batch_to_space_nd", F32, I8)
def batch_to_space_nd(g, type):
    block = [g.whole(1, 3), g.whole(1, 3)]
    x = g.operand(type, shape=[block[0] * block[1] * g.whole(1, 2), g.whole(1, 3), g.whole(1, 3), g.whole(1, 4)])
    n, h, w, c = x.shape
    size = [h * block[0], w * block[1]]
    crops = [[0, g.whole(0, min(1, s - 1))] for s in size]
    y = g.like(x, [n // (block[0] * block[1]), *[s - sum(p) for s, p in zip(size, crops)], c])
    g.op("BATCH_TO_SPACE_ND", [x, vector(g, block), vector(g, crops)], [y], "BatchToSpaceNDOptions")


def resize(name, options):
    def one(g, type):
        x = g.operand(type, rank=4)
        size = [g.whole(1, 9), g.whole(1, 9)]
        y = g.like(x, [x.shape[0], *size, x.shape[3]])
        kind = g.pick([(False, False), (True, False), (False, True)])
        g.op(name, [x, vector(g, size)], [y], options, alignCorners=kind[0], halfPixelCenters=kind[1])

    return one


entry("resize_bilinear", F32, I8)(resize("RESIZE_BILINEAR", "ResizeBilinearOptions"))
entry("resize_nearest_neighbor", F32, I8, I16)(resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"))

# ---- along axes --------------------------------------------------------------------------------------------------------


def reduction(name, keep_quantization):
    def one(g, type):
        x = g.operand(type)
        axes = sorted({g.whole(0, len(x.shape) - 1) for _ in range(g.whole(1, 3))})
        keep = g.chance(0.5)
        shape = [1 if n in axes else d for n, d in enumerate(x.shape) if keep or n not in axes]
        if keep_quantization:
            y = g.like(x, shape)
        else:
            factor = g.pick([1.0, 1.0, 0.25, 4.0, math.sqrt(x.size)]) * (0.5 + g.rng.random())
            quant = g.quantization(type, scale=float(np.float32(x.scale * factor))) if x.quant else None
            y = g.output(shape, type, quant)
        stated = [n - len(x.shape) if g.chance(0.2) else n for n in axes]
        g.op(name, [x, vector(g, stated)], [y], "ReducerOptions", keepDims=keep)

    return one


entry("mean", F32, I8, I16)(reduction("MEAN", False))
entry("sum", F32, I8, I16)(reduction("SUM", False))
entry("reduce_max", F32, I8)(reduction("REDUCE_MAX", True))
entry("reduce_min", F32, I8)(reduction("REDUCE_MIN", True))


def extreme(name, options):
    def one(g, type):
        x = g.operand(type)
        stated, axis = axis_of(g, x)
        shape = [d for n, d in enumerate(x.shape) if n != axis]
        g.op(name, [x, vector(g, [stated])], [g.output(shape, I32)], options, outputType=I32)

    return one


entry("arg_max", F32, I8)(extreme("ARG_MAX", "ArgMaxOptions"))
entry("arg_min", F32, I8)(extreme("ARG_MIN", "ArgMinOptions"))


@entry("cumsum", F32, I8)
def cumsum(g, type):
    x = g.operand(type)
    stated, _ = axis_of(g, x)
    quant = g.quantization(type, scale=float(np.float32(x.scale * g.pick([1, 2, 4])))) if x.quant else None
    y = g.output(x.shape, type, quant)
    g.op("CUMSUM", [x, vector(g, [stated])], [y], "CumsumOptions", exclusive=g.chance(0.5), reverse=g.chance(0.5))


@entry("reduce_all", BOOL)
def reduce_all(g, type):
    x = g.operand(type)
    axes = sorted({g.whole(0, len(x.shape) - 1) for _ in range(g.whole(1, 2))})
    keep = g.chance(0.5)
    shape = [1 if n in axes else d for n, d in enumerate(x.shape) if keep or n not in axes]
    g.op("REDUCE_ALL", [x, vector(g, axes)], [g.output(shape, type)], "ReducerOptions", keepDims=keep)


@entry("reverse_v2", F32, I8, I16, I32, I64, U8, BOOL)
def reverse_v2(g, type):
    x = g.operand(type)
    axes = sorted({g.whole(0, len(x.shape) - 1)})
    g.op("REVERSE_V2", [x, vector(g, axes)], [g.like(x)], "ReverseV2Options")


@entry("broadcast_args", I32, I64)
def broadcast_args(g, type):
    shape = g.shape()
    other = broadcast(g, shape)
    y = g.output([len(shape)], type)
    g.op("BROADCAST_ARGS", [vector(g, shape, type), g.input([len(other)], type, None, 1, 1)], [y])


@entry("dynamic_update_slice", F32, I8, I16, I32)
def dynamic_update_slice(g, type):
    x = g.operand(type)
    part = g.input([g.whole(1, d) for d in x.shape], type, x.quant)
    # Starts beyond the end are moved back so that the part fits.
    if g.chance(0.5):
        start = vector(g, [g.whole(0, d) for d in x.shape])
    else:
        start = g.input([len(x.shape)], g.pick([I32, I64]), None, -2, 9)
    g.op("DYNAMIC_UPDATE_SLICE", [x, part, start], [g.like(x)], "DynamicUpdateSliceOptions")


@entry("embedding_lookup", F32, I8)
def embedding_lookup(g, type):
    rows, width, count = g.whole(1, 9), g.whole(1, 9), g.whole(1, 6)
    table = g.weights([rows, width], type)
    indices = g.input([count], I32, None, 0, rows - 1)
    g.op("EMBEDDING_LOOKUP", [indices, table], [g.like(table, [count, width])])
