"""Operators that keep state by way of variables. (SVDF is in `weighted.py`.)"""
from graph import Type
from registry import BOOL, F32, I8, I16, I32, entry

TYPES = (I8, I16, F32, I32, BOOL)


@entry("variable", *TYPES)
def variable(g, type):
    """One or two variables that are read before, after or without being assigned an activation or a constant."""
    x = g.operand(type)
    for name in ["a", "b"][: g.whole(1, 2)]:
        kept = g.add(x.shape, type, x.quant)
        handles = [g.add([1], Type.RESOURCE) for _ in range(g.whole(1, 2))]
        for handle in handles:
            g.op("VAR_HANDLE", [], [handle], "VarHandleOptions", container="", sharedName=f"{name}{x.index}")
        value = g.constant(g.values(x.shape, type), type, x.quant) if g.chance(0.2) else x
        assign = lambda: g.op("ASSIGN_VARIABLE", [handles[-1], value], [], "AssignVariableOptions")  # noqa: E731
        first = g.chance(0.3)
        if first:
            assign()
        g.op("READ_VARIABLE", [handles[0]], [kept], "ReadVariableOptions")
        if type in (F32, I32) and g.chance(0.5):
            value = g.op("ADD", [x, kept], [g.like(x)], "AddOptions")
        if not first or g.chance(0.3):
            assign()


@entry("call_once", *TYPES)
def call_once(g, type):
    """A function gives a variable its first value; it is read and perhaps assigned."""
    x = g.operand(type)
    once, name = g.function(), f"c{x.index}"
    there, handle = once.add([1], Type.RESOURCE), g.add([1], Type.RESOURCE)
    first = once.constant(once.values(x.shape, type), type, x.quant)
    once.op("VAR_HANDLE", [], [there], "VarHandleOptions", container="", sharedName=name)
    once.op("ASSIGN_VARIABLE", [there, first], [], "AssignVariableOptions")
    g.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=len(g.functions))
    g.op("VAR_HANDLE", [], [handle], "VarHandleOptions", container="", sharedName=name)
    g.op("READ_VARIABLE", [handle], [g.like(x)], "ReadVariableOptions")
    if g.chance(0.7):
        g.op("ASSIGN_VARIABLE", [handle, x], [], "AssignVariableOptions")
