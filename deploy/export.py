"""A trained Keras model as an ONNX graph for inference.

`tf2onnx.convert.from_function` on a function that calls the model in inference mode. Keras 3's own export
leaves batch norm in training mode, and tf2onnx's from_keras knows Keras 2 only.
"""

import json
import os

import keras
import onnx
import tensorflow as tf
import tf2onnx

from common import startup
from data.label_sets import LabelSet
from deploy import onnx_graph, onnx_passes, onnx_samples
from inference import sampling
from inference.graph_interface import IMAGE, LABELS, LOGITS, GraphInterface

# Else tf2onnx copies the graph with all weights before each of its passes, to go on without one that fails:
# 14 of a ResNet-50's 34 s. Here such a failure is one.
os.environ.setdefault("TF2ONNX_CATCH_ERRORS", "false")
onnx_passes.install()


def export(
    network, interface: GraphInterface, label_set: LabelSet, about: dict | None = None
) -> onnx.ModelProto:
    """Export a model for inference, its normalisation inside, batch norm folded into convolutions.

    Args:
        network: a Keras model, RGB in 0..255 [N, H, W, 3] -> logits [N, H, W, classes or more].
        interface: what the graph takes and returns.
        label_set: the classes of the network's first outputs.
        about: more to store in the metadata, besides model, label set, classes, palette, input and samples.

    Raises:
        UserError: samples of a network without dropout.
    """
    marked, rates = _marked(network) if interface.dropout_passes else (network, {})
    function = _function(marked, interface, label_set)
    with startup.quiet_libraries():  # TensorFlow counts GPUs there
        model, _ = tf2onnx.convert.from_function(
            function,
            input_signature=function.input_signature,
            opset=interface.opset,
            # tf2onnx's own is Mul(Cast) + Mul(Cast(Not)): NaN where an infinity was not selected
            custom_op_handlers={"SelectV2": (_select_as_where, [])},
        )
    model = onnx_graph.tidy(model, {layer.name for layer in network.layers})
    if interface.dropout_passes:
        model = onnx_samples.sampled(model, rates, interface)
    onnx.helper.set_model_props(model, _metadata(network, interface, label_set, about or {}))
    onnx.checker.check_model(model, full_check=True)
    return model


def _function(network, interface: GraphInterface, label_set: LabelSet):
    height, width = network.input_shape[1:3]
    shape = (height, width, 3) if interface.layout == "nhwc" else (3, height, width)
    kind = tf.float32 if interface.float_input else tf.uint8

    @tf.function(
        input_signature=[tf.TensorSpec((interface.batch, *shape), kind, name=IMAGE)], autograph=False
    )
    def infer(image):
        image = tf.cast(image, tf.float32)  # first, because TensorRT does nothing else with bytes
        if interface.layout == "nchw":
            image = tf.transpose(image, (0, 2, 3, 1))
        logits = label_set.without_void(network(image, training=False))  # [N, H, W, classes]
        if interface.dropout_passes:  # the end is attached to the repeated passes
            return {LOGITS: tf.transpose(logits, (0, 3, 1, 2))}
        if interface.argmax:
            return {LABELS: tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)}
        return {LOGITS: tf.transpose(logits, (0, 3, 1, 2)) if interface.layout == "nchw" else logits}

    return infer


class Marker(keras.layers.Layer):
    """Marks a dropout layer's place by an operator that survives what tidies graphs."""

    def __init__(self, dropout: keras.layers.Layer):
        super().__init__(name=dropout.name, dtype=dropout.dtype_policy)
        self.rate = dropout.rate

    def call(self, inputs):
        return tf.nn.leaky_relu(inputs, self.rate)


def _marked(network):
    """The network with its dropouts marked, and their rates by name."""
    marked, markers = sampling.with_dropouts(network, Marker)
    sampling.require_dropout(markers, network)
    return marked, {marker.name: marker.rate for marker in markers}


def _select_as_where(context, node, name, arguments):
    node.type = "Where"


def _metadata(network, interface: GraphInterface, label_set: LabelSet, about: dict) -> dict[str, str]:
    values = {
        "model": network.name,
        "label_set": label_set.to_json(),
        "classes": label_set.names,
        "palette": label_set.colors,
        "input": f"RGB 0..255, {'float32' if interface.float_input else 'uint8'}, {interface.layout.upper()}",
        "normalization": "inside the graph",
        "samples": interface.dropout_passes or None,
        **about,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
        if value is not None
    }
