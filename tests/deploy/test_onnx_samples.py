"""Graphs of random passes: clean, random where and as they should be, and equal to NumPy and to Keras."""

import itertools
from collections import Counter

import keras
import numpy as np
import onnx
import pytest
from keras import layers

import dropping
import graphs
from common.errors import UserError
from data.label_sets import CITYSCAPES
from deploy import export, onnx_samples, operators, qdq, quantize, sample_parity
from inference import runtimes, sampling
from inference.graph_interface import GraphInterface
from inference.onnx_runtime import OnnxRuntime

SAMPLES = 3


@pytest.fixture(scope="module")
def model():
    return dropping.network()


@pytest.fixture(scope="module")
def graph(model):
    return export.export(model, GraphInterface(dropout_passes=SAMPLES), CITYSCAPES, {"model": "dropping"})


def run(running, images):
    return running.run(None, {"image": images})[0]


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_only_what_follows_a_dropout_is_repeated(model, graph):
    once = export.export(model, GraphInterface(dropout_passes=1), CITYSCAPES)
    kinds, single = (Counter(node.op_type for node in g.graph.node) for g in (graph, once))
    assert kinds["RandomUniform"] == SAMPLES * len(dropping.RATES)
    assert kinds["Conv"] == 1 + SAMPLES * 2 and kinds["MaxPool"] == single["MaxPool"] == 1
    assert kinds["Transpose"] == 2 and kinds["Softmax"] == SAMPLES
    assert graph.ByteSize() - once.ByteSize() < 30_000  # nodes, no constants
    assert operators.violations(graph) == []
    layers_there = {layer.name for layer in model.layers} | {"input", onnx_samples.TAIL}
    names = [node.name for node in graph.graph.node]
    assert {name.split("/")[0] for name in names} <= layers_there and len(set(names)) == len(names)
    assert {entry.key: entry.value for entry in graph.metadata_props}["samples"] == str(SAMPLES)


def test_no_seed_is_stored(graph):
    """ONNX Runtime would draw the same masks in every pass."""
    for node in graph.graph.node:
        assert "seed" not in {attribute.name for attribute in node.attribute}


