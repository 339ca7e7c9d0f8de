"""Losses on sparse labels; pixels labelled 255 count for nothing."""

import tensorflow as tf

from data.labels import IGNORED


def cross_entropy_sum(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum over labelled pixels of -log softmax(logits)[label].

    Args:
        logits: float [B, H, W, C].
        labels: uint8 [B, H, W] of train ids, 255 ignored.

    Returns:
        float32 scalar.
    """
    labelled = labels != IGNORED
    classes = tf.where(labelled, tf.cast(labels, tf.int32), 0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, tf.cast(logits, tf.float32))
    return tf.reduce_sum(tf.where(labelled, losses, 0.0))


def labelled_pixels(labels: tf.Tensor) -> tf.Tensor:
    """Number of pixels that count, float32, at least 1 so that a wholly ignored batch has loss 0."""
    return tf.maximum(tf.reduce_sum(tf.cast(labels != IGNORED, tf.float32)), 1.0)


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy over the labelled pixels, float32 scalar; shapes as `cross_entropy_sum`."""
    return cross_entropy_sum(logits, labels) / labelled_pixels(labels)
