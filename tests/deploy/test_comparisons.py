"""The gate's second look: it takes graphs in which only rounding decides otherwise, and no wrong one."""

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import numpy_helper

import tied
from common.errors import UserError
from data.label_sets import CITYSCAPES
from deploy import comparisons, export, parity, sample_parity
from inference.graph_interface import GraphInterface


@pytest.fixture(scope="module")
def model():
    return tied.network()


@pytest.fixture(scope="module")
def graph(model):
    return export.export(model, GraphInterface(), CITYSCAPES)


@pytest.fixture
def copy(graph):
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    return copy


INTERFACES = [
    GraphInterface(),
    GraphInterface(2, "nchw", True, True),
    GraphInterface(dropout_passes=2),
    GraphInterface(2, "nchw", argmax=True, dropout_passes=2),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "interface", INTERFACES, ids=lambda interface: interface.file_name("tied", tied.SIZE)
)
def test_ties_that_rounding_decides_are_no_fault(model, interface):
    measure = sample_parity.measure if interface.dropout_passes else parity.measure
    found = measure(export.export(model, interface, CITYSCAPES), model, interface, CITYSCAPES, tied.images(3))
    parity.require(found, "the graph")
    cut = found.masked if interface.dropout_passes else found
    assert not cut.whole.passed and cut.whole.agreement < 0.9  # or the second look would not be tested
    assert cut.difference < 1e-5 and cut.operands < 1e-5
    # three a pooling; of random passes, the second pooling is in each
    assert cut.comparisons == 3 + 3 * max(interface.dropout_passes, 1)
    what = "mean softmax" if interface.dropout_passes else "logits"
    assert (
        f"%; with Keras's values in the graph's {cut.comparisons} comparisons, which rounding can decide, "
        f"largest difference of {what} {cut.difference:.1e}, equal labels 100.000 %, largest difference of "
        f"the values compared {cut.operands:.1e} (allowed: 1e-04)" in str(found)
    )


def test_only_what_is_calculated_from_the_image_is_rounded(model, graph):
    expected = [f"{branch}_pool/GreaterEqual{end}" for branch in "ab" for end in ("", "_1", "_2")]
    assert sorted(node.name for node in comparisons.rounded(graph)) == expected  # no Equal of unpooling
    masks = {
        node.name
        for node in comparisons.rounded(export.export(model, GraphInterface(dropout_passes=1), CITYSCAPES))
    }
    assert not any("kept" in name for name in masks)


def test_a_watched_call_has_the_bits_of_an_eager_one(model, graph):
    before = tf.config.optimizer.get_experimental_options()
    watched = comparisons.Cut(graph, model).watch(model, tied.images(1))
    np.testing.assert_array_equal(watched, model(tied.images(1), training=False))
    option = "disable_meta_optimizer"
    assert tf.config.optimizer.get_experimental_options().get(option, False) == before.get(option, False)


class TestASecondLookIsTaken:
    """Only where the first one fails, and only where there is something to see."""

    @pytest.fixture(autouse=True)
    def none(self, monkeypatch):
        def refuse(*_):
            raise AssertionError("a second look")

        monkeypatch.setattr(comparisons, "Cut", refuse)

    def test_at_no_graph_that_agrees(self, model, graph):
        noise = np.random.default_rng(1).integers(0, 256, tied.images().shape, np.uint8)
        assert type(parity.measure(graph, model, GraphInterface(), CITYSCAPES, noise)) is parity.Parity
        with pytest.raises(AssertionError, match="a second look"):
            parity.measure(graph, model, GraphInterface(), CITYSCAPES, tied.images())

    def test_at_no_graph_without_such_comparisons(self):
        model, other = (without_comparisons(bias) for bias in (0.0, 100.0))
        graph = export.export(other, GraphInterface(), CITYSCAPES)
        assert comparisons.rounded(graph) == []
        words = (
            r"^it and its Keras model disagree \(largest difference of logits \d\.\de-\d\d, equal labels "
            r"\d+\.\d{3} %; allowed are 1e-03 and 99.99 %\): no file written; report this with the weights$"
        )
        with pytest.raises(UserError, match=words):
            parity.require(parity.measure(graph, model, GraphInterface(), CITYSCAPES, tied.images()), "it")


