"""A training step of the very same model on Keras's backend, and the parts that it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


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
        optimizer: built for the model, see `benchmarks.train.synthetic.optimizer`.
        images: uint8 [B, H, W, 3].
        labels: uint8 [B, H, W] of train ids, 255 ignored.
        gpu: compile by XLA, where the backend leaves the choice.
    """
    import keras

    module = import_module(f"benchmarks.train.steps_{keras.backend.backend()}")
    return module.compiled(model, optimizer, images, labels, gpu)
