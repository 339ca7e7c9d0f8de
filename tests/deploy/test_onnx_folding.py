"""Rewrites of exported graphs: which nodes are left, and the same values."""

from collections import Counter

import keras
import numpy as np
import onnxruntime as ort
import pytest
from keras import layers
from onnx import TensorProto, helper, numpy_helper

from data.label_sets import CITYSCAPES
from deploy import export, onnx_folding, operators
from inference import onnx_cpu
from inference.graph_interface import GraphInterface
from models.layers import BatchNorm, Resize, normalize
from models.torch_layers import ImageNetNormalize, PReLU, conv, depthwise
from trained import noise

SIZE = (16, 32)


def kinds_of(build, classes=3):
    """Operators of the graph of a network, `build` of an image; the graph's values are Keras's."""
    image = keras.Input((*SIZE, 3), name="image")
    model = keras.Model(image, layers.Identity(dtype="float32", name="logits")(build(image)), name="small")
    random = np.random.default_rng(0)
    for variable in model.weights:
        low, high = (0.5, 1.5) if variable.name.endswith(("variance", "gamma")) else (-2, 2)
        variable.assign(random.uniform(low, high, variable.shape))
    graph = export.export(model, GraphInterface(), CITYSCAPES)
    assert operators.violations(graph) == []
    images = noise(*SIZE)[None]
    expected = np.asarray(model(images, training=False))[..., : CITYSCAPES.classes]
    for one in (graph, onnx_cpu.for_cpu(graph)):
        session = ort.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"image": images})
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())
    return Counter(node.op_type for node in graph.graph.node)


def batch_norm(x, name):
    return BatchNorm(name=name)(x)


def test_the_deviation_of_images_is_in_the_first_kernel_and_their_mean_is_taken_channels_first():
    kinds = kinds_of(lambda image: conv(ImageNetNormalize()(image), 4, "a", stride=2, bias=True))
    assert kinds == {"Cast": 1, "Transpose": 2, "Sub": 1, "Conv": 1}


def test_so_is_the_factor_of_a_normalisation_to_minus_one():
    kinds = kinds_of(lambda image: conv(normalize(image), 4, "a"))
    assert kinds == {"Cast": 1, "Transpose": 2, "Add": 1, "Conv": 1}


def test_images_are_turned_once_for_several_uses_of_the_normalised_one():
    def build(image):
        x = ImageNetNormalize()(image)
        pooled = layers.AveragePooling2D(3, strides=2, name="p")(layers.ZeroPadding2D(1, name="z")(x))
        return layers.Concatenate(name="c")([conv(x, 4, "a", stride=2), pooled])

    kinds = kinds_of(build)
    assert kinds["Transpose"] == 2 and kinds["Sub"] == kinds["Mul"] == 1


def test_prelu_is_a_node():
    kinds = kinds_of(lambda image: PReLU(name="b")(conv(image, 4, "a")))
    assert kinds["PRelu"] == 1 and not {"Relu", "Neg", "Sub", "Mul"} & set(kinds)


@pytest.mark.parametrize("largest", [1.0, 1.5])
def test_on_a_cpu_prelu_is_composed_again_by_its_slopes(largest):
    image = keras.Input((*SIZE, 3), name="image")
    model = keras.Model(image, PReLU(name="logits", dtype="float32")(conv(image, 4, "a")), name="small")
    model.get_layer("logits").slope.assign([-1, 0, 0.5, largest])
    graph = onnx_cpu.for_cpu(export.export(model, GraphInterface(), CITYSCAPES))
    kinds = Counter(node.op_type for node in graph.graph.node)
    assert kinds["PRelu"] == 0 and kinds["Mul"] == 1 and kinds["Max"] == (largest <= 1)
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = np.asarray(model(noise(*SIZE)[None]))
    (found,) = session.run(None, {"image": noise(*SIZE)[None]})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_batch_norm_goes_into_convolutions_through_concatenation_averages_and_enlargement():
    def build(image):
        small = conv(image, 4, "a", stride=2)
        pooled = layers.AveragePooling2D(2, name="p")(conv(image, 3, "b", bias=True))
        x = batch_norm(layers.Concatenate(name="c")([small, pooled]), "d")
        return Resize(*SIZE, align_corners=True, name="e")(conv(batch_norm(x, "f"), 5, "g"))

    assert kinds_of(build)["BatchNormalization"] == 0


def test_batch_norm_stays_where_something_else_takes_what_it_takes():
    def build(image):
        x = conv(image, 4, "a")
        return layers.Add(name="c")([batch_norm(layers.Add(name="d")([x, x]), "b"), x])

    assert kinds_of(build)["BatchNormalization"] == 1


@pytest.mark.parametrize("dilation", [2, 3])
def test_a_convolution_with_stride_and_dilation_is_one_node(dilation):
    kinds = kinds_of(lambda image: conv(depthwise(image, "a", 3, 2, dilation), 4, "b"))
    assert kinds["Conv"] == 2 and kinds["MaxPool"] == 0


@pytest.mark.parametrize("enlarged", [False, True])
def test_outputs_behind_the_classes_are_not_calculated(enlarged):
    def build(image):
        x = conv(image, CITYSCAPES.classes + 1, "a", stride=2 if enlarged else 1, bias=True)
        return Resize(*SIZE, align_corners=True, name="b")(x) if enlarged else x

    assert kinds_of(build)["Slice"] == 0


def scaled(users=1):
    """Image * 0.5 + 3, channels first, into `users` padded convolutions whose results are added."""
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Mul", ["half", "image"], ["halved"]),
        helper.make_node("Add", ["three", "halved"], ["shifted"]),
        helper.make_node("Transpose", ["shifted"], ["planes"], perm=[0, 3, 1, 2]),
        *[helper.make_node("Conv", ["planes", f"w{i}"], [f"y{i}"], pads=[1, 1, 1, 1]) for i in range(users)],
        helper.make_node("Sum", [f"y{i}" for i in range(users)], ["result"]),
    ]
    constants = {"half": np.float32(0.5), "three": np.full(3, 3, np.float32)}
    constants |= {f"w{i}": random.normal(size=(2, 3, 3, 3)).astype(np.float32) for i in range(users)}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "scaled",
        [value("image", TensorProto.FLOAT, [1, 5, 6, 3])],
        [value("result", TensorProto.FLOAT, [1, 2, 5, 6])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("users, left", [(1, 0), (2, 1)])
def test_a_factor_goes_into_the_only_convolution_behind_it(users, left):
    before, after = scaled(users), scaled(users)
    onnx_folding.fold(after.graph)
    assert [node.op_type for node in after.graph.node].count("Mul") == left
    assert [constant.name for constant in after.graph.initializer].count("three") == 0
    image = {"image": np.random.default_rng(1).normal(size=(1, 5, 6, 3)).astype(np.float32)}
    expected, found = (
        ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, image)
        for model in (before, after)
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5)
