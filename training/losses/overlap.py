"""Losses that measure how well a class's area is met: dice and Tversky loss."""

import tensorflow as tf

from data.label_sets import IGNORED


def area_sums(logits: tf.Tensor, labels: tf.Tensor):
    """The soft areas of each class over the labelled pixels of the batch, each float32 [C].

    Args:
        logits: float [B, H, W, C].
        labels: uint8 [B, H, W] of train ids, 255 ignored.

    Returns:
        (probability on pixels of the class, probability on all pixels, pixels of the class).
    """
    labelled = tf.cast(labels != IGNORED, tf.float32)[..., None]
    probabilities = tf.nn.softmax(tf.cast(logits, tf.float32)) * labelled  # [B, H, W, C]
    truth = tf.one_hot(tf.cast(labels, tf.int32), logits.shape[-1])  # all 0 where ignored
    both = tf.reduce_sum(probabilities * truth, axis=(0, 1, 2))
    return both, tf.reduce_sum(probabilities, axis=(0, 1, 2)), tf.reduce_sum(truth, axis=(0, 1, 2))


def tversky(both, predicted, true, class_weights=None, false_positives=0.3, false_negatives=0.7):
    """1 - Tversky index, the (weighted) mean over the classes that occur; 0 if none does (arXiv 1706.05721).

    The index is TP / (TP + a FP + b FN), by default with the paper's a = 0.3 and b = 0.7. A class that does
    not occur has no area to meet: what it takes from the others, they already count as missed.
    """
    wrong, missed = predicted - both, true - both
    index = tf.math.divide_no_nan(both, both + false_positives * wrong + false_negatives * missed)
    return mean_over_classes(1 - index, true > 0, class_weights)


def dice(both, predicted, true, class_weights=None):
    """1 - dice coefficient, 2 TP / (2 TP + FP + FN), averaged as `tversky` (arXiv 1606.04797)."""
    return tversky(both, predicted, true, class_weights, 0.5, 0.5)


def mean_over_classes(losses: tf.Tensor, occurs: tf.Tensor, class_weights=None) -> tf.Tensor:
    """The (weighted) mean of losses [..., C] over the classes that occur, [...]; 0 if none does."""
    weights = tf.cast(occurs, tf.float32) * (1.0 if class_weights is None else class_weights)
    return tf.math.divide_no_nan(tf.reduce_sum(weights * losses, axis=-1), tf.reduce_sum(weights, axis=-1))


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
