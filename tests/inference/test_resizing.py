"""Labels of another size: logits are resized, then compared; all runtimes against TensorFlow and PyTorch."""

import sys
import tracemalloc

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import helper

import fake_tensorrt
from data.augment import resize_labels
from data.label_sets import CITYSCAPES
from deploy import export
from fake_tensorrt import DataType
from inference import keras_runtime, resizing, runtimes
from inference.graph_interface import GraphInterface
from inference.keras_runtime import KerasRuntime
from inference.onnx_runtime import OnnxRuntime
from inference.resizing import labels_at
from inference.tensorrt import plan
from inference.tensorrt.plan import Plan
from trained import network, noise

SIZE = (32, 64)
SIZES = [(64, 128), (45, 77), (20, 50), (16, 200)]  # larger, by no whole factor, smaller, both


def agree(found, logits):
    """Labels are the arg-max, but where two classes differ by rounding alone."""
    assert found.dtype == np.uint8 and found.shape == logits.shape[:-1]
    best = np.sort(logits, -1)
    clear = best[..., -1] - best[..., -2] > 2e-5 * np.abs(logits).max()
    assert clear.mean() > 0.95 and len(np.unique(found)) >= 3
    np.testing.assert_array_equal(found[clear], logits.argmax(-1)[clear])


@pytest.fixture(scope="module")
def scores():
    return np.random.default_rng(0).normal(size=(*SIZE, 19)).astype(np.float32)


class TestLabelsAt:
    def test_by_hand(self):
        """Of the four pixels the second and third lie a quarter and three quarters between the two."""
        scores = np.array([[[3, 0], [0, 1]]], np.float32)  # classes 3, 2.25, 0.75, 0 and 0, 0.25, 0.75, 1
        np.testing.assert_array_equal(labels_at(scores, (1, 4)), [[0, 0, 0, 1]])
        np.testing.assert_array_equal(resize_labels(np.array([[0, 1]], np.uint8), (1, 4)), [[0, 0, 1, 1]])

    @pytest.mark.parametrize("size", SIZES, ids=str)
    def test_as_tensorflow_and_pytorch(self, scores, size):
        torch = pytest.importorskip("torch")
        found = labels_at(scores, size)
        agree(found, tf.image.resize(scores, size).numpy())
        planes = torch.from_numpy(scores).permute(2, 0, 1)[None]
        theirs = torch.nn.functional.interpolate(planes, size, mode="bilinear", align_corners=False)
        agree(found, theirs[0].permute(1, 2, 0).numpy())
        assert (found != resize_labels(scores.argmax(-1).astype(np.uint8), size)).mean() > 0.2

    def test_in_any_order_in_memory_and_in_half_precision(self, scores):
        expected = labels_at(scores, (45, 77))
        by_channels = np.ascontiguousarray(scores.transpose(2, 0, 1)).transpose(1, 2, 0)
        np.testing.assert_array_equal(labels_at(by_channels, (45, 77)), expected)
        half = scores.astype(np.float16)
        np.testing.assert_array_equal(labels_at(half, (45, 77)), labels_at(half.astype("f4"), (45, 77)))

    def test_of_probabilities_are_those_of_logits(self, scores):
        agree(
            labels_at(tf.nn.softmax(scores).numpy(), (64, 128), probabilities=True),
            tf.image.resize(scores, (64, 128)).numpy(),
        )
        certain = np.eye(3, dtype=np.float32)[[[0, 2]]]  # of probability 0 there is no logarithm
        np.testing.assert_array_equal(labels_at(certain, (1, 4), probabilities=True), [[0, 0, 2, 2]])

    def test_of_the_same_size_are_the_arg_max(self, scores):
        flat = np.round(scores)  # many equal scores: the first class, as NumPy has it
        np.testing.assert_array_equal(labels_at(flat, SIZE), flat.argmax(-1))
        doubled = flat.repeat(2, 0).repeat(2, 1)  # and its pixels' centres are those of pairs of equals
        np.testing.assert_array_equal(labels_at(doubled, SIZE), flat.argmax(-1))

    def test_take_the_memory_of_few_classes(self, scores):
        tracemalloc.start()
        labels_at(scores, (1024, 1024))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 2**20 < peak < 20 * 2**20 < 76 * 2**20  # bytes: of all 19 classes it would be 76 a pixel


@pytest.fixture(scope="module")
def model():
    return network("unet", SIZE, width=4)


@pytest.fixture(scope="module")
def images():
    return np.stack([noise(*SIZE, seed) for seed in range(3)])


@pytest.fixture(scope="module")
def logits(model, images):
    return model(images, training=False).numpy()


