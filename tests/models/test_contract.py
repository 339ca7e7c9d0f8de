"""What every model promises, of whichever architecture, variant or encoder; each check stands only here."""

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models
import toy
from models import ENCODERS
from models.networks.separable_unet import VARIANTS
from models.weights import native
from networks import calibrate, random_images
from tiny import REPO

COSTLY = "ten networks, the deepest with over a hundred layers, on three backends"

SIZE = (64, 64)
CLASSES = 7
CASES = {
    "bayes_segnet": ("bayes_segnet", {}),
    "fastscnn": ("fastscnn", {}),
    "unet": ("unet", {"width": 4}),
    **{f"separable_unet-{variant}": ("separable_unet", {"variant": variant}) for variant in VARIANTS},
    **{f"deeplabv3+-{encoder}": ("deeplabv3+", {"encoder": encoder}) for encoder in ENCODERS},
    "deeplabv3+-stride8": ("deeplabv3+", {"output_stride": 8}),
}
QUICK = ("fastscnn", "unet")
# convolutions with a bias, which the batch norm behind them takes out again
BIASED = {"deeplabv3+-resnet50": 53, "separable_unet-original": 23}
# Rounding decides which of a window's nearly equal pixels wins, and unpooling puts the value back there:
# another order of the same sums moves values. Backends are therefore compared in float64, where nothing is
# that close; between batches, this share of logits may differ.
PRECISION = {"bayes_segnet": "float64"}
MOVED = {"bayes_segnet": 0.25}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Function of a case -> (its model, the file of its weights), made once."""
    folder = tmp_path_factory.mktemp("contract")

    @functools.cache
    def make(case):
        keras.utils.set_random_seed(0)
        model = build(case)
        calibrate(model, random_images(8, SIZE, seed=2))
        name, options = CASES[case]
        native.write(folder / f"{case}.h5", model, native.Origin(name, CLASSES, SIZE, options))
        return model, folder / f"{case}.h5"

    return make


@pytest.fixture(
    scope="module",
    params=[case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES],
)
def case(request):
    """The name of a case."""
    return request.param


@pytest.fixture(scope="module")
def model(kept, case):
    return kept(case)[0]


@pytest.fixture(scope="module")
def file(kept, case):
    return kept(case)[1]


def build(case, size=SIZE, precision="float32"):
    name, options = CASES[case]
    return models.build(name, (*size, 3), CLASSES, precision, **options)


def logits(model, images, training=False):
    return keras.ops.convert_to_numpy(model(images, training=training))


def assert_close(actual, expected, moved=0.0):
    """Equal to 1e-4 of the largest value but for a share `moved`, and neither constant nor without end."""
    largest = np.abs(expected).max()
    assert np.isfinite(expected).all() and np.isfinite(actual).all() and expected.std() > 1e-2 * largest
    differences = np.abs(actual - expected) / largest
    assert np.mean(differences > 1e-4) <= moved, differences.max()


def test_every_architecture_has_its_case():
    assert {name for name, _ in CASES.values()} == set(models.ARCHITECTURES) - {toy.NAME}


def test_bytes_and_floats_give_the_same_logits(model):
    image = random_images(1, SIZE)
    np.testing.assert_array_equal(logits(model, image), logits(model, image.astype("float32")))


def test_saved_weights_give_the_same_logits(model, file):
    origin = native.read_origin(file)
    other = models.build(origin.model, (*origin.size, 3), origin.classes, **origin.options)
    native.load(file, other)
    np.testing.assert_array_equal(
        logits(other, random_images(1, SIZE)), logits(model, random_images(1, SIZE))
    )


def test_logits_have_the_images_size_in_float32(case, model, file):
    assert logits(model, random_images(2, SIZE)).shape == (2, *SIZE, CLASSES)
    wide = build(case, (96, 160))
    native.load(file, wide)  # weights know no size
    scores = logits(wide, random_images(1, (96, 160)))
    assert scores.shape == (1, 96, 160, CLASSES)
    assert scores.dtype == "float32"
    assert np.isfinite(scores).all() and scores.std() > 0


def test_a_image_is_classified_alike_alone_and_in_a_batch(case, model):
    images = random_images(3, SIZE)
    assert_close(logits(model, images)[1], logits(model, images[1:2])[0], MOVED.get(case, 0.0))


def test_a_finite_gradient_reaches_every_weight(case, model):
    before = model.get_weights()
    target = np.random.default_rng(1).normal(size=(3, *SIZE, CLASSES)).astype("float32")
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.log_softmax(model(random_images(3, SIZE), training=True)) * target)
    largest = {
        variable.path: np.abs(gradient).max()
        for variable, gradient in zip(
            variables, tape.gradient(loss, [v.value for v in variables]), strict=True
        )
    }
    model.set_weights(before)
    assert np.isfinite(list(largest.values())).all()
    biases = {path for path in largest if path.endswith("_conv/bias")}
    assert len(biases) == BIASED.get(case, 0)
    for path, gradient in largest.items():
        if path in biases:
            layer = path.removesuffix("bias")
            assert gradient < 1e-2 * max(largest[p] for p in largest if p.startswith(layer)), path
        else:
            assert gradient > 0, path


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_logits_are_float32_and_finite_under_mixed_precision(case, model, precision):
    mixed = build(case, precision=precision)
    assert keras.config.dtype_policy().name == "float32"  # the policy is not left behind
    mixed.set_weights(model.get_weights())
    for training in (False, True):
        scores = logits(mixed, random_images(2, SIZE), training)
        assert scores.dtype == "float32"
        assert np.isfinite(scores).all() and scores.std() > 0
    kernels = [layer for layer in mixed.layers if hasattr(layer, "kernel_size") and layer.name != "logits"]
    assert {layer.compute_dtype for layer in kernels} == {precision.removeprefix("mixed_")}
    norms = [layer for layer in mixed.layers if isinstance(layer, layers.BatchNormalization)]
    assert {norm.moving_mean.dtype for norm in norms} == {"float32"}


@pytest.fixture(scope="module", params=["jax", "torch"])
def backend(request, kept):
    """A backend after it has written the logits of all cases beside their weights, in one process."""
    name = request.param
    if not importlib.util.find_spec(name):
        pytest.skip(f"{name} is not installed: pip install -c constraints.txt -e .[backends]")
    files = {case: kept(case)[1] for case in CASES}
    given = files["fastscnn"].with_name("images.npy")
    np.save(given, random_images(2, SIZE))
    jobs = [f"{PRECISION.get(case, 'float32')}:{file}" for case, file in files.items()]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("logits_on_a_backend.py"), given, *jobs],
        env=os.environ | {"KERAS_BACKEND": name, "PYTHONPATH": str(REPO), "JAX_ENABLE_X64": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return name


@pytest.mark.slow
@pytest.mark.parametrize("of", CASES)
def test_the_same_weights_give_the_same_logits_on_every_backend(backend, kept, of):
    model, file = kept(of)
    if of in PRECISION:
        model = build(of, precision=PRECISION[of])
        native.load(file, model)
    assert_close(np.load(file.with_suffix(f".{backend}.npy")), logits(model, random_images(2, SIZE)))
