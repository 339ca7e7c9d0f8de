"""The loss of details, where classes meet (STDC; Fan et al.; arXiv 2104.13188, section 3.3)."""

import numpy as np
import tensorflow as tf

from data.label_sets import IGNORED
from training.losses.pixels import labelled_pixels
from training.losses.terms import Term

LAPLACIAN = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)
PYRAMID = {1: 6, 2: 3, 4: 1}  # stride of the Laplacian -> tenths of its weight in the fusion
SMOOTHING = 1.0  # epsilon of the dice loss, equation 2


def targets(labels: tf.Tensor) -> tf.Tensor:
    """Which pixels are details.

    The Laplacian of the train ids is taken with strides of 1, 2 and 4. Where it is above 0.1 there is an
    edge; edges are enlarged again, and a detail is where their weighted sum is above 0.1, which the third
    level alone does not reach. Where two classes meet, the pixel with the larger id is a detail; outside the
    image lies id 0. All this is as published (mmsegmentation's STDCHead), but for ignored pixels: they have
    no edges here, and are another class there.

    Args:
        labels: uint8 [B, H, W] of train ids, 255 ignored; H and W multiples of 4.

    Returns:
        bool [B, H, W].
    """
    ids = tf.cast(labels, tf.float32)[..., None]
    laplacian = tf.nn.conv2d(ids, LAPLACIAN[:, :, None, None], strides=1, padding="SAME")[..., 0]
    edges = tf.cast((laplacian > 0.1) & (labels != IGNORED), tf.int32)
    tenths = tf.zeros_like(edges)
    for stride, weight in PYRAMID.items():
        coarse = edges[:, ::stride, ::stride]
        tenths += weight * tf.repeat(tf.repeat(coarse, stride, axis=1), stride, axis=2)
    return tenths > 1


def sums(outputs: dict[str, tf.Tensor], labels: tf.Tensor):
    """What binary cross-entropy and dice loss are made of, each over the labelled pixels.

    Args:
        outputs: of the network, of which `detail`, float32 logits [B, H, W, 1], is read.
        labels: uint8 [B, H, W] of train ids, 255 ignored.

    Returns:
        (sum of cross-entropies, labelled pixels, sum of the images' dice losses, images with labels).
    """
    logits = tf.cast(outputs["detail"][..., 0], tf.float32)
    labelled = tf.cast(labels != IGNORED, tf.float32)
    truth = tf.cast(targets(labels), tf.float32) * labelled
    entropies = labelled * tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits)
    shares = labelled * tf.sigmoid(logits)
    both, predicted, true = (
        tf.reduce_sum(values, axis=(1, 2)) for values in (shares * truth, shares**2, truth)
    )  # [B] each
    dice = 1 - (2 * both + SMOOTHING) / (predicted + true + SMOOTHING)  # 0 of an image without labels
    images = tf.reduce_any(labels != IGNORED, axis=(1, 2))
    return (
        tf.reduce_sum(entropies),
        labelled_pixels(labels),
        tf.reduce_sum(dice),
        tf.reduce_sum(tf.cast(images, tf.float32)),
    )


def value(entropies, pixels, dice, images):
    """Binary cross-entropy, a mean over pixels, plus dice loss, a mean over images (equation 1)."""
    return tf.math.divide_no_nan(entropies, pixels) + tf.math.divide_no_nan(dice, images)


TERMS = (Term(sums, value),)
