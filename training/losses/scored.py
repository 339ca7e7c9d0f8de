"""What validation compares with what."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from data.label_sets import LabelSet
from training.losses.pixels import cross_entropy_sum


@dataclass(frozen=True)
class Scored:
    """How a network's outputs are compared with the labels.

    Attributes:
        truth: labels uint8 [B, H, W] -> the same as train ids of the label set, 255 ignored.
        prediction: outputs [B, H, W, C] -> train ids, int32 [B, H, W].
        loss_sum: (outputs, truth) -> its sum over the pixels that are not ignored, float32 scalar.
        label_set: of truth and prediction; None: the data's.
    """

    truth: Callable
    prediction: Callable
    loss_sum: Callable
    label_set: LabelSet | None = None


# of networks whose outputs are scores of the classes
CLASSES = Scored(
    truth=lambda labels: labels,
    prediction=lambda logits: tf.argmax(logits, axis=-1, output_type=tf.int32),
    loss_sum=cross_entropy_sum,
)
