"""Int8 and float16 graphs: close to float32, as their targets want them, and refused where they lose."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization.onnx_model import ONNXModel

from common.errors import UserError
from data.label_sets import CITYSCAPES
from deploy import export, operators, qdq, quantize
from inference import onnx_int8
from inference.graph_interface import GraphInterface
from inference.onnx_runtime import OnnxRuntime
from trained import network, noise

SIZE = (32, 64)
NARROW = "encoder2a_conv/convolution"


def images(count=8, seed=0):
    return np.stack([noise(*SIZE, seed + number) for number in range(count)])


@pytest.fixture(scope="module")
def graph():
    return export.export(
        network("unet", SIZE, width=8), GraphInterface(), CITYSCAPES, {"precision": "float32"}
    )


def agreement(reference):
    """A score: the share of pixels with the label that `reference` gives, on images not calibrated on."""
    test = images(4, seed=100)
    expected = OnnxRuntime(reference, "reference").predict(test)
    assert len(np.unique(expected)) >= 3
    return lambda model: float((OnnxRuntime(model, "it").predict(test) == expected).mean())


def gate(reference):
    """One that looks at what `agreement` scores alone."""
    return quantize.Gate(0, agreement(reference), 30.0)


@pytest.mark.slow
@pytest.mark.parametrize("interface", [GraphInterface(), GraphInterface(2, "nchw", argmax=True)], ids=str)
@pytest.mark.parametrize("target", ["tensorrt", "cpu"])
def test_int8_is_close_and_as_its_target_wants_it(target, interface):
    graph = export.export(network("unet", SIZE, width=8), interface, CITYSCAPES)
    found = quantize.int8(graph, interface, target, images(), gate(graph))
    assert 0.7 < found.miou <= 1.0 and found.kept == []
    onnx.checker.check_model(found.model, full_check=True)
    assert found.model.ByteSize() < 0.5 * graph.ByteSize()
    kinds = Counter(node.op_type for node in found.model.graph.node)
    assert kinds["QuantizeLinear"] >= kinds["Conv"] == 19
    refused = operators.violations(found.model)
    assert refused == [] if target == "tensorrt" else "zero point" in " ".join(refused)


@pytest.mark.slow
def test_weights_have_a_scale_for_each_channel(graph):
    found = quantize.int8(graph, GraphInterface(), "tensorrt", images(), gate(graph))
    scales = {c.name: numpy_helper.to_array(c) for c in found.model.graph.initializer}
    shapes = [scales[n.input[1]].size for n in found.model.graph.node if n.op_type == "DequantizeLinear"]
    assert sum(size > 1 for size in shapes) >= 19
    weights = [
        c for c in found.model.graph.initializer if c.data_type == TensorProto.INT8 and len(c.dims) == 4
    ]
    assert len(weights) >= 19


@pytest.mark.parametrize("target", qdq.TARGETS)
def test_known_users_change_nothing(monkeypatch, graph, target):
    def formed():
        made = qdq.Quantizer(graph, GraphInterface(), qdq.TARGETS[target], images()).without([NARROW]).graph
        arrays = {c.name: numpy_helper.to_array(c).tolist() for c in made.initializer}
        return [str(node) for node in made.node], arrays

    found = formed()
    monkeypatch.setattr(qdq, "Indexed", ONNXModel)
    assert found == formed()


@pytest.mark.parametrize(("target", "least", "most"), [("cpu", 32, 64), ("tensorrt", 65, 127)])
def test_weights_for_a_processor_that_overflows_have_7_bits(monkeypatch, graph, target, least, most):
    monkeypatch.setattr(onnx_int8, "saturates", lambda: True)
    quantizer = qdq.Quantizer(graph, GraphInterface(), qdq.TARGETS[target], images())
    constants = [numpy_helper.to_array(c) for c in quantizer.without(()).graph.initializer]
    largest = max(np.abs(c.astype(int)).max() for c in constants if c.dtype == np.int8 and c.ndim == 4)
    assert least <= largest <= most


def spoilt(graph):
    """The same function, but one channel is so large that a common scale leaves nothing of the others."""
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    nodes = {node.name: node for node in copy.graph.node}
    constants = {constant.name: constant for constant in copy.graph.initializer}

    def scale(name, axis, factor):
        for number in (1, 2) if axis == 0 else (1,):
            constant = constants[nodes[name].input[number]]
            array = numpy_helper.to_array(constant).copy()
            np.moveaxis(array, axis, 0)[0] *= factor
            constant.CopyFrom(numpy_helper.from_array(array, constant.name))

    scale(NARROW, 0, 3e4)
    scale("encoder2b_conv/convolution", 1, 1 / 3e4)
    return copy


LIMITS = {  # by which a spoilt graph is judged
    "mIoU": lambda bad: quantize.Gate(0, agreement(bad), 20.0),
    "labels": lambda bad: quantize.Gate(0.8),
}


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_layers_that_hurt_are_kept_in_float_and_listed(graph, limit):
    bad = spoilt(graph)
    assert agreement(graph)(bad) > 0.999
    found = quantize.int8(bad, GraphInterface(), "tensorrt", images(), LIMITS[limit](bad))
    assert (found.miou or found.agreement) > 0.8
    assert {NARROW, "encoder2b_conv/convolution"} & set(found.kept) and len(found.kept) < 6
    inputs = {n.output[0]: n.op_type for n in found.model.graph.node}
    for node in found.model.graph.node:
        if node.op_type == "Conv":
            assert (inputs.get(node.input[1]) == "DequantizeLinear") == (node.name not in found.kept)


@pytest.mark.slow
def test_where_every_layer_hurts_those_that_hurt_most_are_named(graph):
    bad = spoilt(graph)
    with pytest.raises(UserError, match=r"^int8 agrees in \d+\.\d % .*no file written$") as caught:
        quantize.int8(bad, GraphInterface(), "tensorrt", images(), quantize.Gate(1.1))
    first = str(caught.value).split("most of all ")[1].split(",")[0]
    assert first in (NARROW, "encoder2b_conv/convolution")  # which rounds what the other one makes


@pytest.mark.slow
def test_harm_is_that_of_a_layer_alone(graph):
    bad, interface = spoilt(graph), GraphInterface()
    quantizer = qdq.Quantizer(bad, interface, qdq.TARGETS["tensorrt"], images())
    judge = qdq.Judge(bad, interface, images(2))
    assert judge.agreement(bad) == judge.agreement(quantizer.quantized([])) == 1
    ranked = qdq.by_harm(quantizer, judge)
    assert sorted(ranked) == sorted(quantizer.parts) and len(ranked) == 19 + 4
    alone = [judge.agreement(quantizer.quantized([name])) for name in ranked]
    assert alone == sorted(alone) and alone[1] < 0.5 < alone[2]


def test_what_follows_a_convolution_is_quantized_with_it():
    made = [
        ("Resize", "first"),
        ("Conv", "a"),
        ("Add", "b"),
        ("Concat", "c"),
        ("ConvTranspose", "d"),
        ("Conv", "e"),
    ]
    nodes = [onnx.helper.make_node(kind, [], [], name) for kind, name in made]
    assert qdq.parts(nodes) == {"a": ["first", "a", "b", "c"], "d": ["d"], "e": ["e"]}


@pytest.mark.parametrize("least", [1, 2, 5, 7, 12])
def test_the_fewest_that_pass_are_found(least):
    tried = []

    def attempt(count):
        tried.append(count)
        return count, count >= least

    assert quantize.fewest(attempt, 12) == least
    assert len(tried) <= 8 and max(tried) <= 12


def test_float16_is_close_and_half_as_large(graph):
    model, score = quantize.float16(graph, agreement(graph), max_drop=1.0)
    assert score > 0.99 and model.ByteSize() < 0.6 * graph.ByteSize()
    assert operators.violations(model) == []
    ends = [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]
    assert ends == [TensorProto.UINT8, TensorProto.FLOAT]


def test_float16_that_overflows_is_refused(graph):
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    node = next(node for node in copy.graph.node if node.name == NARROW)
    constant = next(c for c in copy.graph.initializer if c.name == node.input[1])
    constant.CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(constant) * np.float32(1e6), constant.name)
    )
    with pytest.raises(UserError, match="^float16 loses .* more than `max_drop` 1.0; no file written$"):
        quantize.float16(copy, agreement(copy), max_drop=1.0)
