"""IF and WHILE, with graphs beside the main one.

What leaves a graph has the type and shape of the operator's output, and what enters one its quantization as well.
"""
import numpy as np

from graph import Type
from registry import BOOL, F32, I8, I16, I32, entry

TYPES = (I8, I16, F32, I32, BOOL)


def inside(h, x):
    """The same tensor as `x` of another graph, as an input of `h`."""
    y = h.like(x)
    h.inputs.append(y)
    return y


def other(h, x):
    """A second operand for `x`: itself, another input of its kind, or a constant."""
    alike = [t for t in h.inputs if (t.type, t.shape, t.quant) == (x.type, x.shape, x.quant)]
    return h.pick([x, *alike, h.constant(h.values(x.shape, x.type), x.type, x.quant)])


def step(h, x):
    """One operator on `x` whose result is like it."""
    y = h.like(x)
    fused = {"fusedActivationFunction": 0}
    ways = ["RESHAPE"]
    if x.type == BOOL:
        ways += ["LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"]
    else:
        ways += ["ADD", "SUB", "MAXIMUM", "MINIMUM"] + ["MUL"] * (x.type != I32)
        if x.type == I8 and len(x.shape) == 2:
            ways += ["FULLY_CONNECTED"] * 4
    way = h.pick(ways)
    if way == "RESHAPE":
        flat = h.like(x, [x.size])
        h.op("RESHAPE", [x], [flat], "ReshapeOptions", newShape=[x.size])
        if h.chance(0.5):
            flat = step(h, flat)
        return h.op("RESHAPE", [flat], [y], "ReshapeOptions", newShape=list(x.shape))
    if way == "FULLY_CONNECTED":
        depth = x.shape[1]
        weights = h.weights([depth, depth], I8)
        bias = h.constant(h.values([depth], I32), I32)
        return h.op(way, [x, weights, bias], [y], "FullyConnectedOptions", keepNumDims=False, **fused)
    if way == "LOGICAL_NOT":
        return h.op(way, [x], [y], "LogicalNotOptions")
    options = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "LOGICAL_OR": "LogicalOrOptions"}
    options |= {"LOGICAL_AND": "LogicalAndOptions"}
    more = fused if way in ("ADD", "SUB", "MUL") else {}
    if way == "ADD":
        more = fused | {"potScaleInt16": False}
    return h.op(way, [x, other(h, x)], [y], options.get(way, "MaximumMinimumOptions"), **more)


def steps(h, x, least=0):
    for _ in range(h.whole(least, 3)):
        x = step(h, x)
    return x


def condition(g, x):
    """One bool: an input, computed, or a constant."""
    kind = g.pick(["input", "input", "less", "not", "constant"] + ["largest"] * (x.type in (F32, I8)))
    if kind == "input":
        return g.input(g.pick([[], [1], [1, 1]]), BOOL)
    if kind == "constant":
        return g.constant(g.values([1], BOOL), BOOL)
    said = g.add([1], BOOL)
    if kind == "not":
        return g.op("LOGICAL_NOT", [g.input([1], BOOL)], [said], "LogicalNotOptions")
    if kind == "less":
        limit = g.constant([0], I32)
        return g.op("LESS", [g.input([1], I32, low=-2, high=2), limit], [said], "LessOptions")
    largest = g.add([1], x.type, x.quant)
    axes = g.constant(list(range(len(x.shape))), I32)
    keep = {"keepDims": False}
    g.op("REDUCE_MAX", [x, axes], [g.like(largest, [])], "ReducerOptions", **keep)
    g.op("RESHAPE", [g.operators[-1][2][0]], [largest], "ReshapeOptions", newShape=[1])
    bound = g.constant(g.values([1], x.type), x.type, x.quant)
    return g.op("GREATER", [largest, bound], [said], "GreaterOptions")


