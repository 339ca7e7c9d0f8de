"""MACs and activation memory against TensorFlow's graphs and published figures; the command."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf

import models
from benchmarks import activations, costs, macs, summary
from benchmarks import graph as graphs
from models import ARCHITECTURES
from models.weights import catalogue, native
from processes import assert_one_line_error, run_script
from tiny import REPO

pytestmark = pytest.mark.slow

# Without TensorFlow: whatever imports it fails.
BLOCKED = """
import runpy, sys
sys.modules["tensorflow"] = None
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SIZE = (256, 512)  # divided by all dilations but those of DeepLab: TensorFlow pads maps to multiples of them
SOME = [("fastscnn", {}), ("unet", {"width": 4}), ("bayes_segnet", {})]
SOME += [("separable_unet", {"variant": variant}) for variant in ("original", "large")]
# inputs, weights, sums of gradients, and copies that make a dilated convolution a dense one on a processor
NOT_KEPT = ("Placeholder", "ReadVariableOp", "AddN", "SpaceToBatchND", "BatchToSpaceND")


@pytest.mark.parametrize("name, options", SOME, ids=str)
def test_macs_equal_the_count_of_tensorflows_profiler(name, options):
    """It counts two operations for each kernel value at each pixel, from the operations of the graph."""
    model = models.build(name, (*SIZE, 3), 19, **options)
    graph = forward_graph(model)
    how = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    profile = tf.compat.v1.profiler.profile(graph, cmd="op", options=how)
    theirs = {}
    while profile.children:  # a chain of types of operations
        (profile,) = profile.children
        theirs[profile.name] = profile.float_ops
    products = ("MatMul", "BatchMatMulV2")  # of adaptive pooling
    kernels = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", *products)
    ours = sum(macs.count(call).macs for call in graphs.trace(model).calls)
    assert ours == sum(theirs.get(name, 0) for name in kernels) / 2


def forward_graph(model):
    spec = tf.TensorSpec((1, *SIZE, 3))
    return tf.function(lambda image: model(image, training=False)).get_concrete_function(spec).graph


@pytest.mark.parametrize("name, options", [*SOME, ("deeplabv3+", {"encoder": "xception"})], ids=str)
def test_training_keeps_what_tensorflows_gradient_reads(name, options):
    """Counted in the graph: tensors of the forward pass that operations of the backward pass read."""
    model = models.build(name, (*SIZE, 3), 19, **options)

    @tf.function
    def gradients(image, target):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(image, training=True) * target)
        return tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    specs = tf.TensorSpec((1, *SIZE, 3)), tf.TensorSpec((1, *SIZE, 19))
    graph = gradients.get_concrete_function(*specs).graph
    theirs = {
        tensor.name: tensor.shape.num_elements() * tensor.dtype.size
        for operation in graph.get_operations()
        if "gradient_tape" in operation.name
        for tensor in operation.inputs
        if "gradient_tape" not in tensor.op.name and tensor.shape.rank == 4 and tensor.op.type not in NOT_KEPT
    }
    # They differ by what surrounds dilation there, and by constants that TensorFlow folds.
    assert sum(theirs.values()) == pytest.approx(activations.training_bytes(graphs.trace(model)), rel=0.04)


@pytest.mark.parametrize(
    "name, published",
    [("fastscnn", 6.7e9), ("bayes_segnet", 1302e9)],  # arXiv 1902.04502; VGG16's table, mirrored
)
def test_macs_at_full_resolution_are_the_published_ones(name, published):
    assert full_size(name)["macs"] == pytest.approx(published, rel=0.01)


def test_unets_macs_count_each_tap_of_an_up_convolution_once():
    """1750 G is found where its 2x2 kernel is counted at each output pixel, which reads one tap, not four."""
    found = full_size("unet")
    ups = sum(layer["macs"] for layer in found["layers"] if layer["name"].endswith("_up"))
    assert found["macs"] == pytest.approx(1543.8e9, rel=1e-4)
    assert found["macs"] + 3 * ups == pytest.approx(1750e9, rel=1e-3)


