"""Trains twenty steps in mixed precision, in a process of its own: XLA keeps gigabytes after compiling.

    python twenty_steps.py '{"model": ..., "options": {}, "size": [h, w], "precision": ..., "jit": true}' ...

With "jit": null XLA only translates the step, which takes seconds and fails where it has no kernel. Steps of
XLA are those of a GPU. With the model's own optimizer and learning rate. Prints a line of JSON for each
argument: the losses, whether all weights are finite, and float16's loss scale, else null.
"""

import json
import sys

import numpy as np

import toy
from common import startup


def train(model: str, options: dict, size: list[int], precision: str, jit: bool | None) -> dict:
    import keras
    import tensorflow as tf

    import models
    from common import devices
    from training import config
    from training.optimization import optimizers
    from training.steps import step

    devices.has_gpu = lambda: jit is not False
    keras.utils.set_random_seed(0)
    network = models.build(model, (*size, 3), 19, precision, **options)
    settings = config.new({"model": model, "precision": precision, "epochs": 1}, "nowhere")
    optimizer = optimizers.build(settings, 20, network)
    run = step.training_step(network, optimizer, jit is not False)
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (2, *size, 3), np.uint8))
    labels = tf.constant(random.integers(0, 19, (2, *size)).astype(np.uint8))
    if jit is None:
        run.experimental_get_compiler_ir(images, labels)(stage="hlo")
    losses = [float(run(images, labels)) for _ in range(0 if jit is None else 20)]
    finite = all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in network.weights)
    scale = float(optimizer.dynamic_scale) if precision == "mixed_float16" else None
    return {"losses": losses, "finite": bool(finite), "scale": scale}


if __name__ == "__main__":
    startup.tensorflow()
    toy.register()
    for given in sys.argv[1:]:
        print(json.dumps(train(**json.loads(given))))
