"""What a loss is a sum of."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One part of a loss.

    Args:
        sums: (logits [B, H, W, C], labels uint8 [B, H, W]) -> float32 tensors, each a sum over pixels or
            images, so that the sums of two batches together are the sums of both added. Of a loss of
            `training.losses.heads`, all outputs of the network stand in the place of the logits.
        value: the sums of all ranks -> float32 scalar.
    """

    sums: Callable
    value: Callable