def without_comparisons(bias):
    """One convolution to logits."""
    image = keras.Input((*tied.SIZE, 3), name="image")
    model = keras.Model(
        image, keras.layers.Conv2D(CITYSCAPES.classes, 3, padding="same", name="logits")(image)
    )
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=(3, 3, 3, CITYSCAPES.classes)), np.full(CITYSCAPES.classes, bias)])
    return model


def node(graph, name):
    return next(node for node in graph.graph.node if node.name == name)


def one_weight(layer):
    """A fault: one of a convolution's weights is off by a twentieth of the largest."""

    def fault(graph):
        own = (c for c in graph.graph.initializer if c.name.startswith(f"{layer}/") and len(c.dims) == 4)
        constant = next(own)
        kernel = numpy_helper.to_array(constant).copy()  # [out, in, 3, 3]
        kernel[3, 1, 0, 2] += 0.05 * np.abs(kernel).max()
        constant.CopyFrom(numpy_helper.from_array(kernel, constant.name))

    return fault


def inputs(name, *new):
    """A fault: a node reads other tensors."""

    def fault(graph):
        node(graph, name).input[:] = new

    return fault


def positions_of_the_other_pooling(graph):
    for end in ("", "_1", "_2", "_3"):
        node(graph, f"a_unpool/Equal{end}").input[0] = "b_pool/SelectV2_2"


def last_of_equals_wins(graph):
    """Only windows of exact ties tell, those that ReLU emptied."""
    node(graph, "a_pool/GreaterEqual").op_type = "Greater"


def other_values_compared(graph):
    """Logits cannot tell: the comparison is given the right ones."""
    node(graph, "b_pool/GreaterEqual").input[0] = "b_pool/split:2"


FAULTS = {
    "a weight before the poolings": one_weight("a_conv"),
    "a weight between pooling and unpooling": one_weight("b_middle"),
    "positions of the other pooling": positions_of_the_other_pooling,
    "last of equals wins": last_of_equals_wins,
    "other values compared": other_values_compared,
    "operands exchanged": inputs("a_pool/GreaterEqual_2", "a_pool/Maximum_1", "a_pool/Maximum"),
    "choices exchanged": inputs(
        "b_pool/SelectV2_2", "b_pool/GreaterEqual_2", "b_pool/SelectV2_1", "b_pool/SelectV2"
    ),
    "values in another order": inputs(
        "a_unpool/concat", *(f"a_unpool/SelectV2{end}" for end in ("_1", "", "_2", "_3"))
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_wrong_graph_is_refused(model, copy, fault):
    fault(copy)
    found = parity.measure(copy, model, GraphInterface(), CITYSCAPES, tied.images())
    assert found.comparisons == 6
    assert found.difference > 5 * parity.LARGEST_DIFFERENCE or found.operands > 5 * parity.LARGEST_OF_OPERANDS
    with pytest.raises(UserError, match=r"the graph .* disagree \(.*; with Keras's values in .*: no file"):
        parity.require(found, "the graph")


def test_another_epsilon_is_refused(model):
    other = tied.network(epsilon=2e-3)
    for mine, its in zip(model.weights, other.weights):
        its.assign(mine)
    found = parity.measure(
        export.export(other, GraphInterface(), CITYSCAPES), model, GraphInterface(), CITYSCAPES, tied.images()
    )
    assert not found.passed and found.operands > 1e-3


@pytest.mark.slow
def test_wrong_graphs_of_random_passes_are_refused(model):
    interface = GraphInterface(dropout_passes=2)
    for name in ("b_pool/GreaterEqual/sample2", "a_pool/GreaterEqual"):
        graph = export.export(model, interface, CITYSCAPES)
        node(graph, name).input[:] = reversed(node(graph, name).input)
        found = sample_parity.measure(graph, model, interface, CITYSCAPES, tied.images())
        assert not found.passed and found.masked.operands > 0.1
