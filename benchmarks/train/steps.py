"""A training step of the very same model on Keras's backend, and the parts that it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

RATE, MOMENTUM = 1e-4, 0.9  # of the optimizer


@dataclass(frozen=True)
class Steps:
    """Three functions, each a prefix of the next; they return when the device is done.

    Attributes:
        forward: the loss in training mode, float.
        gradients: the loss and the gradients of all trainable weights.
        step: the whole step: forward, backward, optimizer; returns the loss.
    """

    forward: Callable[[], float]
    gradients: Callable[[], float]
    step: Callable[[], float]


def compiled(model, optimizer, images, labels, gpu: bool) -> Steps:
    """The steps of a model on one batch, which lies on the device.

    Args:
        model: see `models.build`.
        optimizer: built for the model, see `benchmarks.train.steps.optimizer`.
        images: uint8 [B, H, W, 3].
        labels: uint8 [B, H, W] of train ids, 255 ignored.
        gpu: compile by XLA, where the backend leaves the choice.
    """
    import keras

    module = import_module(f"benchmarks.train.steps_{keras.backend.backend()}")
    return module.compiled(model, optimizer, images, labels, gpu)


def inputs(batch: int, size: tuple[int, int], classes: int):
    """Random images uint8 [B, H, W, 3] and blocky labels uint8 [B, H, W] with an ignored stripe."""
    import numpy as np

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (batch, *size, 3), np.uint8)
    cells = [-(-side // 32) for side in size]
    blocks = random.integers(0, classes, (batch, *cells), np.uint8)
    labels = blocks.repeat(32, axis=1).repeat(32, axis=2)[:, : size[0], : size[1]].copy()
    labels[:, : size[0] // 10] = 255
    return images, labels


def optimizer(model, float16: bool = False):
    """SGD with momentum at a rate that leaves the weights nearly alone, with loss scaling for float16."""
    import keras

    made = keras.optimizers.SGD(RATE, momentum=MOMENTUM)
    made.build(model.trainable_variables)
    if float16:
        made = keras.optimizers.LossScaleOptimizer(made)
        made.build(model.trainable_variables)
    return made
