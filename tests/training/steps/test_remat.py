"""Rematerialisation: the same numbers as without, from the cuts that keep least."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models
from training.losses.total import PLAIN as cross_entropy
from training.steps import remat
from training.steps.step import training_step

pytestmark = pytest.mark.slow

SIZE = (32, 64)
MODELS = {
    "unet": {"width": 4},
    "bayes_segnet": {},
    "deeplabv3+": {},
}


def batch():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, *SIZE, 3), np.uint8)
    labels = random.integers(0, 19, (2, *SIZE)).astype(np.uint8)
    return images, labels


def run_once(model, network, state, jit=False):
    """(loss, gradients, what a step changes beside: moving statistics and dropout's generators)."""
    for variable, value in zip(model.variables, state):
        variable.assign(value)
    images, labels = batch()

    @tf.function(jit_compile=jit)
    def step():
        with tf.GradientTape() as tape:
            loss = cross_entropy(network(images, training=True), labels)
        return loss, tape.gradient(loss, model.trainable_variables)

    loss, gradients = step()
    return float(loss), [g.numpy() for g in gradients], [v.numpy() for v in model.non_trainable_variables]


def assert_same_training(model, jit=False):
    state = [variable.numpy() for variable in model.variables]
    again = remat.Rematerialized(model)
    assert any(recompute for *_, recompute in again.segments)
    kept, recomputed = run_once(model, model, state, jit), run_once(model, again, state, jit)
    assert recomputed[0] == pytest.approx(kept[0], rel=1e-6)
    largest = max(np.abs(gradient).max() for gradient in kept[1])
    for variable, ours, theirs in zip(model.trainable_variables, recomputed[1], kept[1]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * largest, err_msg=variable.path)
    for variable, ours, theirs in zip(model.non_trainable_variables, recomputed[2], kept[2]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7, err_msg=variable.path)
    before = dict(zip((variable.path for variable in model.variables), state))
    moved = [
        v.path for v, new in zip(model.non_trainable_variables, kept[2]) if np.any(new != before[v.path])
    ]
    assert any("moving" in path for path in moved)


@pytest.mark.parametrize("case", MODELS)
def test_gradients_and_statistics_are_those_of_keeping_everything(case):
    keras.utils.set_random_seed(0)
    assert_same_training(models.build(case.split()[0], (*SIZE, 3), 19, **MODELS[case]))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_also_in_mixed_precision(precision):
    keras.utils.set_random_seed(0)
    assert_same_training(models.build("unet", (*SIZE, 3), 19, precision, width=4))


def test_also_compiled_by_xla():
    keras.utils.set_random_seed(0)
    assert_same_training(models.build("unet", (*SIZE, 3), 19, width=4), jit=True)


def test_a_training_step_moves_the_weights_as_without():
    images, labels = (tf.constant(array) for array in batch())
    ended = []
    for again in (False, True):
        keras.utils.set_random_seed(0)
        model = models.build("fastscnn", (*SIZE, 3), 19)
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        optimizer.build(model.trainable_variables)
        step = training_step(model, optimizer, jit=False, remat=again)
        losses = [float(step(images, labels)) for _ in range(3)]
        ended.append((losses, model.get_weights()))
    np.testing.assert_allclose(ended[1][0], ended[0][0], rtol=1e-4)
    for recomputed, kept in zip(ended[1][1], ended[0][1]):
        np.testing.assert_allclose(recomputed, kept, rtol=1e-2, atol=1e-4)


def chain(*filters):
    """1x1 convolutions one after the other; an output of F filters takes 4 * F bytes."""
    x = image = keras.Input((1, 1, 1))
    for number, count in enumerate(filters):
        x = layers.Conv2D(count, 1, name=f"conv{number}")(x)
    model = keras.Model(image, x)
    return [op for op in model.operations if not isinstance(op, layers.InputLayer)], model.output


def test_a_chain_is_cut_where_little_crosses():
    # By hand: all at once takes 4 * 51 bytes. Cut after the 1 they are 1 (kept) + 30 (the larger half).
    operations, output = chain(10, 9, 1, 20, 10, 1)
    inside, kept = remat.segment_bytes(operations, [output])
    assert inside[0, 6] == 4 * 51
    assert (inside[0, 3], kept[0, 3]) == (4 * 20, 4 * 1)
    assert (inside[3, 6], kept[3, 6]) == (4 * 31, 4 * 1)
    assert remat.plan(operations, [output]) == [3, 6]


def test_a_skip_is_kept_once():
    image = keras.Input((1, 1, 1))
    skip = layers.Conv2D(4, 1)(image)
    x = layers.Conv2D(16, 1)(skip)
    x = layers.Conv2D(2, 1)(x)
    model = keras.Model(image, layers.Concatenate()([skip, x]))
    operations = [op for op in model.operations if not isinstance(op, layers.InputLayer)]
    _, kept = remat.segment_bytes(operations, [model.output])
    assert kept[0, 1] == 4 * 4
    assert kept[0, 3] == 4 * (4 + 2)  # the skip and what follows
    assert kept[1, 3] == 4 * 2  # the skip is kept by the segment that made it


def test_dropout_is_never_run_twice():
    model = models.build("bayes_segnet", (*SIZE, 3), 19)
    segments = remat.Rematerialized(model).segments
    for *_, part, recompute in segments:
        draws = [layer for layer in part.layers if hasattr(layer, "seed_generator")]
        assert not (draws and recompute)
    assert sum(hasattr(layer, "seed_generator") for *_, part, _ in segments for layer in part.layers) == 6
