"""PIDNet's losses of borders (arXiv 2206.02066): of its border head, and of the scores where that sees one.

Borders are made from the labels as mmsegmentation's GenerateEdge and the authors' code do, but that pixels
labelled 255 count for nothing here as well.
"""

import tensorflow as tf

from data.label_sets import IGNORED
from training.losses.pixels import cross_entropy_sums
from training.losses.terms import Term

WIDTH = 4  # of a border in pixels
WEIGHT = 20.0  # of the border head's loss, the paper's lambda 1
LIKELY = 0.8  # probability of a border from which a pixel's scores count once more, the paper's t


def borders(labels: tf.Tensor) -> tf.Tensor:
    """Which pixels are borders, bool [B, H, W].

    There is one where two neighbours, also diagonal ones, have different labels, neither of them ignored. It
    is widened to `WIDTH` pixels, of an even number one more down and to the right.
    """
    down, right = labels[:, 1:], labels[:, :, 1:]
    lower_right, lower_left = labels[:, 1:, 1:], labels[:, 1:, :-1]
    found = (
        tf.pad(_differ(labels[:, :-1], down), [[0, 0], [1, 0], [0, 0]])
        | tf.pad(_differ(labels[:, :, :-1], right), [[0, 0], [0, 0], [0, 1]])
        | tf.pad(_differ(labels[:, :-1, :-1], lower_right), [[0, 0], [0, 1], [0, 1]])
        | tf.pad(_differ(labels[:, :-1, 1:], lower_left), [[0, 0], [0, 1], [1, 0]])
    )
    around = [WIDTH // 2, WIDTH - 1 - WIDTH // 2]
    padded = tf.pad(tf.cast(found, tf.float32)[..., None], [[0, 0], around, around, [0, 0]])
    return tf.nn.max_pool2d(padded, WIDTH, 1, "VALID")[..., 0] > 0


def _differ(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    return (one != other) & (one != IGNORED) & (other != IGNORED)


def border_sums(outputs: dict[str, tf.Tensor], labels: tf.Tensor):
    """(cross-entropy on borders, elsewhere, border pixels, others), each float32 over labelled pixels.

    Args:
        outputs: of the network; `border` are logits [B, H, W, 1].
        labels: uint8 [B, H, W] of train ids, 255 ignored.
    """
    truth, logits = borders(labels), tf.cast(outputs["border"][..., 0], tf.float32)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(truth, tf.float32), logits)
    labelled = labels != IGNORED
    on, off = (tf.cast(chosen, tf.float32) for chosen in (labelled & truth, labelled & ~truth))
    return tuple(tf.reduce_sum(values) for values in (on * losses, off * losses, on, off))


def balanced(on_borders, elsewhere, borders, others):
    """The weighted mean over pixels: borders count by the share of the others, these by that of borders."""
    pixels = borders + others
    both = others * on_borders + borders * elsewhere
    return WEIGHT * tf.math.divide_no_nan(both, pixels * pixels)


def aware_sums(outputs: dict[str, tf.Tensor], labels: tf.Tensor):
    """As `cross_entropy_sums` of the logits, over pixels that `border` calls one with more than `LIKELY`."""
    likely = tf.sigmoid(tf.cast(outputs["border"][..., 0], tf.float32)) > LIKELY
    return cross_entropy_sums(outputs["logits"], tf.where(likely, labels, IGNORED))


TERMS = (Term(border_sums, balanced), Term(aware_sums, tf.math.divide_no_nan))
