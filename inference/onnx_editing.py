"""An ONNX graph as a list of nodes to be changed: who makes a tensor, who uses it, what constants hold."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Editing:
    """A graph's nodes and constants, to be changed by its methods; `write` puts them back."""

    def __init__(self, graph: onnx.GraphProto):
        self._graph = graph
        self._given = list(graph.node)
        self._before: dict[int, list[onnx.NodeProto]] = {}  # what was added, by the id of the node behind it
        self._removed: set[int] = set()  # ids
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._values: dict[str, np.ndarray] = {}  # of constants that were asked for
        self._outputs = {value.name for value in graph.output}
        self._makers = {output: node for node in self._given for output in node.output}
        self._users: dict[str, list[onnx.NodeProto]] = {}
        for node in self._given:
            self._use(node)
        self._taken = {*self._makers, *self._constants}

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """The nodes in the order of the data, in a list of its own."""
        return [node for given in self._given for node in self._placed(given)]

    def _placed(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What was added before a node, and the node if it is still there."""
        for added in self._before.get(id(node), ()):
            yield from self._placed(added)
        if id(node) not in self._removed:
            yield node

    def of_kind(self, kind: str) -> list[onnx.NodeProto]:
        """The nodes of one operator, in a list of its own."""
        return [node for node in self.nodes if node.op_type == kind]

    def maker(self, name: str, kind: str | None = None) -> onnx.NodeProto | None:
        """The node that makes a tensor; None if there is none, or it is of another kind."""
        node = self._makers.get(name)
        return node if node is not None and kind in (None, node.op_type) else None

    def users(self, name: str) -> list[onnx.NodeProto]:
        """The nodes that take a tensor."""
        return list(self._users.get(name, ()))

    def only_user(self, name: str) -> onnx.NodeProto | None:
        """The node that alone takes a tensor; None also where the graph returns it."""
        users = self.users(name)
        return users[0] if len(users) == 1 and name not in self._outputs else None

    def constant(self, name: str) -> np.ndarray | None:
        """A constant's value; None for other tensors."""
        if name in self._constants and name not in self._values:
            self._values[name] = numpy_helper.to_array(self._constants[name])
        return self._values.get(name)

    def constant_and_other(self, node: onnx.NodeProto) -> tuple[np.ndarray | None, str]:
        """The constant among two inputs and the other one's name; (None, "") unless just one is constant."""
        for constant, other in (tuple(node.input), tuple(node.input)[::-1]):
            if constant in self._constants and other not in self._constants:
                return self.constant(constant), other
        return None, ""

    def is_dense(self, node: onnx.NodeProto, kernel: int) -> bool:
        """Whether a convolution is of float32, over all channels, and with that kernel keeps a map's size."""
        weights, *bias = [self.constant(name) for name in node.input[1:]]
        own = attributes(node)
        return (
            weights is not None
            and all(value is not None for value in bias)
            and weights.dtype == np.float32
            and weights.shape[2:] == (kernel, kernel)
            and own.get("group", 1) == 1
            and own.get("auto_pad", b"NOTSET") == b"NOTSET"
            and set(own.get("strides", (1,))) == set(own.get("dilations", (1,))) == {1}
            and set(own.get("pads", (0,))) == {kernel // 2}
        )

    def add_constant(self, name: str, value: np.ndarray) -> str:
        """A new constant; returns its name, which is `name`, with a number if that is taken."""
        name = self._free(name)
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, before: onnx.NodeProto, kind: str, inputs: list[str], name: str, **attributes) -> str:
        """A new node before another; returns the name of its output, which is its own."""
        name = self._free(name)
        self._makers[name] = node = helper.make_node(kind, inputs, [name], name, **attributes)
        self._before.setdefault(id(before), []).append(node)
        self._use(node)
        return name

    def set_inputs(self, node: onnx.NodeProto, inputs: Iterable[str]) -> None:
        """Let a node take other tensors."""
        self._leave(node)
        node.input[:] = list(inputs)
        self._use(node)

    def replace(self, node: onnx.NodeProto, name: str) -> None:
        """Let a tensor take the place of a node's output, and remove the node.

        Where the graph returns that output, the tensor gets its name; of an input of the graph, or another of
        its outputs, it cannot, and the node stays.
        """
        old, new, maker = node.output[0], name, None
        if old in self._outputs:
            maker = self.maker(name)
            if maker is None or name in self._outputs:
                return
            maker.output[:] = [old if made == name else made for made in maker.output]
            old, new = name, old
        self._removed.add(id(node))
        self._leave(node)
        for made in node.output:
            del self._makers[made]
        if maker is not None:
            self._makers[new] = self._makers.pop(old)
        for user in self.users(old):
            self.set_inputs(user, [new if used == old else used for used in user.input])

    def write(self) -> None:
        """Put into the graph what its outputs need."""
        needed = set(self._outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                needed |= set(node.input)
                kept.append(node)
        tensors = [tensor for name, tensor in self._constants.items() if name in needed]
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(reversed(kept))
        self._graph.initializer.extend(tensors)

    def _use(self, node: onnx.NodeProto) -> None:
        for name in dict.fromkeys(node.input):
            self._users.setdefault(name, []).append(node)

    def _leave(self, node: onnx.NodeProto) -> None:
        for name in dict.fromkeys(node.input):
            self._users[name] = [other for other in self._users[name] if other is not node]

    def _free(self, name: str) -> str:
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free)
        return free


def rewrite(
    model: onnx.ModelProto,
    find: Callable[[Editing, onnx.ModelProto], Iterable],
    replace: Callable[[Editing, Any], None],
) -> list:
    """Replace all that `find` yields before anything is replaced; returns these.

    Shapes that the model tells are dropped, as some may be of tensors that have gone.
    """
    editing = Editing(model.graph)
    found = list(find(editing, model))
    for one in found:
        replace(editing, one)
    if found:
        editing.write()
        del model.graph.value_info[:]
    return found


def attributes(node: onnx.NodeProto) -> dict:
    """A node's attributes by name."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def set_attribute(node: onnx.NodeProto, name: str, value) -> None:
    """Give a node's attribute another value."""
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
