"""Resize after Transpose instead of before: the same values."""

import numpy as np
import onnx
import pytest

import graphs
from data.label_sets import CITYSCAPES
from deploy import export
from inference import onnx_cpu, onnx_file, onnx_tail
from inference.graph_interface import GraphInterface
from inference.onnx_runtime import OnnxRuntime
from trained import network, noise

pytestmark = pytest.mark.slow

SIZE = (64, 128)


@pytest.mark.parametrize("name", ["fastscnn", "deeplabv3+"])
def test_the_values_stay_the_same(name):
    model = export.export(network(name, SIZE), GraphInterface(), CITYSCAPES)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    moved = onnx_tail.channels_last(changed)
    assert len(moved) == 1
    onnx.checker.check_model(changed, full_check=True)
    kinds = [node.op_type for node in changed.graph.node]
    assert kinds.index("Transpose", 1) < len(kinds) - 1 - kinds[::-1].index("Resize")
    before, after = (
        graphs.session(graph).run(None, {"image": noise(*SIZE)[None]})[0] for graph in (model, changed)
    )
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())


@pytest.mark.parametrize(
    "interface", [GraphInterface(argmax=True), GraphInterface(2, "nchw", argmax=True)], ids=str
)
def test_the_labels_stay_the_same(interface):
    model = export.export(network("fastscnn", SIZE), interface, CITYSCAPES)
    changed = onnx_cpu.for_cpu(model)
    onnx.checker.check_model(changed, full_check=True)
    nodes = [node.op_type for node in changed.graph.node]
    assert nodes[-5:] == ["Transpose", "Resize", "ArgMax", "Cast", "Cast"]
    assert nodes.count("Transpose") == 1 + [node.op_type for node in model.graph.node].count("Transpose")
    feed = {"image": interface.arrange(np.stack([noise(*SIZE, seed) for seed in range(interface.batch)]))}
    before, after = (graphs.session(graph).run(None, feed)[0] for graph in (model, changed))
    assert len(np.unique(before)) >= 3
    np.testing.assert_array_equal(after, before)


def test_labels_of_logits_are_those_of_the_graph():
    """A graph of logits [N, C, H, W] gets its arg-max when it is opened."""
    interface, model = GraphInterface(layout="nchw"), network("fastscnn", SIZE)
    graph = export.export(model, interface, CITYSCAPES)
    with_labels = onnx_file.with_labels(graph, onnx_file.signature(graph, "it"))
    assert len(onnx_tail.channels_last(with_labels)) == 1
    labels = OnnxRuntime(graph, "it").predict(noise(*SIZE)[None])
    expected = model(noise(*SIZE)[None], training=False).numpy().argmax(-1)
    assert np.mean(labels == expected) > 0.999  # rounding decides between nearly equal logits


@pytest.mark.parametrize(
    "name, options, interface",
    [("fastscnn", {}, GraphInterface(layout="nchw")), ("unet", {"width": 4}, GraphInterface(argmax=True))],
    ids=str,
)
def test_graphs_without_such_a_resize_stay_as_they_are(name, options, interface):
    model = export.export(network(name, SIZE, **options), interface, CITYSCAPES)
    before = [node.SerializeToString() for node in model.graph.node]
    assert onnx_tail.channels_last(model) == []
    assert [node.SerializeToString() for node in model.graph.node] == before
