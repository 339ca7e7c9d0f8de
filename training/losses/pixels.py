"""Losses that are means over pixels: cross-entropy, focal loss, and cross-entropy of the hardest pixels."""

import math

import tensorflow as tf

from data.label_sets import IGNORED

FOCUS = 2.0  # gamma of the focal loss, best in its paper
EASY = 0.7  # ohem counts no pixel whose true class has this probability or more,
LEAST_SHARE = 16  # unless fewer than 1 of 16 labelled pixels of an image would be left


def cross_entropy_sum(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum over labelled pixels of -log softmax(logits)[label], float32; shapes as `cross_entropies`."""
    return tf.reduce_sum(cross_entropies(logits, labels))


def labelled_pixels(labels: tf.Tensor) -> tf.Tensor:
    """Number of pixels that count, float32."""
    return tf.reduce_sum(tf.cast(labels != IGNORED, tf.float32))


def cross_entropies(logits: tf.Tensor, labels: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """The cross-entropy of each pixel, 0 where ignored.

    Args:
        logits: float [B, H, W, C].
        labels: uint8 [B, H, W] of train ids, 255 ignored.
        smoothing: share of the truth that is spread evenly over all classes (arXiv 1512.00567, section 7).

    Returns:
        float32 [B, H, W].
    """
    logits = tf.cast(logits, tf.float32)
    labelled = labels != IGNORED
    classes = tf.where(labelled, tf.cast(labels, tf.int32), 0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
    if smoothing:
        even = tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_mean(logits, axis=-1)
        losses = (1 - smoothing) * losses + smoothing * even
    return tf.where(labelled, losses, 0.0)


def weights_of(labels: tf.Tensor, class_weights) -> tf.Tensor:
    """The weight of each pixel's class ([C], or None for 1), 0 where ignored, float32 [B, H, W]."""
    labelled = labels != IGNORED
    if class_weights is None:
        return tf.cast(labelled, tf.float32)
    weights = tf.gather(class_weights, tf.where(labelled, tf.cast(labels, tf.int32), 0))
    return tf.where(labelled, weights, 0.0)


def cross_entropy_sums(logits, labels, class_weights=None, smoothing: float = 0.0):
    """(weighted sum of cross-entropies, sum of weights): their ratio is the loss."""
    losses = cross_entropies(logits, labels, smoothing)
    if class_weights is None:
        return tf.reduce_sum(losses), labelled_pixels(labels)
    weights = weights_of(labels, class_weights)
    return tf.reduce_sum(weights * losses), tf.reduce_sum(weights)


def focal_sums(logits, labels, class_weights=None, smoothing: float = 0.0):
    """As `cross_entropy_sums`, each pixel times (1 - p) ** 2, p its true class's (arXiv 1708.02002)."""
    weights = weights_of(labels, class_weights)
    wrong = -tf.math.expm1(-cross_entropies(logits, labels))  # 1 - p
    losses = wrong**FOCUS * cross_entropies(logits, labels, smoothing)
    return tf.reduce_sum(weights * losses), tf.reduce_sum(weights)


def ohem_sums(logits, labels, class_weights=None, smoothing: float = 0.0):
    """As `cross_entropy_sums`, over the hard pixels alone (online bootstrapping, arXiv 1604.04339).

    Hard are those whose true class has less than `EASY`; where these are under 1 in `LEAST_SHARE` of a
    image's labelled pixels, that many of the image's hardest. Choosing in each image by itself, not
    in a batch, makes the choice the same on any number of ranks.
    """
    kept = tf.where(hard(cross_entropies(logits, labels), labels), weights_of(labels, class_weights), 0.0)
    return tf.reduce_sum(kept * cross_entropies(logits, labels, smoothing)), tf.reduce_sum(kept)


def hard(losses: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Which pixels `ohem` keeps, bool [B, H, W]; pixels that tie with the last one are kept as well."""
    flat = tf.where(labels != IGNORED, tf.stop_gradient(losses), -1.0)
    flat = tf.reshape(flat, [-1, labels.shape[1] * labels.shape[2]])  # [B, N]
    labelled = tf.reduce_sum(tf.cast(flat >= 0, tf.int32), axis=1)  # [B]
    least = tf.maximum(labelled // LEAST_SHARE, 1)
    hardest_first = tf.sort(flat, axis=1, direction="DESCENDING")
    last = tf.gather(hardest_first, least - 1, axis=1, batch_dims=1)  # [B]
    threshold = tf.minimum(last, -math.log(EASY))[:, None, None]
    return (labels != IGNORED) & (losses >= threshold)