def branch(g, operands, results):
    """A graph for IF: each result computed, an input as it is, or a constant."""
    h = g.function()
    inputs = [inside(h, x) for x in operands]
    for result in results:
        like = [x for x in inputs if (x.type, x.shape) == (result.type, result.shape)]
        kind = h.pick(["steps", "steps", "steps", "input", "constant"])
        if kind == "constant":
            h.outputs.append(h.constant(h.values(result.shape, result.type), result.type, result.quant))
        else:
            x = h.pick(like)
            h.outputs.append(x if kind == "input" else steps(h, x, least=1))
    return h.number


def choice(g, operands, types=None):
    """An IF with one or two results, of the kind of its first operand."""
    results = [g.like(operands[0]) for _ in range(g.whole(1, 2))]
    said = condition(g, operands[0])
    then, otherwise = branch(g, operands, results), branch(g, operands, results)
    g.op("IF", [said, *operands], results, "IfOptions", thenSubgraphIndex=then, elseSubgraphIndex=otherwise)
    return results[0]


@entry("if", *TYPES)
def if_(g, type):
    """Branches of zero to three operators for each result, and what the one or the other does not use."""
    x = g.operand(type)
    more = [g.input(x.shape, type, x.quant) for _ in range(g.whole(0, 2))]
    choice(g, [x, *more])


@entry("if_nested", *TYPES)
def if_nested(g, type):
    """An IF in a branch, whose condition is an operand."""
    x, second = g.operand(type), g.input([1], BOOL)
    said, y = g.input([1], BOOL), g.like(x)
    outer = g.function()
    inner_x, inner_said = inside(outer, x), inside(outer, second)
    before = steps(outer, inner_x)
    result = outer.like(x)
    blocks = [branch(outer, [before], [result]) for _ in range(2)]
    outer.op("IF", [inner_said, before], [result], "IfOptions", thenSubgraphIndex=blocks[0], elseSubgraphIndex=blocks[1])
    outer.outputs = [steps(outer, result)]
    simple = g.function()
    simple.outputs = [inside(simple, x)]
    inside(simple, second)
    g.op("IF", [said, x, second], [y], "IfOptions", thenSubgraphIndex=outer.number, elseSubgraphIndex=simple.number)


@entry("if_variable", I8, F32)
def if_variable(g, type):
    """A variable that one branch adds to, and that is read behind it."""
    x = g.operand(type)
    name = f"i{x.index}"

    def handle(h):
        return h.op("VAR_HANDLE", [], [h.add([1], Type.RESOURCE)], "VarHandleOptions", container="", sharedName=name)

    adds = g.function()
    inner, kept = inside(adds, x), adds.like(x)
    there = handle(adds)
    adds.op("READ_VARIABLE", [there], [kept], "ReadVariableOptions")
    total = adds.op("ADD", [inner, kept], [adds.like(x)], "AddOptions")
    adds.op("ASSIGN_VARIABLE", [there, total], [], "AssignVariableOptions")
    adds.outputs = [total]
    reads = g.function()
    inside(reads, x)
    reads.outputs = [reads.op("READ_VARIABLE", [handle(reads)], [reads.like(x)], "ReadVariableOptions")]
    y = g.like(x)
    g.op("IF", [g.input([1], BOOL), x], [y], "IfOptions", thenSubgraphIndex=adds.number, elseSubgraphIndex=reads.number)
    if g.chance(0.5):
        g.op("READ_VARIABLE", [handle(g)], [g.like(x)], "ReadVariableOptions")


def loop(g, operands, body, limit=None):
    """A WHILE that counts up to `limit`: `body` makes its results from the other values. Gives those behind the loop."""
    first = g.constant([g.whole(0, 2)], I32) if g.chance(0.4) else g.input([1], I32, low=0, high=4)
    limit = g.whole(1, 6) if limit is None else limit
    carried = g.chance(0.4)
    bound = [g.constant([limit], I32)] if carried else []
    values = [first, *operands, *bound]
    said = g.function()
    inputs = [inside(said, x) for x in values]
    most = inputs[-1] if carried else said.constant([limit], I32)
    said.outputs = [said.op("LESS", [inputs[0], most], [said.add([1], BOOL)], "LessOptions")]
    round = g.function()
    inputs = [inside(round, x) for x in values]
    one = round.constant([round.whole(1, 2)], I32)
    count = round.op("ADD", [inputs[0], one], [round.add([1], I32)], "AddOptions", fusedActivationFunction=0)
    made = body(round, inputs[1 : 1 + len(operands)], inputs[0])
    round.outputs = [count, *made, *inputs[1 + len(operands) :]]
    results = [g.like(x) for x in values]
    g.op("WHILE", values, results, "WhileOptions", condSubgraphIndex=said.number, bodySubgraphIndex=round.number)
    return results[1 : 1 + len(operands)]


