"""Operators that compute every element from the elements at its place: of one operand, of two, of several."""
import numpy as np

from basic import two
from graph import NAMES, QUANTIZED, Quantization
from registry import BOOL, F32, I8, I16, I32, I64, U8, U32, add, entry
from weighted import activation

# ---- one operand -------------------------------------------------------------------------------------------------------

# Output quantizations that an operator fixes.
UNIT = {I8: Quantization([1 / 128], [0]), I16: Quantization([1 / 32768], [0])}
PROBABILITY = {I8: Quantization([1 / 256], [-128]), I16: Quantization([1 / 32768], [0])}
FREE = {}


def positive(g, type, shape, low, high):
    """A new input of positive values: of floats from `low` to `high`, of integers all that the type has."""
    if type == F32:
        return g.input(shape, type, None, low, high)
    lowest, highest = QUANTIZED.get(type, (0, 100))
    zero = lowest if type == I8 else 0
    return g.input(shape, type, g.quantization(type, zero=zero), zero + 1, highest)


def unary(name, options=None, quant=FREE, low=None, high=None, keep=False, **fields):
    """An operator of one operand. With `low` and `high` it is positive; fields that are functions are drawn."""

    def one(g, type):
        if low is None:
            x = g.operand(type)
        else:
            # A quantized operand reaches down to `low` by its zero point.
            x = positive(g, type, g.shape(), low, high)
        y = g.like(x) if keep else g.output(x.shape, type, quant.get(type))
        drawn = {key: value(g) if callable(value) else value for key, value in fields.items()}
        g.op(name, [x], [y], options, **drawn)

    return one


UNARY = [
    ("abs", [F32, I8, I16], unary("ABS", "AbsOptions")),
    ("ceil", [F32], unary("CEIL")),
    ("cos", [F32], unary("COS", "CosOptions")),
    ("elu", [F32, I8], unary("ELU")),
    ("exp", [F32], unary("EXP", "ExpOptions")),
    ("floor", [F32], unary("FLOOR")),
    ("hard_swish", [F32, I8], unary("HARD_SWISH", "HardSwishOptions")),
    ("l2_normalization", [F32, I8], unary("L2_NORMALIZATION", "L2NormOptions", UNIT)),
    ("leaky_relu", [F32, I8, I16], unary("LEAKY_RELU", "LeakyReluOptions", alpha=lambda g: g.real(0, 1.5))),
    ("log", [F32], unary("LOG")),
    ("log_softmax", [F32, I8], unary("LOG_SOFTMAX", "LogSoftmaxOptions", {I8: Quantization([16 / 256], [127])})),
    ("logical_not", [BOOL], unary("LOGICAL_NOT", "LogicalNotOptions")),
    ("logistic", [F32, I8, I16], unary("LOGISTIC", None, PROBABILITY)),
    ("neg", [F32], unary("NEG", "NegOptions")),
    ("relu", [F32, I8, I16], unary("RELU")),
    ("relu6", [F32, I8, I16], unary("RELU6")),
    ("round", [F32], unary("ROUND")),
    ("rsqrt", [F32, I8, I16], unary("RSQRT", low=0.01, high=9.0)),
    ("sin", [F32], unary("SIN")),
    ("sqrt", [F32], unary("SQRT")),
    ("square", [F32], unary("SQUARE", "SquareOptions")),
    ("tanh", [F32, I8, I16], unary("TANH", None, UNIT)),
    ("zeros_like", [F32, I8, I32, I64], unary("ZEROS_LIKE", "ZerosLikeOptions", keep=True)),
]
for name, types, function in UNARY:
    entry(name, *types)(function)

# ---- two operands ------------------------------------------------------------------------------------------------------


def arithmetic(name, options, fused=True, spread=None):
    """SUB and its like: a result of the operands' type. `spread` gives the output's scale from the operands'."""

    def one(g, type):
        a, b, shape = two(g, type)
        quant = None
        if a.quant:
            scale = (spread or max)(a.scale, b.scale)
            factor = g.pick([*[1.0] * 6, 0.25, 4.0, 2.0**-8, 2.0**12]) * (0.5 + g.rng.random())
            quant = g.quantization(type, scale=float(np.float32(scale * factor)))
        more = {"fusedActivationFunction": activation(g)} if fused else {}
        g.op(name, [a, b], [g.output(shape, type, quant)], options, **more)

    return one


def divided(g, type):
    """DIV: no divisor is zero, which LiteRT Micro refuses to divide by."""
    shape = g.shape()
    a = g.input(shape, type)
    b = positive(g, type, shape if g.chance(0.6) else [1], 0.25, 4.0)
    g.op("DIV", [a, b], [g.output(shape, type)], "DivOptions", fusedActivationFunction=activation(g))


def modulo(name, options):
    def one(g, type):
        shape = g.shape()
        a = g.input(shape, type)
        b = positive(g, type, shape if g.chance(0.6) else [1], 0.25, 4.0)
        g.op(name, [a, b], [g.output(shape, type)], options)

    return one