def test_is_the_mean_of_numpy_with_the_same_masks():
    random = np.random.default_rng(0)
    image = keras.Input((2, 3, 3))
    x = layers.Dropout(0.25, name="drop")(layers.Conv2D(5, 1, activation="relu", name="first")(image))
    model = keras.Model(image, layers.Conv2D(CITYSCAPES.classes, 1, name="logits")(x))
    weights = [random.normal(size=weight.shape).astype(np.float32) for weight in model.get_weights()]
    model.set_weights(weights)
    graph = onnx_samples.pinned(
        export.export(model, GraphInterface(float_input=True, dropout_passes=2), CITYSCAPES)
    )
    given = random.normal(size=(1, 2, 3, 3)).astype(np.float32)
    kept = random.random((2, 1, 2, 3, 5)) < 0.75
    feed = {f"drop/kept/sample{number + 1}": kept[number].transpose(0, 3, 1, 2) for number in range(2)}
    (found,) = graphs.session(graph).run(None, {"image": given, **feed})
    first, first_bias, last, last_bias = (np.squeeze(weight) for weight in weights)
    hidden = np.maximum(given @ first + first_bias, 0) * kept / 0.75
    np.testing.assert_allclose(found, softmax(hidden @ last + last_bias).mean(0), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("argmax", [False, True])
@pytest.mark.parametrize("opset", [13, 17])
def test_forms_agree_with_keras(model, layout, argmax, opset):
    interface = GraphInterface(2, layout, argmax=argmax, opset=opset, dropout_passes=2)
    graph = export.export(model, interface, CITYSCAPES)
    assert operators.violations(graph) == []
    found = sample_parity.measure(graph, model, interface, CITYSCAPES, dropping.images(4))
    assert found.passed and found.masked.difference < 1e-5 and found.masks == 2 * 2 * 2
    assert sum(node.op_type == "Transpose" for node in graph.graph.node) == 1 + (
        layout == "nhwc" and not argmax
    ) - (layout == "nchw")


def test_runs_differ_and_so_do_their_passes(graph):
    running = graphs.session(graph)
    runs = [run(running, dropping.images()) for _ in range(4)]
    np.testing.assert_allclose([one.sum(-1) for one in runs], 1.0, rtol=1e-5)
    assert all(np.abs(one - other).max() > 0.05 for one, other in itertools.pairwise(runs))
    names = list(onnx_samples.masks(graph))
    masks = dict(
        zip(names, sample_parity.parity.session(graph, *names).run(names, {"image": dropping.images()}))
    )
    for layer in dropping.RATES:
        first, second, third = (masks[f"{layer}/kept/sample{number}"] for number in (1, 2, 3))
        assert (first != second).any() and (second != third).any() and (first != third).any()


def test_mean_and_variance_of_a_pass_are_those_of_keras(model):
    running, x = (
        graphs.session(export.export(model, GraphInterface(dropout_passes=1), CITYSCAPES)),
        dropping.images(),
    )
    ours = np.concatenate([run(running, x) for _ in range(600)])
    ((theirs, _),) = sampling.passes_with_masks(
        model, x.repeat(600, 0), CITYSCAPES, 1
    )  # a mask for each image
    assert theirs.var(0).max() > 0.02
    # a mean of 600 has a standard error of sd / 24.5, a variance one of about a twelfth of itself
    assert np.abs(ours.mean(0) - theirs.mean(0)).mean() < 0.1 * theirs.std(0).mean()
    assert ours.var(0).mean() == pytest.approx(theirs.var(0).mean(), rel=0.03)
    assert np.abs(ours.var(0) - theirs.var(0)).mean() < 0.2 * theirs.var(0).mean()


def test_more_passes_spread_less(model):
    x = dropping.images()
    spread = {}
    for samples in (1, 16):
        running = graphs.session(export.export(model, GraphInterface(dropout_passes=samples), CITYSCAPES))
        spread[samples] = np.stack([run(running, x) for _ in range(100)]).var(0).mean()
    assert spread[16] == pytest.approx(spread[1] / 16, rel=0.15)


def test_a_network_without_dropout_is_one_line():
    with pytest.raises(UserError, match="^dropping has no dropout to sample; leave `dropout_passes` out$"):
        export.export(
            dropping.network({"drop1": 0.0, "drop2": 0.0}), GraphInterface(dropout_passes=2), CITYSCAPES
        )


class TestGate:
    """Faults that a graph could have; each alone is enough."""

    def refused(self, model, graph):
        found = sample_parity.measure(
            graph, model, GraphInterface(dropout_passes=SAMPLES), CITYSCAPES, dropping.images(2)
        )
        with pytest.raises(UserError, match="the graph and its Keras model disagree .*no file written"):
            sample_parity.parity.require(found, "the graph")
        return found

    @pytest.fixture
    def copy(self, graph):
        copy = onnx.ModelProto()
        copy.CopyFrom(graph)
        return copy

    def constant(self, graph, name, value):
        for tensor in graph.graph.initializer:
            if tensor.name == name:
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(value), name))

    def draws(self, graph):
        return [node for node in graph.graph.node if node.op_type == "RandomUniform"]

    def test_passes_the_graph_as_it_is(self, model, graph):
        found = sample_parity.measure(
            graph, model, GraphInterface(dropout_passes=SAMPLES), CITYSCAPES, dropping.images(2)
        )
        sample_parity.parity.require(found, "the graph")
        assert found.masked.difference < 1e-5 and found.masked.agreement == 1.0

    def test_another_scale(self, model, copy):
        self.constant(copy, "drop1/scale", 1.0)
        found = self.refused(model, copy)
        assert found.masked.difference > 1e-3 and found.deviation < sample_parity.LARGEST_DEVIATION

    def test_another_rate(self, model, copy):
        self.constant(copy, "drop1/rate", 0.7)
        found = self.refused(model, copy)
        assert found.masked.difference < 1e-3 and found.deviation > 20

    def test_equal_masks_in_every_pass(self, model, copy):
        for node in self.draws(copy):
            node.attribute.append(onnx.helper.make_attribute("seed", 1.0))
        assert self.refused(model, copy).deviation > 20

    def test_masks_that_became_constants(self, model, copy):
        for node in self.draws(copy):
            shape = next(list(a.ints) for a in node.attribute if a.name == "shape")
            fixed = np.random.default_rng(len(copy.graph.initializer)).random(shape, np.float32)
            copy.graph.initializer.append(onnx.numpy_helper.from_array(fixed, node.output[0]))
            copy.graph.node.remove(node)
        drawn, deviation = sample_parity._drawn(copy, GraphInterface(), dropping.images(), dropping.RATES)
        assert (drawn, deviation > 20) == (2 * 2 * SAMPLES, True)


