"""Operators of networks that run on a sequence: circular buffers and LSTM."""
from registry import BOOL, I8, entry


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
    # A tensor that is no variable begins with what was in memory.
    kept = g.add([1, slots, *inner], type, x.quant, variable=g.chance(0.9))
    flag = [g.add(g.pick([[1], [1, 1]]), BOOL)] if flagged else []
    g.op("CUSTOM", [x], [kept, *flag], custom="CIRCULAR_BUFFER", **options)
    if g.chance(0.5):
        g.op("ABS", [kept], [g.like(kept)], "AbsOptions")
    if g.chance(0.5):
        g.op("RESHAPE", [kept], [g.like(kept, [kept.size])], "ReshapeOptions", newShape=[kept.size])
