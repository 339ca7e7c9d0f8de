"""Counts what a model costs on paper, from the shapes of its layers."""

import math
from collections.abc import Callable

from models.initialization import shapes_alone
from models.model_options import to_record


def count(name: str, options: dict, size: tuple[int, int]) -> dict:
    """One model's figures, see `figures`, beside its name and options."""
    import models
    from benchmarks import graph
    from data.label_sets import CITYSCAPES

    with shapes_alone():
        model = models.build(name, (*size, 3), CITYSCAPES.classes, **options)
        return {"model": name, "options": to_record(name, options)} | figures(graph.trace(model))


def macs_of(call):
    """The `benchmarks.macs.Count` of a call."""
    from benchmarks import macs

    return macs.count(call)


def figures(traced, counted: Callable = macs_of) -> dict:
    """A model's figures, plain values: counts, bytes, and the same for each of its layers.

    Where a layer's MACs cannot be counted, the model's are a lower bound, and `uncounted` names such layers.

    Args:
        traced: `benchmarks.graph.Graph`.
        counted: (a call) -> its `benchmarks.macs.Count`.
    """
    from benchmarks import activations

    rows = layer_rows(traced.calls, counted)
    operations = {call.operation for call in traced.calls}
    found = {
        "parameters": numbers(operations, "trainable_variables"),
        "macs": sum(layer["macs"] for layer in rows),
        "weight_bytes": activations.FLOAT32 * numbers(operations, "weights"),
        "inference_bytes": activations.inference_bytes(traced),
        "training_bytes": activations.training_bytes(traced),
        "layers": rows,
    }
    if uncounted := [name for layer in rows for name in layer.get("uncounted", [])]:
        found["uncounted"] = uncounted
    return found


def layer_rows(calls: list, counted: Callable = macs_of, seen: set | None = None) -> list[dict]:
    """The figures of each call of a layer, those inside nested models one by one.

    Args:
        calls: `benchmarks.graph.Call`s.
        counted: (a call) -> its `benchmarks.macs.Count`.
        seen: layers that have been called before, whose parameters are not counted again. Filled here.
    """
    seen, rows = set() if seen is None else seen, []
    for call in calls:
        if call.is_model():
            rows += layer_rows(call.inside, counted, seen)
            continue
        rows.append(layer_row(call, counted(call)) | ({"parameters": 0} if call.operation in seen else {}))
        seen.add(call.operation)
    return rows


def layer_row(call, counted) -> dict:
    """One call's figures; its shape is that of its first output, for one image."""
    from benchmarks import activations

    found = {
        "name": call.name,
        "type": type(call.operation).__name__,
        "shape": list(call.outputs[0].shape[1:]),
        "parameters": numbers([call.operation], "trainable_variables"),
        "macs": counted.macs,
        "output_bytes": sum(map(activations.size, call.outputs)),
    }
    if counted.uncounted:
        found["uncounted"] = [f"{one.name} ({type(one.operation).__name__})" for one in counted.uncounted]
    return found


def numbers(operations, kind: str) -> int:
    """How many numbers the variables of layers and models hold, shared ones once; `keras.ops` have none.

    Args:
        operations: `keras.Operation`s.
        kind: `weights` or `trainable_variables`.
    """
    variables = {id(one): one for operation in operations for one in getattr(operation, kind, ())}
    return sum(math.prod(variable.shape) for variable in variables.values())
