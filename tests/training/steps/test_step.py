"""Training and validation steps of the whole model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from common import devices
from evaluation.confusion import confusion_matrix
from training.losses.total import PLAIN as cross_entropy
from training.ranks.mirrored import Mirrored
from training.ranks.ranks import ALONE
from training.steps import step


def batch(seed=0, size=(32, 64)):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (2, *size, 3), np.uint8)
    labels = random.integers(0, 19, (2, *size)).astype(np.uint8)
    labels[:, :5] = 255
    return tf.constant(images), tf.constant(labels)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return models.build("toy", (32, 64, 3), 19, dropout=0.0)


def test_the_cut_model_trains_like_the_whole_one(model):
    keras.utils.set_random_seed(0)
    whole = models.build("toy", (32, 64, 3), 19, dropout=0.0)
    whole.set_weights(model.get_weights())
    images, labels = batch()
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    loss = step.training_step(model, optimizer, jit=False)(images, labels)

    with tf.GradientTape() as tape:
        expected = cross_entropy(whole(images, training=True), labels)
    gradients = tape.gradient(expected, whole.trainable_variables)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    for trained, before, gradient in zip(model.trainable_variables, whole.trainable_variables, gradients):
        assert np.any(gradient), f"no gradient into {before.path}"
        np.testing.assert_allclose(trained, before - 0.1 * gradient, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("ranks", [ALONE, Mirrored()], ids=["one process", "MirroredStrategy"])
def test_also_without_xla_a_gpu_does_not_get_the_loss_of_a_cpu(ranks, monkeypatch):
    """GPUs resize first and have no loop over rows of cells; the loss and what is learned are the same."""
    images, labels = batch()
    monkeypatch.setattr(devices, "as_traced", lambda: lambda function: function)  # whose graph is looked at
    found = {}
    for gpu in (False, True):
        monkeypatch.setattr(devices, "has_gpu", lambda gpu=gpu: gpu)
        keras.utils.set_random_seed(0)
        with ranks.scope():
            model = models.build("toy", (32, 64, 3), 19, dropout=0.0)
            optimizer = keras.optimizers.SGD(0.1)
            optimizer.build(model.trainable_variables)
        train = step.training_step(model, optimizer, jit=False, ranks=ranks)
        made = {op.type for op in train.get_concrete_function(images, labels).graph.get_operations()}
        assert bool(made & {"While", "StatelessWhile"}) == (not gpu)
        found[gpu] = [float(train(images, labels)), *model.get_weights()]
    np.testing.assert_allclose(found[True][0], found[False][0], rtol=1e-5)
    for on_gpu, on_cpu in zip(found[True][1:], found[False][1:]):
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_twenty_steps_in_mixed_precision_learn(precision):
    keras.utils.set_random_seed(0)
    model = models.build("toy", (32, 64, 3), 19, precision)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    train = step.training_step(model, optimizer, jit=False)
    losses = [float(train(*batch())) for _ in range(20)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_validation_counts_like_the_scores_do(model):
    images, labels = batch()
    loss, matrix, prediction = step.validation_step(model, 19, jit=False)(images, labels)
    logits = model(images, training=False)
    np.testing.assert_array_equal(prediction, np.argmax(logits, axis=-1))
    np.testing.assert_array_equal(matrix, confusion_matrix(labels.numpy(), prediction.numpy(), 19))
    labelled = (labels.numpy() != 255).sum()
    np.testing.assert_allclose(loss, cross_entropy(logits, labels) * labelled, rtol=1e-5)


def test_a_padded_image_counts_for_nothing(model):
    images, labels = batch()
    validate = step.validation_step(model, 19, jit=False)
    padded = tf.concat([labels[:1], tf.fill((1, 32, 64), tf.constant(255, tf.uint8))], axis=0)
    loss, matrix, _ = validate(images, padded)
    alone = validate(images[:1], labels[:1])
    np.testing.assert_allclose(loss, alone[0], rtol=1e-5)
    np.testing.assert_array_equal(matrix, alone[1])


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_steps_compiled_by_xla_as_on_a_gpu_give_the_same_losses(precision, monkeypatch):
    images, labels = batch()
    results = []
    for jit in (False, True):
        monkeypatch.setattr(devices, "has_gpu", lambda jit=jit: jit)
        keras.utils.set_random_seed(0)
        model = models.build("toy", (32, 64, 3), 19, precision, dropout=0.0)
        optimizer = keras.optimizers.SGD(0.05)
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
        train, validate = step.training_step(model, optimizer, jit), step.validation_step(model, 19, jit)
        losses = [float(train(images, labels)) for _ in range(2)]
        results.append([*losses, float(validate(images, labels)[0]) / labels.shape.num_elements()])
    np.testing.assert_allclose(*results, rtol=5e-3)
