"""The Lovasz-Softmax loss (Berman, Triki, Blaschko; arXiv 1705.08790): a convex stand-in for 1 - IoU."""

import tensorflow as tf

from data.label_sets import IGNORED
from training.losses.overlap import mean_over_classes


def lovasz_sums(logits: tf.Tensor, labels: tf.Tensor, class_weights=None):
    """(sum of the images' losses, images with labelled pixels): their ratio is the loss.

    An image's loss is the (weighted) mean over the classes that occur in it. The paper also has the form
    over a whole batch, but its sort would have to cross ranks.

    Args:
        logits: float [B, H, W, C].
        labels: uint8 [B, H, W] of train ids, 255 ignored.
        class_weights: [C] or None.
    """
    area, classes = labels.shape[1] * labels.shape[2], logits.shape[-1]
    probabilities = tf.reshape(tf.nn.softmax(tf.cast(logits, tf.float32)), [-1, area, classes])
    labels = tf.reshape(labels, [-1, area])  # [B, N]
    # one class at a time, because a class needs several maps of float32
    losses = tf.stack([_class_loss(probabilities[..., c], labels, c) for c in range(classes)], axis=-1)
    occurs = tf.stack([tf.reduce_any(labels == c, axis=1) for c in range(classes)], axis=-1)  # [B, C]
    images = mean_over_classes(losses, occurs, class_weights)  # [B]
    return tf.reduce_sum(images), tf.reduce_sum(tf.cast(tf.reduce_any(occurs, axis=1), tf.float32))


def _class_loss(probabilities: tf.Tensor, labels: tf.Tensor, c: int) -> tf.Tensor:
    """The Lovasz extension of 1 - IoU of class c at its errors, equation 9; [B, N], [B, N] -> [B]."""
    truth = tf.cast(labels == c, tf.float32)
    errors = tf.where(labels != IGNORED, tf.abs(truth - probabilities), -1.0)  # ignored ones sort last
    errors, order = tf.math.top_k(errors, k=labels.shape[1])
    truth = tf.gather(truth, order, batch_dims=1)
    others = tf.cast(errors >= 0, tf.float32) - truth
    area = tf.reduce_sum(truth, axis=1, keepdims=True)
    # 1 - IoU if the pixels so far, the worst ones, were all wrong
    jaccard = 1 - tf.math.divide_no_nan(area - tf.cumsum(truth, axis=1), area + tf.cumsum(others, axis=1))
    growth = jaccard - tf.pad(jaccard, [[0, 0], [1, 0]])[:, :-1]
    return tf.reduce_sum(tf.nn.relu(errors) * growth, axis=1)
