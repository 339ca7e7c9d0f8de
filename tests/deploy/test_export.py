"""Exported graphs: clean, known to TensorRT, and equal to their Keras models."""

import json
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import graphs
from common.errors import UserError
from data.label_sets import CITYSCAPES
from deploy import export, onnx_graph, onnx_samples, operators, parity, sample_parity
from inference import sampling
from inference.graph_interface import GraphInterface
from networks import calibrate, narrowed
from trained import network, noise

SIZE = (64, 128)
CONVOLUTIONS = {"Conv2D": 1, "DepthwiseConv2D": 1, "SeparableConv2D": 2}


def images(count=2):
    return np.stack([noise(*SIZE, seed=10 + number) for number in range(count)])


def run(model, interface, images):
    session = graphs.session(model)
    (output,) = session.run(None, {session.get_inputs()[0].name: interface.arrange(images)})
    return output


@pytest.fixture(scope="module")
def small():
    return network("toy", SIZE)


@pytest.mark.slow
def test_a_network_is_clean_and_equal():
    """As every other one's, of which the contract looks at the graph alone."""
    model, interface = network("fastscnn", SIZE), GraphInterface()
    graph = export.export(model, interface, CITYSCAPES)
    assert operators.violations(graph) == []
    kinds = Counter(node.op_type for node in graph.graph.node)
    assert kinds["BatchNormalization"] == 0 and kinds["Transpose"] == 2
    # all its layers' convolutions and no more: a separable one is two
    assert kinds["Conv"] == sum(CONVOLUTIONS.get(type(layer).__name__, 0) for layer in model.layers)
    assert not {"Identity", "Tile", "Loop", "If", "Shape"} & set(kinds)
    assert_no_wide_numbers(graph)
    layers = {layer.name for layer in model.layers} | {"input"}
    assert all(node.name.split("/")[0] in layers for node in graph.graph.node)
    assert parity.measure(graph, model, interface, CITYSCAPES, images()).passed
    assert len(np.unique(run(graph, interface, images(1)).argmax(-1))) >= 3  # or agreement would say little


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fastscnn", "separable_unet", "bayes_segnet"])
def test_with_samples_is_clean_and_equal(name):
    model, interface = (
        network(name, SIZE, **({"dropout": 0.3} if name == "fastscnn" else {})),
        GraphInterface(dropout_passes=2),
    )
    if name == "bayes_segnet":  # six dropouts, and comparisons that rounding can decide
        model = narrowed(model, 8)
        calibrate(model, images(4))
    graph = export.export(model, interface, CITYSCAPES)
    assert operators.violations(graph) == []
    kinds = Counter(node.op_type for node in graph.graph.node)
    assert kinds["BatchNormalization"] == 0 and kinds["Transpose"] <= 2
    assert kinds["RandomUniform"] == 2 * len(sampling.dropouts(model)) > 0
    assert not {"Identity", "Tile", "Loop", "If", "Shape", onnx_samples.MARKER} & set(kinds)
    assert_no_wide_numbers(graph)
    assert sample_parity.measure(graph, model, interface, CITYSCAPES, images()).passed


def assert_no_wide_numbers(graph):
    """No float64 at all; int64 only as shapes and axes, and as what ArgMax returns."""
    for value in graph.graph.value_info:
        wide = value.type.tensor_type.elem_type in (TensorProto.DOUBLE, TensorProto.INT64)
        assert not wide or any(n.op_type == "ArgMax" and value.name in n.output for n in graph.graph.node)
    for constant in graph.graph.initializer:
        assert constant.data_type != TensorProto.DOUBLE
        assert constant.data_type != TensorProto.INT64 or np.prod(constant.dims) <= 8


@pytest.mark.slow
@pytest.mark.parametrize("float_input", [False, True])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("argmax", [False, True])
def test_forms_return_the_same(small, layout, argmax, float_input):
    interface = GraphInterface(2, layout, float_input, argmax)
    graph = export.export(small, interface, CITYSCAPES)
    assert operators.violations(graph) == []
    found = run(graph, interface, images())
    logits = small(images(), training=False).numpy()
    if argmax:
        assert found.dtype == np.uint8 and (found == logits.argmax(-1)).all()
    else:
        assert found.dtype == np.float32
        found = found.transpose(0, 2, 3, 1) if layout == "nchw" else found
        np.testing.assert_allclose(found, logits, atol=1e-4 * np.abs(logits).max())
    transposes = sum(node.op_type == "Transpose" for node in graph.graph.node)
    assert transposes == (0 if layout == "nchw" else 1 if argmax else 2)
    assert parity.measure(graph, small, interface, CITYSCAPES, images(3)).agreement == 1.0


