"""An auxiliary head is trained with its weight, resumed to the bit, and seen by nothing but training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from common.errors import UserError
from inference import runtimes
from models.weights import native, run_files
from runs import assert_same, only_run, signalled, train_here
from tiny import tiny_dataset
from training.losses.total import PLAIN, build
from training.steps import step

SIZE = (32, 64)
OPTIONS = ("-m", "toy", "-t", "32,64", "-b", 2, "-e", 2, "--auxiliary", 0.4)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=4, val=2, size=SIZE)


@pytest.fixture(scope="module")
def run(town, tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    assert train_here(*OPTIONS, "-p", town, "--logs", logs) == 0
    return only_run(logs)


def cross_entropy(logits, labels):
    """Mean over labelled pixels, by NumPy."""
    labelled = labels < 255
    shifted = logits - logits.max(-1, keepdims=True)
    log = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return -log[labelled, labels[labelled]].mean()


@pytest.mark.slow
@pytest.mark.parametrize("remat", [False, True])
@pytest.mark.parametrize("plain", [True, False])
def test_the_loss_is_the_weighted_sum_of_both_heads(plain, remat):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, *SIZE, 3), np.uint8)
    labels = random.integers(0, 6, (2, *SIZE), np.uint8)
    labels[labels == 5] = 255
    keras.utils.set_random_seed(0)
    model = models.build("toy", (*SIZE, 3), 5, auxiliary=True, dropout=0.0)
    outputs = {name: np.asarray(value) for name, value in model(images, training=True).items()}
    expected = cross_entropy(outputs["logits"], labels) + 0.4 * cross_entropy(outputs["auxiliary"], labels)
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.build(model.trainable_variables)
    loss = step.replace(PLAIN, plain=plain, auxiliary=0.4)
    found = step.training_step(model, optimizer, False, remat, loss)(tf.constant(images), tf.constant(labels))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_resumed_run_has_the_same_bits(run, town, tmp_path):
    import signal

    with signalled("training", 3, signal.SIGTERM):
        assert train_here(*OPTIONS, "-p", town, "--logs", tmp_path) == 75
    assert train_here("--resume", only_run(tmp_path)) == 0
    assert_same(only_run(tmp_path), run)
    arrays, _ = native.read_arrays(run / "checkpoints" / "last" / "training.h5")
    assert {"auxiliary_scores/kernel", "auxiliary_scores/bias"} <= arrays.keys()


def test_weights_and_predictions_know_nothing_of_it(run):
    arrays, _ = native.read_arrays(run_files.weights_file(run))
    assert not any(name.startswith("auxiliary") for name in arrays)
    assert runtimes.load(run).predict(np.zeros((1, *SIZE, 3), np.uint8)).shape == (1, *SIZE)


def test_a_model_without_one_is_refused(town, tmp_path):
    with pytest.raises(UserError, match="unet has no auxiliary head; leave `auxiliary` out"):
        train_here("-m", "unet", "-p", town, "-t", "32,64", "--auxiliary", 0.4, "--logs", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_configuration_names_its_weight():
    from types import SimpleNamespace

    config = SimpleNamespace(
        model="toy", loss="ce+dice", label_smoothing=0.0, weight_of_class=(), auxiliary=0.4
    )
    assert build(config).auxiliary == 0.4
