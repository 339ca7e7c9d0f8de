"""What every network promises, however it is built; each check stands only here.

A network is a line in `tests/support/cases.py` and a golden answer, whose weights all checks use. Together
they should take no more than 15 s of a processor on a quiet machine.
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from onnx import TensorProto

import golden
import graphs
import models
import toy
from cases import CASES, JAX, QUICK
from data.label_sets import CITYSCAPES
from deploy import export, operators, parity
from inference.graph_interface import GraphInterface
from models.attention import ScaledDotProduct
from models.decoders.manet import PositionProduct
from models.encoders.efficientvit import LinearAttention
from models.weights import native
from networks import narrowed, random_images
from tiny import REPO

COSTLY = "every network, at 10 to 20 s each"

OTHER = (32, 96)  # another size than golden answers'
# what works on the last axis, in ONNX as well, to which tensors are transposed, or on transposed matrices
CHANNELS_LAST = (
    layers.Dense,
    layers.LayerNormalization,
    layers.GroupNormalization,
    PositionProduct,
    ScaledDotProduct,
    LinearAttention,
)
LARGE = 20_000_000  # parameters, from which a copy with an eighth of the channels is converted


SIBLINGS = [case for case, about in CASES.items() if about.sibling]
NETWORKS = [case for case in CASES if case not in SIBLINGS]


@pytest.fixture(
    scope="module",
    params=[case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in NETWORKS],
)
def case(request):
    """The name of a case that is no sibling."""
    return request.param


# cases -> layers whose original has Glorot's initialisation, see docs/models.md
GLOROT = {
    r"fastscnn-paper|deeplabv3\+-xception": ".*",
    r"deeplabv3\+-smp|unet-mobilenetv2|unet\+\+|manet": "scores",
    r"deeplabv3\+-(?!mmseg).*": "(aspp|decoder)_.*conv",
}


@pytest.fixture(scope="module")
def model(case):
    """Its network, shallow where it has such a form, in float32, with weights as for its golden answer."""
    with shallow(case):
        network = golden.build(case, precision="float32")
    golden.fill(network)
    return network


@pytest.fixture(scope="module")
def file(case, model, tmp_path_factory):
    """Its weights, as a run leaves them."""
    path = tmp_path_factory.mktemp("contract") / "model.weights.h5"
    origin = native.Origin(CASES[case].model, golden.CLASSES, golden.SIZE, CASES[case].options)
    native.write(path, model, origin)
    return path


@pytest.fixture(scope="module")
def mixed(case, file):
    """A network that is built for float16, with the weights of the file."""
    origin = native.read_origin(file)
    size = models.nearest_size(origin.model, origin.options, OTHER)
    with shallow(case), golden.undrawn():
        network = models.build(origin.model, (*size, 3), origin.classes, "mixed_float16", **origin.options)
    native.load(file, network)
    return network


@pytest.fixture(scope="module")
def exported(model):
    """(a network, its graph)."""
    small = model
    if model.count_params() > LARGE:
        with golden.undrawn():
            small = narrowed(model, 8)
        golden.fill(small)
    return small, export.export(small, GraphInterface(), CITYSCAPES)


@contextmanager
def shallow(case):
    """Inside, networks of a case are built with fewer of their repeated blocks."""
    with pytest.MonkeyPatch.context() as patch:
        for constant, value in CASES[case].shallow.items():
            patch.setattr(constant, value)
        yield


@pytest.fixture(scope="module")
def answer(model):
    """Its logits of the golden image."""
    return logits(model, golden.image())


def logits(model, images, training=False):
    return keras.ops.convert_to_numpy(model(images, training=training))


def test_every_architecture_and_variant_has_its_case():
    here = [(case.model, case.options) for case in CASES.values()]
    assert {model for model, _ in here} == set(models.ARCHITECTURES) - {toy.NAME}
    for name, found in models.ARCHITECTURES.items():
        for chosen in filter(None, found.variants):
            fitting = (models.options_of(model, options) for model, options in here if model == name)
            assert any(chosen.items() <= options.items() for options in fitting), f"{name} {chosen}"
    assert set(CASES) == {path.stem for path in golden.FOLDER.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("case", SIBLINGS)
def test_siblings_logits_are_the_golden_ones(case):
    assert_golden(case, logits(whole(case), golden.image()))


def whole(case):
    """The network of a golden answer."""
    network = golden.build(case)
    golden.fill(network)
    return network


def assert_golden(case, found):
    assert found.shape == (1, *golden.SIZE, golden.outputs(case)) and np.isfinite(found).all()
    assert golden.difference(golden.excerpt(found), golden.read(case)) < golden.TOLERANCE


class TestLogits:
    def test_are_the_golden_ones(self, case, answer):
        own = CASES[case].precision != "float32" or CASES[case].shallow
        assert_golden(case, logits(whole(case), golden.image()) if own else answer)

    def test_are_the_same_of_bytes_and_floats(self, model, answer):
        np.testing.assert_array_equal(logits(model, golden.image().astype("float32")), answer)

    def test_are_the_same_alone_and_in_a_batch(self, case, model):
        images = random_images(3, golden.SIZE)
        alone, batch = logits(model, images[1:2])[0], logits(model, images)[1]
        moved = np.abs(batch - alone) > golden.TOLERANCE * np.abs(alone).max()
        # where rounding decides which pixel is the largest, unpooling puts the value elsewhere
        assert np.mean(moved) <= (0 if CASES[case].precision == "float32" else 0.25)

    def test_come_back_with_saved_weights(self, model, file, answer):
        model.set_weights([np.zeros_like(array) for array in model.get_weights()])
        native.load(file, model)
        np.testing.assert_array_equal(logits(model, golden.image()), answer)


def test_a_finite_gradient_reaches_every_weight(case, model):
    before = model.get_weights()
    target = np.random.default_rng(1).normal(size=(3, *golden.SIZE, golden.outputs(case))).astype("float32")
    variables = model.trainable_variables
    seed_dropout(model)
    with tf.GradientTape() as tape:
        scores = model(random_images(3, golden.SIZE), training=True)
        loss = tf.reduce_mean(tf.nn.log_softmax(scores) * target)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    model.set_weights(before)  # the moving statistics of batch norm
    largest = {v.path: np.abs(gradient).max() for v, gradient in zip(variables, gradients, strict=True)}
    assert np.isfinite(list(largest.values())).all()
    useless = biases_without_effect(model)
    assert not [path for path, gradient in largest.items() if gradient == 0 and path not in useless]
    for path, kernels in useless.items():
        assert largest[path] < 1e-2 * max(largest[kernel] for kernel in kernels), path


def test_no_kernel_has_kerass_default_initialisation_but_those_of_originals_that_have_it(case, model):
    original = next((known for of, known in GLOROT.items() if re.fullmatch(of, case)), "")
    kinds = ("kernel_initializer", "depthwise_initializer", "pointwise_initializer")
    drawn = {layer.name for layer in model.layers for kind in kinds if is_glorot(getattr(layer, kind, None))}
    assert not [name for name in drawn if not re.fullmatch(original, name)]


def is_glorot(initializer) -> bool:
    return isinstance(initializer, keras.initializers.GlorotUniform)


def seed_dropout(model):
    """The same values are dropped each time: by chance, a block with drop path is left out for all images."""
    for number, layer in enumerate(model.layers):
        if isinstance(layer, layers.Dropout):
            layer.seed_generator.state.assign((number, 0))


def biases_without_effect(model) -> dict[str, list[str]]:
    """Paths of the biases that the batch norm right behind takes out again -> of the kernels beside them."""
    found = {}
    for layer in model.layers:
        normed = any(isinstance(node.operation, layers.BatchNormalization) for node in layer._outbound_nodes)
        if normed and getattr(layer, "use_bias", False):
            kernels = [variable.path for variable in layer.trainable_variables if variable is not layer.bias]
            found[layer.bias.path] = kernels
    return found


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
class TestMixedPrecision:
    """At another size, of which weights know nothing."""

    def test_logits_are_float32_and_finite(self, case, mixed, kind):
        assert keras.config.dtype_policy().name == "float32"  # the policy is not left behind
        switch(mixed, f"mixed_{kind}")
        images = random_images(2, mixed.input_shape[1:3])
        scores = logits(mixed, images, training=kind == "float16")  # whose range is the smaller one
        assert scores.shape == (*images.shape[:3], golden.outputs(case)) and scores.dtype == "float32"
        assert np.isfinite(scores).all() and scores.std() > 0

    def test_convolutions_are_short_and_statistics_are_not(self, mixed, kind):
        switch(mixed, f"mixed_{kind}")
        inner = [layer for layer in mixed.layers if hasattr(layer, "kernel_size") and layer.name != "logits"]
        assert {layer.compute_dtype for layer in inner} == {kind}
        norms = [layer for layer in mixed.layers if isinstance(layer, layers.BatchNormalization)]
        assert {norm.moving_mean.dtype for norm in norms} == {"float32"}


def switch(model, policy: str) -> None:
    """Give the layers of mixed precision another policy of it, which spares building the network again."""
    for layer in model.layers:
        if layer.dtype_policy.name.startswith("mixed_"):
            layer.dtype_policy = policy


class TestExport:
    @pytest.mark.slow
    def test_is_known_to_tensorrt_and_clean(self, exported):
        model, graph = exported
        assert operators.violations(graph) == []
        kinds = Counter(node.op_type for node in graph.graph.node)
        assert kinds["Transpose"] <= 2 or any(isinstance(layer, CHANNELS_LAST) for layer in model.layers)
        assert not norms_of_convolutions(graph) and kinds["Conv"] >= 3
        assert not {"Identity", "Tile", "Loop", "If", "Shape"} & set(kinds)
        names = {layer.name for layer in model.layers} | {"input"}
        assert all(node.name.split("/")[0] in names for node in graph.graph.node)
        assert wide_numbers(graph) == []

    def test_calculates_what_keras_does(self, exported):
        model, graph = exported
        images = random_images(2, golden.SIZE)
        assert parity.measure(graph, model, GraphInterface(), CITYSCAPES, images).passed
        session = graphs.session(graph)
        (answer,) = session.run(None, {session.get_inputs()[0].name: images[:1]})
        assert answer.std((1, 2)).max() > 0.05 * np.abs(answer).max()  # or agreement would say little


def norms_of_convolutions(graph) -> list[str]:
    """Batch norm that could be part of the convolution before it."""
    convolutions = {node.output[0] for node in graph.graph.node if node.op_type == "Conv"}
    norms = (node for node in graph.graph.node if node.op_type == "BatchNormalization")
    return [norm.name for norm in norms if norm.input[0] in convolutions]


def wide_numbers(graph) -> list[str]:
    """What is float64, or int64 but neither a shape, nor axes, nor what ArgMax returns."""
    indices = {output for node in graph.graph.node if node.op_type == "ArgMax" for output in node.output}
    wide = (TensorProto.DOUBLE, TensorProto.INT64)
    found = [v.name for v in graph.graph.value_info if v.type.tensor_type.elem_type in wide]
    found = [name for name in found if name not in indices]
    for constant in graph.graph.initializer:
        short = constant.data_type == TensorProto.INT64 and np.prod(constant.dims) <= 8
        if constant.data_type in wide and not short:
            found.append(constant.name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "cases"), [("torch", tuple(CASES)), ("jax", JAX)])
def test_golden_logits_on_another_backend(backend, cases):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed: pip install -c constraints.txt -e .[backends]")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("golden_on_a_backend.py"), *cases],
        env=os.environ
        | {"KERAS_BACKEND": backend, "PYTHONPATH": f"{REPO}:{REPO}/tests/support", "JAX_ENABLE_X64": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split() for line in done.stdout.splitlines())
    assert {case: float(told[case]) < golden.TOLERANCE for case in cases} == dict.fromkeys(cases, True), told
