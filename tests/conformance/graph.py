"""A model that is drawn operator by operator, and its bytes as a `.tflite` file.

Knows the file format; what an operator's tensors look like is in `entries.py`. Every number comes from one seeded
generator and exact arithmetic, so that the same seed gives the same bytes on every machine.
"""
import dataclasses
import math

import flatbuffers
import flatbuffers.flexbuffers as flexbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

Type = schema.TensorType
DTYPES = {
    Type.FLOAT32: np.dtype("<f4"),
    Type.INT8: np.dtype("i1"),
    Type.UINT8: np.dtype("u1"),
    Type.INT16: np.dtype("<i2"),
    Type.INT32: np.dtype("<i4"),
    Type.UINT32: np.dtype("<u4"),
    Type.INT64: np.dtype("<i8"),
    Type.BOOL: np.dtype("?"),
    Type.INT4: np.dtype("i1"),
}
NAMES = {
    Type.FLOAT32: "float32",
    Type.INT8: "int8",
    Type.UINT8: "uint8",
    Type.INT16: "int16",
    Type.INT32: "int32",
    Type.UINT32: "uint32",
    Type.INT64: "int64",
    Type.BOOL: "bool",
    Type.INT4: "int4",
}
# Types that a quantization belongs to, with their smallest and largest value.
QUANTIZED = {Type.INT8: (-128, 127), Type.UINT8: (0, 255), Type.INT16: (-32768, 32767), Type.INT4: (-8, 7)}
# Zeros, infinities, what is no number, subnormal and large ones, and where exponentials overflow and vanish.
SPECIAL = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, -3e38, 88.8, -104.0, 1e-8, 65504.0, 1.0])
# An existing activation larger than this is not used again: operators that grow tensors would grow them for ever.
LARGE = 600


@dataclasses.dataclass
class Quantization:
    """Scales and zero points, along `axis` where there are several."""

    scale: list
    zero: list
    axis: int = 0


@dataclasses.dataclass
class Tensor:
    index: int
    shape: tuple
    type: int
    quant: Quantization | None
    constant: np.ndarray | None = None
    draw: object = None
    variable: bool = False

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def scale(self):
        return self.quant.scale[0]

    @property
    def zero(self):
        return self.quant.zero[0]


class AlignedBuffer(schema.BufferT):
    """A constant on a boundary of 16 bytes, which the format demands and the generated writer forgets."""

    def Pack(self, builder):
        if self.data is not None:
            builder.StartVector(1, len(self.data), 16)
            builder.head -= len(self.data)
            builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
            data = builder.EndVector()
        schema.BufferStart(builder)
        if self.data is not None:
            schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


