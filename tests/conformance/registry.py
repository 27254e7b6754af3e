"""The table of what can be generated: a name such as `conv_2d.int8` and the function that adds one to a graph."""
from graph import NAMES, Type

F32, I4, I8, U8, I16, I32, U32, I64, U64, BOOL = (
    Type.FLOAT32, Type.INT4, Type.INT8, Type.UINT8, Type.INT16, Type.INT32, Type.UINT32, Type.INT64, Type.UINT64,
    Type.BOOL,
)  # fmt: skip
# Names and functions, in the order of registration.
ENTRIES = {}


def entry(name, *types):
    """Registers a function of (graph, type) for each of the types: it reads operands of the graph and adds one operator."""

    def register(function):
        for type in types:
            add(f"{name}.{NAMES[type]}", lambda g, type=type: function(g, type))
        return function

    return register


def add(name, function):
    assert name not in ENTRIES, name
    ENTRIES[name] = function