@pytest.mark.parametrize("opset", [13, 15, 17])
def test_opsets(small, opset):
    graph = export.export(small, GraphInterface(opset=opset), CITYSCAPES)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", opset)]
    assert operators.violations(graph) == []


@pytest.mark.slow
def test_void_of_an_old_network_is_no_answer():
    model = network("separable_unet", SIZE, classes=CITYSCAPES.classes + 1)
    model.get_layer("logits").bias.assign(np.eye(20)[19] * 1e4)  # void everywhere
    labels = run(export.export(model, GraphInterface(argmax=True), CITYSCAPES), GraphInterface(), images(1))
    assert labels.max() < CITYSCAPES.classes
    assert (labels == model(images(1), training=False).numpy()[..., : CITYSCAPES.classes].argmax(-1)).all()


def test_metadata_tell_what_it_is(small):
    graph = export.export(
        small,
        GraphInterface(),
        CITYSCAPES,
        {"model": "fastscnn", "training_run": None, "code_version": "abc"},
    )
    notes = {entry.key: entry.value for entry in graph.metadata_props}
    assert (notes["model"], notes["code_version"]) == ("fastscnn", "abc") and "training_run" not in notes
    assert json.loads(notes["classes"]) == list(CITYSCAPES.names)
    assert json.loads(notes["palette"]) == CITYSCAPES.palette[: CITYSCAPES.classes].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(96, 160), (160, 416), (224, 352)])
def test_sizes_that_do_not_divide_evenly(size):
    """Pyramid pooling resizes 3 to 5 and 6 to 11, factors that float32 does not hold."""
    model = network("fastscnn", size)
    graph = export.export(model, GraphInterface(), CITYSCAPES)
    images = np.stack([noise(*size, seed) for seed in range(2)])
    assert parity.measure(graph, model, GraphInterface(), CITYSCAPES, images).difference < 1e-3


