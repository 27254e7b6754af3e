"""Models run by LiteRT Micro's interpreter, in processes of their own: some models end the process.

What it says on standard error is the reason of a refusal. Every model runs twice, in memory that holds other bytes:
where results depend on them, LiteRT Micro defines none, and what comes out of zeroed memory is kept.
"""
import ctypes
import os
import pickle
import tempfile

import numpy as np

ARENA_BYTES = 1 << 19
# Outcomes of a model.
RAN, REFUSED, CRASHED, UNDEFINED = "ran", "refused", "crashed", "undefined"
# Fresh memory holds zeros, as in firmware, and then 0xAB; glibc's option for it takes the complement.
FILLS, M_PERTURB = (0xFF, 0x54), -6


def run_all(cases):
    """For every (model, inputs of each vector): (outcome, what), `what` being the bytes of what every operator has written
    for each vector, or the reason why there are none."""
    results = []
    while len(results) < len(cases):
        before = len(results)
        results += _in_a_process(cases[before:])
        if len(results) < len(cases):
            results.append((CRASHED, "the process ended"))
    return results


def _in_a_process(cases):
    """Results of the cases before one that ends the process."""
    with tempfile.TemporaryFile() as answers:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with tempfile.TemporaryFile() as said:
                    os.dup2(said.fileno(), 2)
                    for model, vectors in cases:
                        said.seek(0)
                        said.truncate()
                        answers.write(pickle.dumps(_run(model, vectors, said)))
                        answers.flush()
                status = 0
            finally:
                os._exit(status)
        os.waitpid(child, 0)
        answers.seek(0)
        results = []
        while True:
            try:
                results.append(pickle.load(answers))
            except (EOFError, pickle.UnpicklingError):
                return results


def _run(model, vectors, said):
    from tflite_micro import runtime
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    graph = schema.Model.GetRootAsModel(model, 0).Subgraphs(0)
    results = []
    try:
        for fill in FILLS:
            ctypes.CDLL(None).mallopt(M_PERTURB, fill)
            interpreter = runtime.Interpreter.from_bytes(
                model, arena_size=ARENA_BYTES, intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors
            )
            results.append([_invoke(interpreter, graph, inputs) for inputs in vectors])
    except Exception as error:
        said.seek(0)
        lines = said.read().decode(errors="replace").split("\n")
        return REFUSED, next((line.strip() for line in lines if line.strip()), str(error))
    finally:
        ctypes.CDLL(None).mallopt(M_PERTURB, 0)
    return RAN if results[0] == results[1] else UNDEFINED, results[0]


def _invoke(interpreter, graph, inputs):
    for position, data in enumerate(inputs):
        detail = interpreter.get_input_details(position)
        interpreter.set_input(np.frombuffer(data, detail["dtype"]).reshape(tuple(detail["shape"])), position)
    interpreter.invoke()
    outputs = []
    for operator in range(graph.OperatorsLength()):
        for tensor in written(graph, operator):
            outputs.append(np.asarray(interpreter.GetTensor(tensor, 0)["tensor_data"]).tobytes())
    return outputs


def written(graph, operator):
    """Tensors that an operator leaves behind: its outputs but for handles, then the variables among its inputs that are no
    operator's outputs."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    produced = set()
    for other in range(graph.OperatorsLength()):
        if graph.Operators(other).OutputsLength():
            produced.update(graph.Operators(other).OutputsAsNumpy().tolist())
    operator = graph.Operators(operator)
    outputs = operator.OutputsAsNumpy().tolist() if operator.OutputsLength() else []
    inputs = operator.InputsAsNumpy().tolist() if operator.InputsLength() else []
    handle = schema.TensorType.RESOURCE
    return [t for t in outputs if graph.Tensors(t).Type() != handle] + [
        t for t in inputs if t >= 0 and graph.Tensors(t).IsVariable() and t not in produced
    ]