class TestSmaller:
    """Float16 and int8 leave the draws as they are, and errors of layers are those of rounding alone."""

    def drawn(self, graph):
        _, deviation = sample_parity._drawn(graph, GraphInterface(), dropping.images(), dropping.RATES)
        return deviation

    def test_float16(self, graph):
        made, _ = quantize.float16(graph, lambda model: 0.5, 1.0)
        assert operators.violations(made) == [] and self.drawn(made) < sample_parity.LARGEST_DEVIATION
        onnx.checker.check_model(made, full_check=True)  # also that nodes stand in order
        assert (
            sum(node.op_type == "Cast" for node in made.graph.node) == 1 + SAMPLES
        )  # the image, each softmax
        kinds = {value.name: value.type.tensor_type.elem_type for value in made.graph.value_info}
        for node in made.graph.node:
            if node.op_type in ("Conv", "Where", "Relu"):
                assert kinds[node.output[0]] == onnx.TensorProto.FLOAT16
        running = graphs.session(made)
        first, second = (run(running, dropping.images()) for _ in range(2))
        assert np.abs(first - second).max() > 0.05
        np.testing.assert_allclose(first.sum(-1), 1.0, rtol=1e-5)  # added up in float32

    @pytest.mark.parametrize("target", ["tensorrt", "cpu"])
    def test_int8(self, graph, target):
        interface = GraphInterface(dropout_passes=SAMPLES)
        judge = qdq.Judge(graph, interface, dropping.images())  # gives both the same masks
        made = quantize.int8(graph, interface, target, dropping.images(4), quantize.Gate(0)).model
        assert self.drawn(made) < sample_parity.LARGEST_DEVIATION
        assert target == "cpu" or operators.violations(made) == []
        assert judge.agreement(graph) == 1 and 0.9 < judge.agreement(made) <= 1


class TestRuntime:
    @pytest.fixture
    def path(self, graph, tmp_path):
        onnx.save(graph, tmp_path / "samples.onnx")
        return tmp_path / "samples.onnx"

    def test_probabilities_are_the_graphs(self, path):
        runtime = runtimes.load(path, "dropping", dropping.SIZE)
        assert isinstance(runtime, OnnxRuntime) and runtime.dropout_passes == SAMPLES
        found = runtime.probabilities(dropping.images(2))
        np.testing.assert_allclose(found.sum(-1), 1.0, rtol=1e-5)
        assert found.max() > 0.9  # a softmax of probabilities would end below e / (e + 18) = 0.13
        assert runtime.predict(dropping.images(2)).shape == (2, *dropping.SIZE)
        assert runtimes.with_passes(runtime, flip=True).predict(dropping.images()).max() < CITYSCAPES.classes

    def test_samples_of_samples_are_refused(self, path):
        with pytest.raises(
            UserError, match="averages 3 random passes of its own; leave `dropout_passes` out"
        ):
            runtimes.sampling_of(runtimes.load(path), 5, 0)