def resizing(mode, coordinates, before, after):
    """A graph of one Resize by a float32 factor."""
    factors = [large / small for small, large in zip(before, after)]
    node = helper.make_node(
        "Resize",
        ["x", "", "factors"],
        ["y"],
        "r",
        mode=mode,
        coordinate_transformation_mode=coordinates,
        nearest_mode="floor",
    )
    graph = helper.make_graph(
        [node],
        "resizing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, before)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, after)],
        [numpy_helper.from_array(np.array(factors, np.float32), "factors")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_factor_that_rounds_down_becomes_a_size():
    before, after = (1, 1, 7, 1), (1, 1, 31, 1)
    assert int(np.floor(np.float32(31 / 7) * np.float32(7))) == 30  # what the factor would give
    graph = onnx_graph.tidy(resizing("linear", "half_pixel", before, after), set())
    x = np.random.default_rng(0).normal(size=before).astype("float32")
    assert run(graph, GraphInterface(float_input=True), x).shape == after


class TestParity:
    def test_sees_a_changed_weight(self, small):
        graph = export.export(small, GraphInterface(), CITYSCAPES)
        change(graph, 1.1)
        found = parity.measure(graph, small, GraphInterface(), CITYSCAPES, images())
        assert found.difference > 1e-3
        with pytest.raises(UserError, match="the graph and its Keras model disagree .*: no file written"):
            parity.require(found, "the graph")

    def test_does_not_take_nan(self, small):
        graph = export.export(small, GraphInterface(argmax=True), CITYSCAPES)
        change(graph, np.nan)
        with pytest.raises(UserError, match="disagree"):
            parity.require(
                parity.measure(graph, small, GraphInterface(argmax=True), CITYSCAPES, images()), "the graph"
            )

    @pytest.mark.slow
    def test_does_not_take_nan_whose_arg_max_is_right(self):
        model = network("fastscnn", SIZE)
        model.get_layer("classifier_scores").bias.assign(
            np.eye(CITYSCAPES.classes)[0] * 1e4
        )  # NaN's arg-max is 0
        graph = export.export(model, GraphInterface(), CITYSCAPES)
        change(graph, np.nan)
        found = parity.measure(graph, model, GraphInterface(), CITYSCAPES, images())
        assert found.agreement == 1.0 and not found.passed

    @pytest.mark.slow
    def test_compares_on_streets_unless_told_otherwise(self):
        images = parity.sample_images((64, 128))
        assert images.shape == (parity.IMAGES, 64, 128, 3) and images.dtype == np.uint8
        assert len({image.tobytes() for image in images}) == parity.IMAGES
        assert images.std() > 20


def change(model, factor):
    """Multiply the first convolution's weights, in place."""
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    constant = next(c for c in model.graph.initializer if c.name == node.input[1])
    array = numpy_helper.to_array(constant) * np.float32(factor)
    constant.CopyFrom(numpy_helper.from_array(array, constant.name))


def one_node(operator, kind=TensorProto.FLOAT, inputs=1, opset=17, outputs=1, constants=(), **attributes):
    names = [f"x{number}" for number in range(inputs)]
    node = helper.make_node(
        operator,
        names + [constant.name for constant in constants],
        [f"y{number}" for number in range(outputs)],
        "suspect",
        **attributes,
    )
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(name, kind, (1, 4, 8, 8)) for name in names],
        [],
        list(constants),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (one_node("MaxPool", outputs=2, kernel_shape=[2, 2]), "no Indices"),
        (one_node("MaxUnpool", inputs=2, kernel_shape=[2, 2]), "no such operator"),
        (one_node("AveragePool", kernel_shape=[2, 2], dilations=[2, 2]), "without dilation"),
        (one_node("ArgMax", TensorProto.INT32, axis=1), "takes no int32 ('x0')"),
        (one_node("Add", TensorProto.INT64, inputs=2), "takes no int64"),
        (one_node("Mul", TensorProto.DOUBLE, inputs=2), "takes no double"),
        (one_node("Transpose", TensorProto.UINT8), "takes no uint8"),
        (one_node("Cast", TensorProto.INT64, to=TensorProto.UINT8), "makes bytes of floats only"),
        (one_node("Cast", TensorProto.UINT8, to=TensorProto.INT32), "makes bytes of floats only"),
        (one_node("Resize", mode="cubic"), "mode is cubic"),
        (one_node("Resize", coordinate_transformation_mode="tf_crop_and_resize"), "tf_crop_and_resize"),
        (one_node("QLinearConv", TensorProto.INT8), "no such operator"),
        (one_node("LayerNormalization"), "no such operator"),
        (one_node("RandomUniform", inputs=0, shape=[1], dtype=TensorProto.DOUBLE), "draws no double"),
        (one_node("RandomUniformLike", TensorProto.INT32), "takes no int32"),
        (one_node("RandomNormalLike"), "no such operator"),
        (
            one_node(
                "QuantizeLinear",
                constants=[
                    numpy_helper.from_array(np.float32(0.1), "scale"),
                    numpy_helper.from_array(np.int8(3), "zero"),
                ],
            ),
            "zero point",
        ),
    ],
    ids=lambda value: value.graph.node[0].op_type if isinstance(value, onnx.ModelProto) else value,
)
def test_what_tensorrt_lacks_is_named(model, fault):
    found = operators.violations(model)
    assert found
    for line in found:
        assert line.startswith(f"suspect ({model.graph.node[0].op_type}): ") and fault in line


def test_an_opset_above_tensorrt_8_5_is_named():
    (found,) = operators.violations(one_node("Relu", opset=18))
    assert found == "opset 18: TensorRT 8.5 reads at most 17"


def test_what_tensorrt_takes_is_not_named():
    for model in (
        one_node("Relu"),
        one_node("Where", TensorProto.BOOL, inputs=3),
        one_node("Cast", TensorProto.UINT8, to=TensorProto.FLOAT),
        one_node("MaxPool", kernel_shape=[2, 2]),
        one_node("RandomUniform", inputs=0, shape=[1, 4]),
        one_node("RandomUniformLike", TensorProto.FLOAT16),
        one_node("Resize", mode="linear", coordinate_transformation_mode="half_pixel"),
    ):
        assert operators.violations(model) == []
