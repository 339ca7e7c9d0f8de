"""The calls of layers and operations that a Keras model consists of, with the tensors between them.

A model is run on symbolic tensors of one image, so that every shape is static: also where the batch has been
reshaped into another axis. Nested models and layers that hold other layers are run the same way, to find the
calls inside. Works on every backend of Keras.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import keras
from keras import tree


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, or of an operation of `keras.ops`.

    Attributes:
        name: the operation's, behind the models and layers that it is inside of: `encoder/block1/conv`.
        operation: the `keras.Operation`; layers are operations too.
        arguments: (positional, keyword) arguments: symbolic tensors, weights, and plain values.
        inputs: the symbolic tensors among the arguments; those of a call that precedes are the same objects.
        outputs: symbolic tensors.
        inside: the calls that this one consists of, if it is of a model or holds layers; None for all others,
            and for layers that do not run on symbolic tensors.
    """

    name: str
    operation: keras.Operation
    arguments: tuple[tuple, dict]
    inputs: list
    outputs: list
    inside: list["Call"] | None

    def is_model(self) -> bool:
        """Whether this is the call of a nested model, whose calls are known."""
        return isinstance(self.operation, keras.Model) and self.inside is not None


@dataclass(frozen=True)
class Graph:
    """A model's calls in the order in which Keras runs them, and its output tensors."""

    calls: list[Call]
    outputs: list

    def leaves(self) -> list[Call]:
        """The calls, those with others inside replaced by these."""
        return list(_leaves(self.calls))


def trace(model: keras.Model) -> Graph:
    """The graph of a functional model for one image; its inputs are calls of an `InputLayer`."""
    images = tree.map_structure(
        lambda tensor: keras.Input(batch_shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name),
        model.input,
    )
    with _whole_shapes():
        return _graph(model.call(images), [], "", {})


def of_tensors(outputs: list) -> Graph:
    """The graph of symbolic tensors that were made from inputs for one image."""
    return _graph(outputs, [], "", {})


def trace_call(call: Call, same: dict | None = None) -> Graph | None:
    """The calls that one call of a layer consists of.

    Args:
        call: of any layer.
        same: tensors and what stands for them, see `_graph`; filled where the layer can be looked into.

    Returns:
        None where the layer does not run on symbolic tensors: it calls its backend's own functions.
    """
    known = dict(same or {})
    args, kwargs = tree.map_structure(lambda value: _stand_in(value, known), call.arguments)
    try:
        outputs = call.operation.call(*args, **kwargs)
        found = _graph(outputs, call.inputs, f"{call.name}/", known)
    except Exception:  # of whatever type the backend's functions raise for symbolic tensors
        return None
    if same is not None:
        same |= known
    return found


def _graph(outputs, start: list, prefix: str, same: dict) -> Graph:
    """The calls between tensors.

    Args:
        outputs: a structure of tensors.
        start: tensors at which to stop on the way back from the outputs.
        prefix: what the calls' names start with.
        same: tensor -> the tensor that stands for it. An output of a call that was looked into is replaced by
            the tensor that the calls inside have made. Filled here.
    """
    calls = []
    for node in _nodes(tree.flatten(outputs), start):
        inputs = [_stand_in(tensor, same) for tensor in node.input_tensors]
        arguments = node.arguments.args, node.arguments.kwargs
        call = Call(prefix + node.operation.name, node.operation, arguments, inputs, node.outputs, None)
        if _passes_on(call):
            same[node.outputs[0]] = inputs[0]
            continue
        found = trace_call(call, same) if _holds_layers(node.operation) else None
        if found:
            same |= dict(zip(node.outputs, found.outputs, strict=True))
            call = Call(call.name, call.operation, arguments, inputs, found.outputs, found.calls)
        calls.append(call)
    return Graph(calls, [_stand_in(tensor, same) for tensor in tree.flatten(outputs)])


def _stand_in(value, same: dict):
    return same.get(value, value) if isinstance(value, keras.KerasTensor) else value


def _nodes(outputs: list, start: list) -> list:
    """Keras's nodes between tensors, in Keras's order: those farthest from the outputs come first."""
    stop = set(map(id, start))
    found, finished = {}, []  # node -> when it was found; nodes, each behind those that it depends on

    def parents(node):
        histories = [tensor._keras_history for tensor in node.input_tensors if id(tensor) not in stop]
        return [history.operation._inbound_nodes[history.node_index] for history in histories]

    def visit(node):
        if node not in found:
            found[node] = len(found)
            for parent in parents(node):
                visit(parent)
            finished.append(node)

    for tensor in outputs:
        if id(tensor) not in stop:
            visit(tensor._keras_history.operation._inbound_nodes[tensor._keras_history.node_index])
    distance = dict.fromkeys(finished, 0)
    for node in reversed(finished):
        for parent in parents(node):
            distance[parent] = max(distance[parent], distance[node] + 1)
    return sorted(finished, key=lambda node: (-distance[node], found[node]))


def _leaves(calls):
    for call in calls:
        if call.inside is None:
            yield call
        else:
            yield from _leaves(call.inside)


@contextmanager
def _whole_shapes():
    """A context in which Keras's `EinsumDense` has whole output shapes, also if a user left lengths open."""

    def shape(layer, input_shape):
        tensors = keras.KerasTensor(input_shape), keras.KerasTensor(layer.kernel.shape)
        return keras.ops.einsum(layer.equation, *tensors).shape

    stated = keras.layers.EinsumDense.compute_output_shape
    keras.layers.EinsumDense.compute_output_shape = shape
    try:
        yield
    finally:
        keras.layers.EinsumDense.compute_output_shape = stated


def _holds_layers(operation) -> bool:
    return isinstance(operation, keras.layers.Layer) and bool(operation._flatten_layers(include_self=False))


def _passes_on(call: Call) -> bool:
    """Whether the output is the input itself: nested models convert what has their type already."""
    if type(call.operation).__name__ != "ConvertToTensor" or len(call.inputs) != 1:
        return False
    (before,), (after,) = call.inputs, call.outputs
    return (before.shape, before.dtype) == (after.shape, after.dtype)