def selection(name):
    """MAXIMUM and MINIMUM: operands and result share one quantization."""

    def one(g, type):
        a, b, shape = two(g, type, same=True)
        g.op(name, [a, b], [g.like(a, shape)], "MaximumMinimumOptions")

    return one


def comparison(name, options, same=False):
    def one(g, type):
        a, b, shape = two(g, type, same=same)
        g.op(name, [a, b], [g.output(shape, BOOL)], options)

    return one


def prelu(g, type):
    """PRELU: slopes are int8 for int16, too."""
    x = g.operand(type, rank=4)
    shape = g.pick([[1, 1, x.shape[3]], [1, 1, x.shape[3]], x.shape, [x.shape[1], 1, 1]])
    alpha = g.weights(shape, F32 if type == F32 else I8, scale=g.scale(-9, -6), symmetric=g.chance(0.5))
    g.op("PRELU", [x, alpha], [g.output(x.shape, type)])


def product(a, b):
    return a * b * 64


BINARY = [
    ("sub", [F32, I8, I16, I32], arithmetic("SUB", "SubOptions")),
    ("mul", [F32, I8, I16, I32], arithmetic("MUL", "MulOptions", spread=product)),
    ("squared_difference", [F32, I8, I16, I32], arithmetic("SQUARED_DIFFERENCE", "SquaredDifferenceOptions", False, product)),
    ("div", [F32, I8, I32], divided),
    ("floor_div", [F32], modulo("FLOOR_DIV", "FloorDivOptions")),
    ("floor_mod", [F32], modulo("FLOOR_MOD", "FloorModOptions")),
    ("maximum", [F32, I8, I16, I32, I64], selection("MAXIMUM")),
    ("minimum", [F32, I8, I16, I32, I64], selection("MINIMUM")),
    ("equal", [F32, I8, I32, I64, BOOL], comparison("EQUAL", "EqualOptions")),
    ("not_equal", [F32, I8, I32, I64, BOOL], comparison("NOT_EQUAL", "NotEqualOptions")),
    ("greater", [F32, I8, I32, I64], comparison("GREATER", "GreaterOptions")),
    ("greater_equal", [F32, I8, I32, I64], comparison("GREATER_EQUAL", "GreaterEqualOptions")),
    ("less", [F32, I8, I32, I64], comparison("LESS", "LessOptions")),
    ("less_equal", [F32, I8, I32, I64], comparison("LESS_EQUAL", "LessEqualOptions")),
    ("logical_and", [BOOL], comparison("LOGICAL_AND", "LogicalAndOptions")),
    ("logical_or", [BOOL], comparison("LOGICAL_OR", "LogicalOrOptions")),
    ("prelu", [F32, I8, I16], prelu),
]
for name, types, function in BINARY:
    entry(name, *types)(function)

# ---- several operands, other types ---------------------------------------------------------------------------------------


@entry("add_n", F32, I8)
def add_n(g, type):
    a = g.operand(type)
    more = [g.input(a.shape, type, a.quant) for _ in range(g.whole(1, 3))]
    g.op("ADD_N", [a, *more], [g.output(a.shape, type)], "AddNOptions")


@entry("select_v2", F32, I8, I16)
def select_v2(g, type):
    a, b, shape = two(g, type, same=True)
    condition = g.operand(BOOL, shape=shape if g.chance(0.6) else [1] * len(shape))
    g.op("SELECT_V2", [condition, a, b], [g.like(a, shape)], "SelectV2Options")


def converted(name, options=None, **fields):
    def between(source, target):
        def one(g):
            scaled = Quantization([g.scale()], [0]) if name == "QUANTIZE" else None
            if source in QUANTIZED or source == BOOL:
                x = g.operand(source)
            else:
                low = 0 if U32 in (source, target) else -100
                x = g.input(g.shape(), source, scaled if source == I32 else None, low, 100)
            fields_now = {key: (source if value == "source" else target) for key, value in fields.items()}
            g.op(name, [x], [g.output(x.shape, target, scaled if target == I32 else None)], options, **fields_now)

        return one

    return between


def table(name, between, pairs):
    for source, target in pairs:
        add(f"{name}.{NAMES[source]}-{NAMES[target]}", between(source, target))


table("quantize", converted("QUANTIZE", "QuantizeOptions"), [
    (F32, I8), (F32, I16), (I8, I8), (I8, I16), (I8, I32), (I8, U8), (I16, I8), (I16, I16), (I16, I32),
    (U8, I8), (I32, I8), (I32, I16),
])  # fmt: skip
table("dequantize", converted("DEQUANTIZE", "DequantizeOptions"), [(I8, F32), (I16, F32), (U8, F32)])
table("cast", converted("CAST", "CastOptions", inDataType="source", outDataType="target"), [
    (a, b) for a in (F32, I8, I16, I32, BOOL, U32) for b in (F32, I8, I16, I32, BOOL, U32) if a != b
])  # fmt: skip