class Graph:
    """`chained` graphs feed operators with what earlier ones have written; others have one operator."""

    def __init__(self, rng, chained=False):
        self.rng, self.chained = rng, chained
        self.tensors, self.inputs, self.operators = [], [], []
        self.codes, self.functions = [], []

    # ---- numbers -------------------------------------------------------------------------------------------------------

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, values):
        return values[int(self.rng.integers(len(values)))]

    def whole(self, low, high):
        """A whole number from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def real(self, low=-1.0, high=1.0):
        """A float32."""
        return float(np.float32(low + (high - low) * self.rng.random()))

    def scale(self, low=-9, high=-2):
        """A float32 from 2^(low-1) to 2^high, its logarithm evenly drawn in steps of one bit."""
        return float(np.float32(math.ldexp(0.5 + self.rng.random() / 2, self.whole(low, high))))

    # ---- tensors -------------------------------------------------------------------------------------------------------

    def quantization(self, type, scale=None, zero=None):
        """One scale and zero point for an activation; `None` for types that have none. int16 is symmetric."""
        if type not in QUANTIZED:
            return None
        low, high = QUANTIZED[type]
        if zero is None:
            zero = 0 if type == Type.INT16 else self.pick([low, high, 0, *[self.whole(low, high)] * 5])
        if scale is None:
            scale = self.scale(-17, -10) if type == Type.INT16 else self.scale()
        return Quantization([scale], [zero])

    def add(self, shape, type, quant=None, **more):
        tensor = Tensor(len(self.tensors), tuple(int(d) for d in shape), type, quant, **more)
        self.tensors.append(tensor)
        return tensor

    def shape(self, rank=None, largest=200, dims=(1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16)):
        """A shape of few elements, mostly of up to four dimensions."""
        rank = self.pick([1, 2, 3, 4] * 4 + [5]) if rank is None else rank
        while True:
            shape = [self.pick(dims) for _ in range(rank)]
            if rank == 4 and not self.chance(0.15):
                shape[0] = 1
            if math.prod(shape) <= largest:
                return shape

    def input(self, shape, type, quant=None, low=None, high=None):
        """A new input of the model; values lie between `low` and `high`, which are the type's own or -4 and 4."""
        quant = quant or self.quantization(type)
        tensor = self.add(shape, type, quant, draw=(low, high))
        self.inputs.append(tensor)
        return tensor

    def operand(self, type, rank=None, shape=None, low=None, high=None, fits=None):
        """An activation to read: in a chained graph mostly one that is there, else a new input.

        `fits` says of a tensor's shape whether it will do. Values that must lie in a range are always new inputs.
        """
        ranks = [rank] if rank is None or isinstance(rank, int) else rank
        if self.chained and low is None and self.chance(0.85):

            def usable(t):
                return (
                    t.type == type
                    and (t.quant is None) == (type not in QUANTIZED)
                    and t.constant is None
                    and not t.variable
                    and (t.draw is None or t.draw == (None, None))
                    and t.size <= LARGE
                    and (len(t.shape) in ranks if rank is not None else len(t.shape) > 0)
                    and (shape is None or t.shape == tuple(shape))
                    and (fits is None or fits(t.shape))
                )

            found = [t for t in self.tensors if usable(t)]
            if found:
                return self.pick(found[-4:])
        while shape is None or (fits is not None and not fits(tuple(shape))):
            shape = self.shape(self.pick(ranks))
        return self.input(shape, type, None, low, high)

    def constant(self, values, type, quant=None):
        """A constant; int4 values are packed when the model is written."""
        values = np.ascontiguousarray(values, DTYPES[type])
        return self.add(values.shape, type, quant, constant=values)

    def weights(self, shape, type, axis=None, scale=None, symmetric=True):
        """A constant of arbitrary values, with one scale or one for each slice along `axis`."""
        if type not in QUANTIZED:
            return self.constant(self.values(shape, type), type)
        low, high = QUANTIZED[type]
        low = low + 1 if symmetric and type != Type.INT4 else low
        scale = scale or self.scale(-10, -5)
        scales = [scale] if axis is None else [
            float(np.float32(scale * (0.25 + 1.75 * self.rng.random()))) for _ in range(shape[axis])
        ]
        zeros = [0 if symmetric else self.whole(low, high)] * len(scales)
        values = self.rng.integers(low, high + 1, size=tuple(shape))
        return self.constant(values, type, Quantization(scales, zeros, axis or 0))

    def output(self, shape, type, quant=None):
        return self.add(shape, type, quant or self.quantization(type))

    def like(self, tensor, shape=None, type=None):
        """An output of the same quantization and, where not said, type and shape."""
        shape = tensor.shape if shape is None else shape
        return self.add(shape, tensor.type if type is None else type, tensor.quant)

    def values(self, shape, type, low=None, high=None):
        """Arbitrary values of a type, with its extremes more often than chance has them."""
        size = math.prod(shape)
        if type == Type.FLOAT32:
            special = low is None and not self.chained and self.chance(0.15)
            low, high = -4.0 if low is None else low, 4.0 if high is None else high
            values = np.float32(low + (high - low) * self.rng.random(size))
            exact = self.rng.random(size) < 0.15
            values[exact] = np.clip(np.round(values[exact] * 2) / 2, low, high)
            if special:
                which = self.rng.random(size) < 0.25
                values[which] = SPECIAL[self.rng.integers(len(SPECIAL), size=size)][which]
            return values.reshape(shape)
        if type == Type.BOOL:
            return (self.rng.random(size) < 0.5).reshape(shape)
        if low is None:
            info = np.iinfo(DTYPES[type])
            low, high = QUANTIZED.get(type, (max(-1000, info.min), min(1000, info.max)))
        values = self.rng.integers(low, high + 1, size=size)
        extreme = self.rng.random(size)
        values[extreme < 0.03] = low
        values[extreme > 0.97] = high
        return values.astype(DTYPES[type]).reshape(shape)

    def op(self, name, inputs, outputs, options=None, custom=None, **fields):
        """One operator; `None` among the inputs is one that is left out. `options` is the schema's table, without `T`.

        An operator whose name is `CUSTOM` is called `custom`, and `fields` are its options, as FlexBuffers: numbers, texts
        and lists of them; none where there are no fields.
        """
        code = (getattr(schema.BuiltinOperator, name), custom)
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs = [-1 if t is None else t.index for t in inputs]
        operator.outputs = [t.index for t in outputs]
        if options:
            table = getattr(schema, options + "T")()
            for field, value in fields.items():
                assert hasattr(table, field), f"{options} has no {field}"
                setattr(table, field, value)
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = table
        elif custom and fields:
            operator.customOptions = np.frombuffer(bytes(flexbuffers.Dumps(fields)), np.uint8)
        self.operators.append((operator, inputs, outputs))
        return outputs[0] if outputs else None

    # ---- the file ------------------------------------------------------------------------------------------------------

    def results(self):
        """The model's outputs: whatever is written and not read, and now and then something that is read too."""
        read = {t.index for _, inputs, _ in self.operators for t in inputs if t is not None}
        written = [t for _, _, outputs in self.operators for t in outputs]
        last = [t for t in written if t.index not in read]
        # A model has an output.
        last = last or written[-1:]
        return last + [t for t in written if t.index in read and self.chance(0.15)]

    def keeps_state(self):
        return any(t.variable or t.type == Type.RESOURCE for t in self.tensors)

    def vector(self):
        """Bytes of one set of inputs."""
        return [self.values(t.shape, t.type, *t.draw).tobytes() for t in self.inputs]

    def file(self):
        """Bytes of the model."""
        model = schema.ModelT()
        model.version, model.description = 3, "conformance"
        model.operatorCodes = [self._code(*code) for code in self.codes]
        model.buffers = [AlignedBuffer()]
        subgraph = self._subgraph(model.buffers)
        subgraph.inputs = [t.index for t in self.inputs]
        subgraph.outputs = [t.index for t in self.results()]
        subgraph.name = "main"
        model.subgraphs = [subgraph] + [once._subgraph(model.buffers) for once in self.functions]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _subgraph(self, buffers):
        subgraph = schema.SubGraphT()
        subgraph.tensors = [self._tensor(t, buffers) for t in self.tensors]
        subgraph.operators = [operator for operator, _, _ in self.operators]
        subgraph.inputs, subgraph.outputs, subgraph.name = [], [], "once"
        return subgraph

    def function(self):
        """A function beside the main one, which shares its operator codes."""
        function = Graph(self.rng)
        function.codes = self.codes
        self.functions.append(function)
        return function

    @staticmethod
    def _code(builtin, custom):
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
        code.customCode = custom
        return code

    @staticmethod
    def _tensor(tensor, buffers):
        table = schema.TensorT()
        table.shape, table.type, table.isVariable = list(tensor.shape), tensor.type, tensor.variable
        table.name, table.buffer = f"t{tensor.index}", 0
        if tensor.constant is not None:
            buffer = AlignedBuffer()
            buffer.data = packed(tensor)
            buffers.append(buffer)
            table.buffer = len(buffers) - 1
        if tensor.quant:
            quant = schema.QuantizationParametersT()
            quant.scale, quant.zeroPoint = tensor.quant.scale, tensor.quant.zero
            quant.quantizedDimension = tensor.quant.axis
            table.quantization = quant
        return table


def packed(tensor):
    """Bytes of a constant: two int4 values a byte, the first in the lower half."""
    data = tensor.constant.tobytes()
    if tensor.type != Type.INT4:
        return data
    halves = [byte & 15 for byte in data] + [0] * (len(data) % 2)
    return bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2]))
