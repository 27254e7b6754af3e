"""Archives of cases: a case is a model, what LiteRT Micro made of it, and its inputs and outputs.

A tar file, which any tool opens: `index` has a line a case, NAME OUTCOME REASON, the outcome being `ran`, `undefined`
(LiteRT Micro read memory that it had not written), `refused` or `crashed`; then come, for each, NAME.tflite and, where
LiteRT Micro ran it, NAME.data: for each invocation, one after the other without a reset, the bytes of all inputs of the
model and then of what each operator has written, in order: its outputs but for handles, and the variables among its inputs
that are no operator's outputs.
There are two invocations, or six of a model with state: as many as the data has bytes for.
"""
import dataclasses
import gzip
import io
import math
import tarfile

import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

import litert
from graph import DTYPES, Type

# Invocations of a model, and of one that keeps state.
VECTORS, SEQUENCE = 2, 6


@dataclasses.dataclass
class Case:
    name: str
    model: bytes
    outcome: str
    reason: str
    data: bytes


def run(named):
    """Cases of (name, model, inputs of each vector)."""
    outcomes = litert.run_all([(model, vectors) for _, model, vectors in named])
    for (name, model, vectors), (outcome, what) in zip(named, outcomes):
        if outcome in (litert.RAN, litert.UNDEFINED):
            data = b"".join(part for inputs, outputs in zip(vectors, what) for part in [*inputs, *outputs])
            yield Case(name, model, outcome, "", data)
        else:
            yield Case(name, model, outcome, what, b"")


def write(path, cases):
    """An archive whose bytes depend on the cases alone."""
    cases = sorted(cases, key=lambda case: case.name)
    index = "".join(f"{c.name} {c.outcome} {c.reason}".rstrip() + "\n" for c in cases)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:

        def put(name, data):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        put("index", index.encode())
        for case in cases:
            put(f"{case.name}.tflite", case.model)
            if case.data:
                put(f"{case.name}.data", case.data)
    bytes = plain.getvalue()
    path.write_bytes(gzip.compress(bytes, 9, mtime=0) if path.suffix == ".gz" else bytes)


def read(path):
    """The cases of an archive; none where there is no such file."""
    if not path.exists():
        return []
    with tarfile.open(path) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    cases = []
    for line in files["index"].decode().splitlines():
        name, outcome, *reason = line.split(" ", 2)
        data = files.get(f"{name}.data", b"")
        cases.append(Case(name, files[f"{name}.tflite"], outcome, reason[0] if reason else "", data))
    return cases


def parts(case):
    """Every tensor of a case's data as (what it is, numpy array)."""
    graph = schema.Model.GetRootAsModel(case.model, 0).Subgraphs(0)
    tensors = [("input", int(t)) for t in graph.InputsAsNumpy()]
    for operator in range(graph.OperatorsLength()):
        tensors += [(f"operator {operator}", t) for t in litert.written(graph, operator)]
    found, at, vector = [], 0, -1
    while at < len(case.data):
        vector += 1
        for what, index in tensors:
            tensor = graph.Tensors(index)
            dtype = DTYPES[tensor.Type()]
            shape = tensor.ShapeAsNumpy().tolist() if tensor.ShapeLength() else []
            size = dtype.itemsize * math.prod(shape)
            found.append((f"vector {vector}, {what}, tensor {index}", np.frombuffer(case.data[at : at + size], dtype)))
            at += size
    assert at == len(case.data), f"{case.name}: the data has {len(case.data)} bytes, its tensors {at}"
    return found


def inputs(case):
    """The inputs of a case that ran, for each vector."""
    found = parts(case)
    vectors = {what.split(",")[0]: [] for what, _ in found}
    for what, values in found:
        if ", input," in what:
            vectors[what.split(",")[0]].append(values.tobytes())
    return list(vectors.values())


def difference(old, new, ulp):
    """What distinguishes two cases, or `None`; float32 may differ by `ulp`."""
    if old.model != new.model:
        return "the model is another"
    # Reasons may quote memory that nobody has written.
    if old.outcome != new.outcome:
        return f"was {old.outcome} {old.reason}, is {new.outcome} {new.reason}"
    for (what, a), (_, b) in zip(parts(old), parts(new)):
        if a.dtype == DTYPES[Type.FLOAT32]:
            same = np.array_equal(np.isnan(a), np.isnan(b)) and (distance(a, b) <= ulp).all()
        else:
            same = np.array_equal(a, b)
        if not same:
            return f"{what} differs"
    return None


def distance(a, b):
    """How many float32 lie between; zeros of both signs are one."""

    def order(values):
        bits = values.view("<i4").astype(np.int64)
        return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)

    return np.where(np.isnan(a) & np.isnan(b), 0, np.abs(order(a) - order(b)))
