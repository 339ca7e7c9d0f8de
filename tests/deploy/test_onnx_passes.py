"""tf2onnx's passes in less time: what comes out is what tf2onnx's own give."""

from collections import Counter

import keras
import numpy as np
import pytest
from keras import layers
from tf2onnx import graph as tf2onnx_graph
from tf2onnx import optimizer

import graphs
from data.label_sets import CITYSCAPES
from deploy import export, onnx_passes
from inference.graph_interface import GraphInterface
from trained import noise

SIZE = (32, 64)
BLOCKS = 6


@pytest.fixture(scope="module")
def network():
    """Branches that are joined, where transposes part and meet, and depthwise kernels, which are reshaped."""
    keras.utils.set_random_seed(0)
    image = layers.Input((*SIZE, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(image / 255.0)
    for _ in range(BLOCKS):
        wide = layers.DepthwiseConv2D(3, padding="same", dilation_rate=2)(x)
        short = layers.ReLU()(layers.DepthwiseConv2D(3, padding="same")(x))
        pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(8, 1, activation="sigmoid")(pooled)
        x = layers.PReLU(shared_axes=(1, 2))(layers.Conv2D(8, 1)(layers.Concatenate()([wide, short])) * gate)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return keras.Model(image, layers.Conv2D(19, 1)(x))


def exported(network):
    return export.export(network, GraphInterface(), CITYSCAPES)


def test_the_graph_is_the_one_of_tf2onnxs_own(network, monkeypatch):
    found = exported(network)
    monkeypatch.setattr(optimizer, "_optimizers", onnx_passes.ORIGINAL)
    expected = exported(network)
    assert kinds(found) == kinds(expected) and kinds(found)["Transpose"] == 2
    image = {found.graph.input[0].name: noise(*SIZE, 0)[None]}
    answers = [graphs.session(graph).run(None, image)[0] for graph in (found, expected)]
    np.testing.assert_array_equal(*answers)


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


def test_the_work_does_not_grow_with_the_square_of_the_depth(network, monkeypatch):
    """Weights are copied when the graph is made and when it is written, not by each pass."""
    done = Counter()
    count(monkeypatch, tf2onnx_graph.Graph, "update_proto", done)
    count(monkeypatch, tf2onnx_graph.Graph, "topological_sort", done)
    count(monkeypatch, onnx_passes.InOneGo, "_move", done)
    exported(network)
    assert done["update_proto"] == 2
    assert done["topological_sort"] < 2 * BLOCKS  # tf2onnx's own: one for each kernel besides
    assert done["_move"] <= 6


def count(monkeypatch, owner, name, done):
    own = getattr(owner, name)

    def counted(self, *arguments, **named):
        done[name] += 1
        return own(self, *arguments, **named)

    monkeypatch.setattr(owner, name, counted)
