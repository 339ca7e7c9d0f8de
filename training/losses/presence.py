"""Which classes an image holds, the loss of context encoding (Zhang et al.; arXiv 1803.08904)."""

import tensorflow as tf

from training.losses.terms import Term


def presence_sums(outputs: dict, labels: tf.Tensor):
    """(sum of the images' losses, number of images): their ratio is the semantic encoding loss.

    An image's loss is the mean over the classes of the binary cross-entropy of whether they occur in it
    (arXiv 1803.08904, section 3.1).

    Args:
        outputs: those of the network; `presence`, float32 logits [B, C].
        labels: uint8 [B, H, W] of train ids, 255 ignored.
    """
    logits = outputs["presence"]
    classes = range(logits.shape[-1])
    occurs = tf.stack([tf.reduce_any(labels == c, axis=(1, 2)) for c in classes], axis=-1)  # [B, C]
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(occurs, tf.float32), logits)  # [B, C]
    return tf.reduce_sum(tf.reduce_mean(losses, axis=-1)), tf.cast(tf.shape(labels)[0], tf.float32)


TERMS = (Term(presence_sums, tf.math.divide_no_nan),)
