"""Rewrites of exported graphs: which nodes are left, and the same values."""

from collections import Counter

import keras
import numpy as np
import onnxruntime as ort
import pytest
from keras import layers
from onnx import TensorProto, helper, numpy_helper

import graphs
from data.label_sets import CITYSCAPES
from deploy import export, onnx_folding, operators
from inference import onnx_cpu
from inference.graph_interface import GraphInterface
from inference.onnx_runtime import session_options
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
        session = graphs.session(one)
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
    assert kinds["Transpose"] == 2 and kinds["Sub"] == kinds["Mul"] == 1 and not kinds["Pad"]


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
    session = graphs.session(graph)
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


@pytest.mark.parametrize("users", [1, 2])
def test_a_factor_goes_into_all_convolutions_behind_it(users):
    before, after = scaled(users), scaled(users)
    onnx_folding.fold(after.graph)
    assert [node.op_type for node in after.graph.node].count("Mul") == 0
    assert [constant.name for constant in after.graph.initializer].count("three") == 0
    image = {"image": np.random.default_rng(1).normal(size=(1, 5, 6, 3)).astype(np.float32)}
    expected, found = (graphs.session(model).run(None, image) for model in (before, after))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5)


def graph_of(nodes, constants):
    """A model from `image` to `result`."""
    value = helper.make_tensor_value_info
    kinds = {name: np.int64 if name == "pads" else np.float32 for name in constants}
    graph = helper.make_graph(
        [helper.make_node(kind, names.split(), [made], **options) for kind, names, made, options in nodes],
        "folded",
        [value("image", TensorProto.FLOAT, [1, 3, 6, 8])],
        [value("result", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(values, kinds[name]), name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def kernel(*shape):
    return np.random.default_rng(0).normal(size=shape)


def folded(model):
    """The kinds of nodes that are left, after the values were compared."""
    image = {
        "image": np.random.default_rng(0).normal(
            3, 2, [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        )
    }
    image = {name: array.astype(np.float32) for name, array in image.items()}
    before = run(model, image)
    onnx_folding.fold(model.graph)
    np.testing.assert_allclose(run(model, image), before, rtol=1e-5, atol=1e-5)
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used
    return Counter(node.op_type for node in model.graph.node)


def run(model, image):
    options = session_options()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = graphs.session(model, options)
    return session.run(None, image)[0]


NORM = {"gamma": [2, -1, 0.5], "beta": [1, 0, 2], "mean": [3, 1, 0], "variance": [1, 4, 0.25]}


@pytest.mark.parametrize("bias", [False, True])
def test_a_norm_goes_into_the_convolution_behind(bias):
    nodes = [
        ("BatchNormalization", "image gamma beta mean variance", "normed", {"epsilon": 1e-3}),
        ("Conv", "normed w b" if bias else "normed w", "result", {}),
    ]
    model = graph_of(nodes, NORM | {"w": kernel(4, 3, 1, 1)} | ({"b": kernel(4)} if bias else {}))
    assert folded(model) == {"Conv": 1}


@pytest.mark.parametrize(
    ("options", "shape"), [({"pads": [1, 1, 1, 1]}, (4, 3, 3, 3)), ({"group": 3}, (3, 1, 1, 1))]
)
def test_a_norm_stays_before_padding_and_groups(options, shape):
    nodes = [
        ("BatchNormalization", "image gamma beta mean variance", "normed", {}),
        ("Conv", "normed w", "result", options),
    ]
    assert folded(graph_of(nodes, NORM | {"w": kernel(*shape)})) == {"BatchNormalization": 1, "Conv": 1}


def test_a_norm_that_others_read_stays():
    nodes = [
        ("BatchNormalization", "image gamma beta mean variance", "normed", {}),
        ("Conv", "normed w", "convolved", {}),
        ("Add", "normed convolved", "result", {}),
    ]
    assert folded(graph_of(nodes, NORM | {"w": kernel(3, 3, 1, 1)}))["BatchNormalization"] == 1


def test_padding_goes_into_all_that_read_it():
    nodes = [
        ("Pad", "image pads zero", "padded", {}),
        ("AveragePool", "padded", "mean", {"kernel_shape": [3, 3], "strides": [2, 2]}),
        ("Conv", "padded w", "convolved", {"group": 3, "strides": [2, 2], "auto_pad": "VALID"}),
        ("Add", "mean convolved", "result", {}),
    ]
    constants = {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "zero": 0.0, "w": kernel(3, 1, 3, 3)}
    assert folded(graph_of(nodes, constants)) == {"AveragePool": 1, "Conv": 1, "Add": 1}


@pytest.mark.parametrize(
    ("pads", "value", "kind"),
    [
        ([0, 0, 1, 1, 0, 0, 1, 1], 2.0, "AveragePool"),
        ([0, 1, 1, 1, 0, 0, 1, 1], 0.0, "AveragePool"),
        ([0, 0, 1, 1, 0, 0, 1, 1], 0.0, "MaxPool"),
    ],
    ids=["of twos", "of channels", "of a maximum"],
)
def test_other_padding_stays(pads, value, kind):
    nodes = [
        ("Pad", "image pads value", "padded", {}),
        (kind, "padded", "result", {"kernel_shape": [3, 3]}),
    ]
    assert folded(graph_of(nodes, {"pads": pads, "value": value})) == {"Pad": 1, kind: 1}
