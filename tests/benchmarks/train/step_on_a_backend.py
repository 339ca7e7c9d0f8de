"""A process of its own, because Keras's backend holds for the whole process.

    KERAS_BACKEND=jax python step_on_a_backend.py weights.npz float32 float16

Fills the network of `toy.py`, trains it for a few steps on one batch, and writes a line of JSON for each
precision: losses of forward, gradients and steps, and the loss that NumPy calculates from the first logits,
where that needs no compiler.
"""

import json
import sys

import keras
import numpy as np

import models
import toy
from benchmarks import backend_devices
from benchmarks.train import steps
from data.label_sets import IGNORED

SIZE, CLASSES, STEPS = (32, 64), 19, 4


def main():
    weights, *precisions = sys.argv[1:]
    for precision in precisions:
        print(json.dumps(losses(weights, precision)))


def losses(weights, precision: str) -> dict:
    """Train in a precision, "float32" or "float16"; the losses."""
    model = build(backend_devices.POLICIES[precision])
    with np.load(weights) as arrays:
        model.set_weights([arrays[f"arr_{number}"] for number in range(len(arrays))])
    images, labels = steps.inputs(2, SIZE, CLASSES)
    by_numpy = None
    if keras.backend.backend() != "jax":
        by_numpy = cross_entropy(keras.ops.convert_to_numpy(model(images, training=True)), labels)
    optimizer = steps.optimizer(model, precision == "float16")
    getattr(optimizer, "inner_optimizer", optimizer).learning_rate = 0.1
    made = steps.compiled(model, optimizer, images, labels, backend_devices.of_backend().gpu)
    found_by = {"numpy": by_numpy, "forward": made.forward(), "gradients": made.gradients()}
    return found_by | {"steps": [made.step() for _ in range(STEPS)]}


def build(policy: str = "float32"):
    """The network; what dropout draws differs between backends, so that there is none."""
    toy.register()
    return models.build(toy.NAME, (*SIZE, 3), CLASSES, policy, dropout=0.0)


def cross_entropy(logits, labels):
    """The mean over labelled pixels."""
    logits = logits.astype(np.float64)[labels != IGNORED]  # [N, C]
    truth = logits[np.arange(len(logits)), labels[labels != IGNORED]]
    return float(np.mean(np.log(np.exp(logits).sum(-1)) - truth))


if __name__ == "__main__":
    main()