@pytest.fixture
def engine(model, monkeypatch, tmp_path):
    """A TensorRT runtime whose engine is the model and then `finish`."""

    def make(name, shape, finish, kind=DataType.FLOAT):
        given = ("image", (2, *SIZE, 3), DataType.UINT8)

        def calculate(x):
            return finish(model(x, training=False).numpy())

        package = fake_tensorrt.package(engine=fake_tensorrt.Engine(given, (name, shape, kind), calculate))
        monkeypatch.setitem(sys.modules, "tensorrt", package)
        monkeypatch.setattr("inference.tensorrt.runtime.Cuda", fake_tensorrt.HostCuda)
        path = plan.engine_path(Plan(tmp_path / "net.onnx"), "NVIDIA Tegra Xavier (nvgpu)", "8.5.2.2")
        path.write_bytes(b"engine")
        return runtimes.load(path)

    return make


def with_softmax(graph):
    """An exported graph [N, H, W, classes] that returns probabilities."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    copy.graph.node.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=3))
    copy.graph.output[0].name = "probabilities"
    return copy


class TestRuntimes:
    """All of them resize what they compare."""

    def check(self, runtime, images, logits):
        for size in SIZES:
            found = runtime.predict(images, size)
            agree(found, tf.image.resize(logits, size).numpy())
        agree(runtime.predict(images), logits)
        np.testing.assert_array_equal(runtime.predict(images, SIZE), runtime.predict(images))
        nearest = np.stack([resize_labels(one, SIZES[0]) for one in runtime.predict(images)])
        assert (runtime.predict(images, SIZES[0]) != nearest).mean() > 0.01

    def test_keras(self, model, images, logits):
        self.check(KerasRuntime(model, jit=False, label_set=CITYSCAPES), images, logits)

    def test_keras_on_a_device_that_has_room_or_not(self, model, images, logits, monkeypatch):
        runtime = KerasRuntime(model, jit=True, label_set=CITYSCAPES)  # as on a GPU
        self.check(runtime, images, logits)
        monkeypatch.setattr(keras_runtime, "MOST_SCORES", 3 * 64 * 128 * 19 - 1)
        monkeypatch.setattr("keras.ops.image.resize", None)
        agree(runtime.predict(images, (64, 128)), tf.image.resize(logits, (64, 128)).numpy())

    @pytest.mark.slow
    @pytest.mark.parametrize("interface", [GraphInterface(), GraphInterface(2, "nchw", True)], ids=str)
    def test_onnx(self, model, images, logits, interface):
        self.check(OnnxRuntime(export.export(model, interface, CITYSCAPES), "it", "cpu"), images, logits)

    def test_onnx_with_probabilities(self, model, images, logits):
        self.check(
            OnnxRuntime(with_softmax(export.export(model, GraphInterface(), CITYSCAPES)), "it", "cpu"),
            images,
            logits,
        )

    @pytest.mark.slow
    @pytest.mark.parametrize("layout", ["nhwc", "nchw"])
    def test_tensorrt(self, engine, images, logits, layout):
        shape, order = ((2, *SIZE, 19), (0, 1, 2, 3)) if layout == "nhwc" else ((2, 19, *SIZE), (0, 3, 1, 2))
        self.check(engine("logits", shape, lambda x: x.transpose(order)), images, logits)

    def test_tensorrt_with_probabilities(self, engine, images, logits):
        runtime = engine("probabilities", (2, *SIZE, 19), lambda x: tf.nn.softmax(x).numpy())
        self.check(runtime, images, logits)


class TestGraphsOfLabels:
    """They have no logits: labels are resized, and that is said once."""

    def check(self, runtime, images, logits, source, capsys):
        own = runtime.predict(images)
        agree(own, logits)
        assert capsys.readouterr().err == ""
        for size in SIZES:
            expected = np.stack([resize_labels(label, size) for label in own])
            np.testing.assert_array_equal(runtime.predict(images, size), expected)
        assert capsys.readouterr().err == (
            f"{source} returns labels, which only nearest neighbours bring to another size; "
            "convert it without `argmax` to have logits resized\n"
        )

    def test_onnx(self, model, images, logits, monkeypatch, capsys):
        monkeypatch.setattr(resizing, "_told", set())
        graph = export.export(model, GraphInterface(argmax=True), CITYSCAPES)
        self.check(OnnxRuntime(graph, "a.onnx", "cpu"), images, logits, "a.onnx", capsys)

    def test_tensorrt(self, engine, images, logits, tmp_path, capsys):
        runtime = engine("labels", (2, *SIZE), lambda x: x.argmax(-1).astype(np.uint8), DataType.UINT8)
        (path,) = tmp_path.glob("*.engine")
        self.check(runtime, images, logits, path, capsys)