@entry("while", *TYPES)
def while_(g, type):
    """Values that a loop computes, hands on, or hands on in other places; at times it runs no round."""
    x = g.operand(type)
    operands = [x] + [g.input(x.shape, type, x.quant) for _ in range(g.whole(0, 2))]

    def body(h, values, count):
        made = []
        for x in values:
            kind = h.pick(["steps", "steps", "kept", "other", "constant"])
            constant = h.constant(h.values(x.shape, x.type), x.type, x.quant)
            made.append({"steps": steps(h, x, 1), "kept": x, "other": h.pick(values), "constant": constant}[kind])
        return made

    loop(g, operands, body, limit=g.pick([None, None, 0]))


@entry("while_swap", *TYPES)
def while_swap(g, type):
    """(a, b) becomes (b, a and b), each round."""
    x = g.operand(type)

    def body(h, values, count):
        a, b = values
        return [b, steps(h, a, 1)] if h.chance(0.5) else [b, a]

    loop(g, [x, g.input(x.shape, type, x.quant)], body)


@entry("while_nested", *TYPES)
def while_nested(g, type):
    """A loop or an IF in a loop, and operators behind it that read what it has left."""
    x = g.operand(type)

    def body(h, values, count):
        (x,) = values
        if h.chance(0.5):
            inner = lambda h, values, count: [steps(h, values[0], 1)]  # noqa: E731
            before = steps(h, x)
            # The inner loop counts from what the outer one has counted.
            made = counted(h, count, before, inner)
        else:
            early = h.op("LESS", [count, h.constant([2], I32)], [h.add([1], BOOL)], "LessOptions")
            made = h.like(x)
            then, otherwise = branch(h, [x], [made]), branch(h, [x], [made])
            h.op("IF", [early, x], [made], "IfOptions", thenSubgraphIndex=then, elseSubgraphIndex=otherwise)
        return [steps(h, made)]

    (y,) = loop(g, [x], body)
    step(g, y)


def counted(h, count, x, body):
    """A WHILE in a graph that has no inputs to spare."""
    said = h.function()
    now, _ = inside(said, count), inside(said, x)
    said.outputs = [said.op("LESS", [now, said.constant([4], I32)], [said.add([1], BOOL)], "LessOptions")]
    round = h.function()
    now, value = inside(round, count), inside(round, x)
    next = round.op("ADD", [now, round.constant([1], I32)], [round.like(now)], "AddOptions", fusedActivationFunction=0)
    round.outputs = [next, *body(round, [value], now)]
    results = [h.like(count), h.like(x)]
    h.op("WHILE", [count, x], results, "WhileOptions", condSubgraphIndex=said.number, bodySubgraphIndex=round.number)
    return results[1]


@entry("while_sum", F32, I32)
def while_sum(g, type):
    """What a loop is for: each round adds a row that it gathers by its count."""
    rows, width = g.whole(2, 5), g.whole(1, 6)
    table, sum = g.input([rows, width], F32), g.constant(np.zeros([1, width]), F32)
    if type == I32:
        table, sum = g.input([rows, width], I8), g.input([1, width], I8)
        sum.quant = table.quant

    def body(h, values, count):
        sum, table = values
        row = h.op("GATHER", [table, count], [h.like(sum)], "GatherOptions", axis=0, batchDims=0)
        return [h.op("ADD", [sum, row], [h.like(sum)], "AddOptions", fusedActivationFunction=0), table]

    loop(g, [sum, table], body, limit=rows)
