"""OpenVINO on the files of ONNX Runtime: the same logits and labels, and mistakes in one line."""

import importlib.util
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper

from benchmarks.inference import onnx_backend
from common.errors import UserError
from data.label_sets import CITYSCAPES
from deploy import export, quantize
from inference import runtimes
from inference.graph_interface import GraphInterface
from processes import assert_one_line_error, run_script
from tiny import REPO
from trained import network, noise

installed = pytest.mark.skipif(
    not importlib.util.find_spec("openvino"),
    reason="openvino is not installed: pip install -c constraints.txt -e .[openvino]",
)
SIZE = (64, 128)
COME_AND_GO = """
import faulthandler, os, signal, sys
from pathlib import Path
from inference import openvino_runtime

faulthandler.enable()  # its stack for signals is there before OpenVINO's
first, second = (openvino_runtime.load(Path(sys.argv[1])) for _ in range(2))
del first
del second
signal.signal(signal.SIGTERM, lambda *_: print("arrived"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def images(count, seed=0):
    return np.stack([noise(*SIZE, seed + number) for number in range(count)])


@pytest.fixture(scope="module")
def model():
    return network("toy", SIZE)


def both(graph, path):
    """The runtimes of ONNX Runtime and OpenVINO of a graph, which is written to a path."""
    onnx.save(graph, path)
    return runtimes.load(path, "toy", SIZE, provider="cpu"), runtimes.load(
        path, "toy", SIZE, provider="openvino"
    )


@installed
@pytest.mark.parametrize(
    "interface", [GraphInterface(), GraphInterface(2, "nchw", True), GraphInterface(3, argmax=True)], ids=str
)
def test_labels_and_logits_are_those_of_onnx_runtime(model, interface, tmp_path):
    reference, found = both(
        export.export(model, interface, CITYSCAPES, {"model": "toy"}), tmp_path / "a.onnx"
    )
    expected = reference.predict(images(5))  # five do not fill batches of two or three
    assert (found.name, found.size, found.label_set) == ("toy", SIZE, CITYSCAPES)
    assert len(np.unique(expected)) >= 3
    np.testing.assert_array_equal(found.predict(images(5)), expected)
    if interface.argmax:
        return
    np.testing.assert_array_equal(found.predict(images(2), (50, 90)), reference.predict(images(2), (50, 90)))
    probabilities = [runtime.probabilities(images(3)) for runtime in (reference, found)]
    np.testing.assert_allclose(probabilities[1], probabilities[0], atol=1e-5)


@installed
def test_a_graph_in_int8(model, tmp_path):
    interface = GraphInterface(2)
    exact = export.export(model, interface, CITYSCAPES, {"model": "toy"})
    small = quantize.int8(exact, interface, "cpu", images(4), quantize.Gate(agreement=0)).model
    reference, found = both(small, tmp_path / "a.onnx")
    expected = reference.predict(images(4, seed=9))
    assert (found.predict(images(4, seed=9)) == expected).mean() > 0.98  # activations round differently


@installed
def test_what_is_timed_is_the_graph(model, tmp_path):
    path = tmp_path / "a.onnx"
    onnx.save(export.export(model, GraphInterface(2), CITYSCAPES), path)
    found = []
    from benchmarks.inference import openvino_backend

    for backend in (onnx_backend.load(path, "cpu", "end-to-end"), openvino_backend.load(path, "end-to-end")):
        logits, labels = (run(backend.place(images(2))) for run in (backend.logits, backend.labels))
        found.append((backend.labels_at(logits, [(100, 200), (50, 90)]), labels))
        assert (backend.size, backend.batch, backend.device.name) == (SIZE, 2, "CPU")
    for expected, answer in zip(*found):
        for one, other in zip(expected, answer, strict=True):
            assert one.dtype == other.dtype == np.uint8 and (one == other).mean() > 0.999


@installed
def test_a_graph_that_openvino_refuses(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"], domain="somebody.elses")],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 32, 64, 3))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 32, 64, 19))],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("somebody.elses", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "a.onnx")
    with pytest.raises(UserError, match="OpenVINO refuses it") as caught:
        runtimes.load(tmp_path / "a.onnx", provider="openvino")
    assert "\n" not in str(caught.value)


def test_without_openvino_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(
        UserError, match=r"needs onnx and openvino; `pip install .*\[export,openvino\]` \("
    ) as caught:
        runtimes.load(tmp_path / "a.onnx", provider="openvino")
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    if not importlib.util.find_spec("openvino"):
        done = run_script("benchmark.py", "inference", "--runtimes", "onnx,openvino")
        assert_one_line_error(done, "--runtimes openvino needs openvino; `pip install")


@installed
def test_a_signal_arrives_after_graphs_have_come_and_gone(model, tmp_path):
    path = tmp_path / "a.onnx"
    onnx.save(export.export(model, GraphInterface(), CITYSCAPES, {"model": "toy"}), path)
    done = subprocess.run(
        [sys.executable, "-c", COME_AND_GO, path], capture_output=True, text=True, cwd=REPO, check=False
    )
    assert (done.returncode, done.stdout) == (0, "arrived\n"), done.stderr