def full_size(name):
    return costs.count(name, {}, (1024, 2048))


def test_the_table_and_the_record_hold_the_same(tmp_path):
    done = run_script(
        "benchmark.py", "summary", "-m", "unet", "--width", 4, "-t", "64,128", "--layers", "--save", tmp_path
    )
    assert done.returncode == 0 and done.stderr == ""
    (path,) = tmp_path.glob("summary-*.json")
    (found,) = json.loads(path.read_text())["results"]["models"]
    assert found["options"] == {"width": 4}
    assert found["macs"] == sum(layer["macs"] for layer in found["layers"])
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    assert f"{found['parameters']:,} {found['macs'] / 1e9:8.2f}" in done.stdout
    first = next(layer for layer in found["layers"] if layer["name"] == "encoder1a_conv")
    assert first | {"type": "Conv2D", "shape": [64, 128, 4], "parameters": 108, "macs": 884736} == first


def test_all_variants_are_counted():
    found = summary.variants(None, {})
    assert sorted({name for name, _ in found}) == sorted(ARCHITECTURES)
    assert [options for name, options in found if name == "separable_unet"] == [
        {"variant": "original"},
        {"variant": "large"},
    ]
    encoders = [options["encoder"] for name, options in found if name == "deeplabv3+"]
    assert encoders == ["mobilenetv2", "resnet50_keras", "xception", "modified_xception"]
    chosen = {"encoder": "resnet50", "output_stride": 8}
    assert summary.variants("deeplabv3+", chosen) == [("deeplabv3+", chosen)]


def test_the_network_of_given_weights_is_counted_without_its_variants(tmp_path):
    path, size = tmp_path / "unet.weights.h5", (64, 128)
    network = models.build("separable_unet", (*size, 3), 19)
    native.write(path, network, native.Origin("separable_unet", 19, size))
    done = run_script("benchmark.py", "summary", "-w", path, "-t", "64,128", "--save", tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = tmp_path.glob("summary-separable_unet-*.json")
    (found,) = json.loads(record.read_text())["results"]["models"]
    assert (found["model"], found["options"], found["parameters"]) == ("separable_unet", {}, 345_567)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_runs_without_tensorflow(backend):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed: pip install -c constraints.txt -e .[backends]")
    words = ["summary", "-m", "fastscnn", "-t", "64,128", "--layers"]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, REPO / "benchmark.py", *words],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == run_script("benchmark.py", *words).stdout


def test_a_missing_backend_is_named():
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, REPO / "benchmark.py", "summary"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert re.fullmatch(r"benchmark.py: error: .* 'tensorflow' here .*; set KERAS_BACKEND .*\n", done.stderr)


def test_mistakes_are_told_in_one_line():
    done = run_script("benchmark.py", "summary", "--output-stride", 8)
    assert_one_line_error(done, "--output-stride belongs to a model; name it with -m/--model")
    assert_one_line_error(run_script("benchmark.py", "summary", "-m", "vgg"), "unknown model 'vgg'")
    done = run_script("benchmark.py", "summary", "--published", "-m", "unet")
    assert_one_line_error(done, "--published names its networks itself")


def test_the_networks_of_the_catalogue_are_counted_together(monkeypatch, capsys):
    chosen = [catalogue.published()[f"{name}-cityscapes"] for name in ("sinet", "espnetv2-0.5")]
    monkeypatch.setattr(catalogue, "networks", lambda: chosen)
    settings = {"model": None, "options": {}, "size": [64, 128], "layers": False, "published": True}
    found = summary.summarise(settings)["models"]
    assert [(one["model"], one["options"]) for one in found] == [(one.model, one.options) for one in chosen]
    assert found[0]["parameters"] == 119_418
    assert "espnetv2 0.5" in capsys.readouterr().out
