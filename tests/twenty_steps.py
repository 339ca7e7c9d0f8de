"""Twenty steps of a model in mixed precision, in a process of its own: XLA keeps gigabytes after compiling.

Its arguments are a case of `MODELS` and a precision; it prints JSON.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

import models
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


def build(case: str, size: tuple[int, int], precision: str = "float32") -> keras.Model:
    """The model of a case, always with the same weights."""
    keras.utils.set_random_seed(0)
    return models.build(case.partition(" ")[0], (*size, 3), 19, precision, **MODELS[case][0])


def twenty_steps(case: str, precision: str) -> dict:
    """The losses, whether the weights are finite, and float16's loss scale.

    With the model's own optimizer and learning rate. In float16 by XLA, as on a GPU, which is many times as
    fast on a CPU as well; but modified Xception's 65 layers take it minutes, and hold nothing of their own.
    """
    size = (32, 32) if case == "bayes_segnet" else (32, 64)
    jit = precision == "mixed_float16" and case != "deeplabv3+ modified_xception"
    model = build(case, size, precision)
    settings = config.new({"model": case.partition(" ")[0], "precision": precision, "epochs": 1}, "nowhere")
    optimizer = optimizers.build(settings, 20, model)
    train = step.training_step(model, optimizer, jit)
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (2, *size, 3), np.uint8))
    labels = tf.constant(random.integers(0, 19, (2, *size)).astype(np.uint8))
    losses = [float(train(images, labels)) for _ in range(20)]
    finite = all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in model.weights)
    return {
        "losses": losses,
        "finite": bool(finite),
        "scale": float(getattr(optimizer, "dynamic_scale", 1.0)),
    }


if __name__ == "__main__":
    print(json.dumps(twenty_steps(*sys.argv[1:])))
