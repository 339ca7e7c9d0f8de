"""A graph's comparisons, cut off from what rounding does before them.

A graph that asks which pixel of a window is the largest, as max-unpooling does, jumps where two are equal up
to rounding: one of millions decided otherwise moves a value by a pixel, and logits with it. `Cut` tells that
from a wrong graph. The graph's comparisons read what Keras compared, bit for bit, and what the graph itself
would have compared becomes an output. Nothing between the cuts jumps, so both must be equal up to rounding,
and the logits as well: then the graph computes what Keras does, but for differences no larger than that.
"""

from collections import defaultdict

import numpy as np
import onnx
import tensorflow as tf

from common import devices
from deploy import onnx_graph, onnx_samples
from inference import onnx_shapes
from inference.graph_interface import laid_out

# What jumps and is cut. Other operators that jump, such as Round or an ArgMax within, are not: a graph in
# which rounding decides one of these is refused.
COMPARISONS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
OF_TENSORFLOW = ("Equal", "Greater", "GreaterEqual", "Less", "LessEqual")


def rounded(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The comparisons whose operands are calculated from the image, and so rounded.

    Not those of random numbers, nor of what other comparisons decided, such as positions: these are exact.
    """
    calculated, found = {model.graph.input[0].name}, []
    for node in model.graph.node:  # inputs precede what is made of them
        if calculated.isdisjoint(node.input):
            continue
        if node.op_type in COMPARISONS:
            found.append(node)
        else:
            calculated.update(node.output)
    return found


class Cut:
    """A graph cut before its comparisons, and what the Keras model gives these to compare.

    What Keras compared is taken from a traced call, which nothing trusts: the graph's own operands have to
    equal it, and the logits that follow from it have to equal those of an eager call.

    Attributes:
        model: the graph; its inputs are the image and both operands of each comparison, its outputs those
            of the uncut graph and its own operands.
        count: comparisons that are cut. One that has no counterpart of its name in Keras stays as it is.
        difference: largest one so far between operands of graph and Keras, relative to Keras's largest.

    Args:
        model: a graph of `deploy.export.export`.
        network: its Keras model.
    """

    def __init__(self, model: onnx.ModelProto, network):
        self._layers = {layer.name for layer in network.layers}
        self._wanted = {onnx_samples.place(node.name)[0] for node in rounded(model)}
        self._functions = {}
        self._operands = defaultdict(list)  # name of a comparison in one pass -> both operands, for each call
        batch = onnx_shapes.told(model.graph)[model.graph.input[0].name][0]
        image = tf.TensorSpec((batch, *network.input_shape[1:]), tf.uint8)
        _, compared = self._traced(network, image).structured_outputs
        self.model, self.difference = onnx.ModelProto(), 0.0
        self.model.CopyFrom(model)
        nodes = [node for node in rounded(self.model) if onnx_samples.place(node.name)[0] in compared]
        self.count = len(nodes)
        self._cuts = _open(self.model.graph, nodes)
        self._shapes = onnx_shapes.told(self.model.graph)

    def watch(self, part, inputs):
        """Call the Keras model or a part of it in inference mode, and note what it compares."""
        inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        with devices.as_traced():
            outputs, compared = self._traced(part, inputs)(inputs)
        for name, operands in compared.items():
            self._operands[name].append(operands)
        return outputs

    def operands(self) -> dict[str, np.ndarray]:
        """What Keras compared in the calls since the last time, as inputs of the graph."""
        given = {}
        for name, (comparison, number, _) in self._cuts.items():
            base, sample = onnx_samples.place(comparison)
            given[name] = laid_out(self._operands[base][sample - 1][number].numpy(), self._shapes[name])
        self._operands.clear()
        return given

    def compare(self, given: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> None:
        """Hold the graph's own operands, among its outputs `found`, against Keras's."""
        for name, (_, _, own) in self._cuts.items():
            largest = max(np.abs(given[name]).max(), np.finfo(np.float32).tiny)
            apart = np.abs(found[own] - given[name]).max() / largest
            self.difference = float(np.maximum(self.difference, apart))  # NaN stays NaN

    def _traced(self, part, inputs):
        """A function of such inputs -> the part's outputs, and each comparison's operands by its name."""
        if part not in self._functions:

            def call(inputs):
                outputs = part(inputs, training=False)
                compared = {}
                for operation in tf.compat.v1.get_default_graph().get_operations():
                    name = onnx_graph.layer_path(operation.name, operation.type, self._layers)
                    if name in self._wanted and operation.type in OF_TENSORFLOW:
                        compared[name] = tuple(operation.inputs)
                return outputs, compared

            self._functions[part] = tf.function(call, autograph=False).get_concrete_function(inputs)
        return self._functions[part]


def _open(graph, nodes) -> dict[str, tuple[str, int, str]]:
    """Let comparisons read inputs: input's name -> (comparison, which operand, the tensor that it read)."""
    known, cuts = {value.name: value for value in graph.value_info}, {}
    for node in nodes:
        for number, own in enumerate(node.input):
            if own not in known:  # a constant
                continue
            name = f"{node.name}/operand{number}"
            graph.input.append(known[own])
            graph.input[-1].name = node.input[number] = name
            if own not in {value.name for value in graph.output}:
                graph.output.append(known[own])
            cuts[name] = node.name, number, own
    return cuts
