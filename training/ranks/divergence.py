"""Whether all ranks hold the same weights, by a sum of their bits."""

from collections import Counter

import tensorflow as tf

from common.errors import UserError
from training.ranks.ranks import Ranks

EVERY = 100  # steps


def checksum(model) -> int:
    """A number that changes with any bit of any weight (but for chances of one in 2^32)."""
    return int(_checksum([weight.value for weight in model.weights]))


@tf.function(autograph=False, reduce_retracing=True)
def _checksum(weights):
    # products with odd numbers, so that two weights that change places change the sum
    parts = [
        tf.reduce_sum(bits * (2 * tf.range(tf.size(bits)) + 1)) * (2 * number + 1)
        for number, bits in enumerate(tf.reshape(tf.bitcast(weight, tf.int32), [-1]) for weight in weights)
    ]
    return tf.add_n(parts)


def require_none(model, ranks: Ranks, step: int) -> None:
    """Compare the ranks' weights.

    Raises:
        UserError: some differ from those of most; they are named.
    """
    if ranks.size == 1:
        return
    sums = ranks.gather(checksum(model))
    (usual, _), *others = Counter(sums).most_common()
    if others:
        strays = ", ".join(str(rank) for rank, found in enumerate(sums) if found != usual)
        raise UserError(
            f"at step {step} the weights of rank {strays} differ from the others'; check that machine's "
            "memory and GPU, and go on from the last checkpoint with `resume`"
        )
