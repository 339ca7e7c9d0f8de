"""Resize after Transpose instead of before: the same values."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from deploy import export, onnx_tail
from deploy.form import Form
from trained import network, noise

SIZE = (64, 128)


@pytest.mark.parametrize("name", ["fastscnn", "deeplabv3+"])
def test_the_values_stay_the_same(name):
    model = export.export(network(name, SIZE), Form())
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    moved = onnx_tail.channels_last_resize(changed)
    assert len(moved) == 1
    onnx.checker.check_model(changed, full_check=True)
    kinds = [node.op_type for node in changed.graph.node]
    assert kinds.index("Transpose", 1) < len(kinds) - 1 - kinds[::-1].index("Resize")
    before, after = (
        ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"image": noise(*SIZE)[None]}
        )[0]
        for graph in (model, changed)
    )
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())


@pytest.mark.parametrize("form", [Form(layout="nchw"), Form(argmax=True)], ids=str)
def test_graphs_without_that_transpose_stay_as_they_are(form):
    model = export.export(network("fastscnn", SIZE), form)
    before = [node.SerializeToString() for node in model.graph.node]
    assert onnx_tail.channels_last_resize(model) == []
    assert [node.SerializeToString() for node in model.graph.node] == before
