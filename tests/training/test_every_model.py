"""Every model and backbone trains: in mixed precision, and until it knows four pictures by heart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from data import index
from data.cache import open_cache
from data.pipeline import Batches
from tiny import CAMVID, tiny_dataset
from training import config, optimizers, step

# case -> (options, learning rate of Adam and steps that let it overfit)
MODELS = {
    "fastscnn": ({"dropout": 0.0}, 0.003, 120),
    "unet": ({"width": 16}, 0.003, 120),
    "separable_unet": ({}, 0.02, 400),
    "separable_unet large": ({"variant": "large"}, 0.003, 100),
    "bayes_segnet": ({"dropout": 0.0}, 0.0005, 60),
    "deeplabv3+": ({"dropout": 0.0}, 0.001, 100),
    "deeplabv3+ resnet50": ({"backbone": "resnet50", "dropout": 0.0}, 0.0005, 60),
    "deeplabv3+ xception": ({"backbone": "xception", "dropout": 0.0}, 0.0005, 160),
    "deeplabv3+ modified_xception": ({"backbone": "modified_xception", "dropout": 0.0}, 0.0005, 160),
}
HEAVY = ("bayes_segnet", "deeplabv3+ resnet50", "deeplabv3+ xception", "deeplabv3+ modified_xception")
CASES = [pytest.param(case, marks=pytest.mark.slow) if case in HEAVY else case for case in MODELS]


def build(case, size, precision="float32"):
    keras.utils.set_random_seed(0)
    return models.build(case.split()[0], (*size, 3), 19, precision, **MODELS[case][0])


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_in_mixed_precision_stay_finite(case, precision):
    """With the model's own optimizer and learning rate; float16's loss scale has to hold as well.

    In float16 by XLA, as on a GPU, which is also many times as fast on a CPU. Modified Xception's 65 layers
    take it minutes to compile, and hold nothing that the others do not.
    """
    size = (32, 32) if case == "bayes_segnet" else (32, 64)
    jit = precision == "mixed_float16" and case != "deeplabv3+ modified_xception"
    model = build(case, size, precision)
    name = case.split()[0]
    settings = config.new({"model": name, "precision": precision, "epochs": 1}, "nowhere")
    optimizer = optimizers.build(settings, 20, model)
    train = step.training_step(model, optimizer, jit)
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (2, *size, 3), np.uint8))
    labels = tf.constant(random.integers(0, 19, (2, *size)).astype(np.uint8))
    losses = [float(train(images, labels)) for _ in range(20)]
    assert np.isfinite(losses).all()
    assert all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in model.weights)
    assert np.mean(losses[-3:]) < losses[0]
    if precision == "mixed_float16":
        assert float(optimizer.dynamic_scale) >= 1.0


@pytest.mark.parametrize("case", CASES)
def test_four_pictures_are_learned_by_heart(case, tmp_path):
    """Of CamVid, or of a made-up data set on machines without it: over nine of ten pixels are right."""
    root = CAMVID if CAMVID.is_dir() else tiny_dataset(tmp_path, train=160, val=1, size=(64, 96))
    samples = index.labelled(root, "train")[::40][:4]
    size, (_, rate, steps) = (64, 96), MODELS[case]
    images, labels = next(iter(Batches(samples, size, 4, open_cache("none", samples), 1).evaluation()))
    model = build(case, size)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)
    train = step.training_step(model, optimizer, jit=False)
    validate = step.validation_step(model, 19, jit=False)
    accuracy = 0.0
    for count in range(1, steps + 1):
        train(images, labels)
        if count % 20 == 0:
            matrix = validate(images, labels)[1].numpy()
            accuracy = np.trace(matrix) / matrix.sum()
        if accuracy > 0.9:
            return
    pytest.fail(f"{accuracy:.3f} of the pixels after {steps} steps")
