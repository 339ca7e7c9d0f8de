"""SegFix's targets, made of label maps, and its loss (Yuan et al.; arXiv 2007.04269, section 3).

A pixel is at a border if one of another label is within `WIDTH` pixels. Its direction is that in which the
distance to other labels grows: the gradient over 5x5 pixels of the same label, as in the original.
"""

import math

import tensorflow as tf

from data.label_sets import IGNORED, of_train_ids
from models.decoders.segfix import BORDER, DIRECTIONS
from training.losses.pixels import cross_entropies
from training.losses.scored import Scored
from training.losses.terms import Term

WIDTH = 5  # of a border on each side, in pixels
WINDOW = 2  # pixels to each side that the gradient sees
REACH = WIDTH + 3  # up to which distances are told apart: a border pixel's window does not see further
OUTSIDE = 254  # in the place of labels beyond the image; no train id
INSIDE = 0  # in targets; the directions follow it

WAYS = ("left", "up left", "up", "up right", "right", "down right", "down", "down left")
COLORS = (
    (200, 40, 40),
    (220, 140, 40),
    (200, 200, 40),
    (80, 200, 60),
    (40, 200, 200),
    (60, 110, 220),
    (120, 60, 210),
    (210, 60, 180),
)


def truth(labels: tf.Tensor) -> tf.Tensor:
    """The targets of a label map.

    Args:
        labels: uint8 [B, H, W] of train ids, 255 ignored, which is a label like others to its neighbours.

    Returns:
        uint8 [B, H, W]: 0 inside, 1 to 8 at a border for the `DIRECTIONS`, 255 ignored.
    """
    distance = distances(labels)
    rows, columns = gradient(labels, distance)
    eighth = (tf.atan2(rows, columns) + math.pi) / (math.pi / 4)  # 0 is left, then clockwise
    direction = tf.cast(tf.math.ceil(eighth - 0.5), tf.int32) % len(DIRECTIONS)
    found = tf.where(distance <= WIDTH, direction + 1, INSIDE)
    return tf.cast(tf.where(labels == IGNORED, IGNORED, found), tf.uint8)


def distances(labels: tf.Tensor) -> tf.Tensor:
    """The distance of each pixel to the nearest one of another label, in pixels, at most `REACH` + 1.

    Along the row first, then from row to row: a pixel of the same label in another row brings the distance
    along its own row. The image's edge is no border.

    Args:
        labels: uint8 [B, H, W].

    Returns:
        float32 [B, H, W].
    """
    far = float((REACH + 1) ** 2)
    label_at, squares = _shifted(labels, REACH, OUTSIDE), tf.fill(tf.shape(labels), far)
    for step in range(REACH, 0, -1):
        near = _others(labels, label_at(0, step)) | _others(labels, label_at(0, -step))
        squares = tf.where(near, float(step**2), squares)
    square_at, found = _shifted(squares, REACH, far), squares
    for step in range(1, REACH + 1):
        for rows in (step, -step):
            along = tf.where(_others(labels, label_at(rows, 0)), 0.0, square_at(rows, 0))
            found = tf.minimum(found, along + float(step**2))
    return tf.sqrt(tf.minimum(found, far))


def gradient(labels: tf.Tensor, distance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where distances within a region grow, (along rows, along columns), each float32 [B, H, W].

    The sum over a window of each pixel's distance times its direction over its own distance from the centre;
    of other regions and beyond the image the distance is 0.
    """
    label_at, distance_at = _shifted(labels, WINDOW, OUTSIDE), _shifted(distance, WINDOW, 0.0)
    along_rows = along_columns = tf.zeros_like(distance)
    for row in range(-WINDOW, WINDOW + 1):
        for column in range(-WINDOW, WINDOW + 1):
            if row or column:
                share = tf.where(label_at(row, column) == labels, distance_at(row, column), 0.0)
                along_rows += share * (row / (row**2 + column**2))
                along_columns += share * (column / (row**2 + column**2))
    return along_rows, along_columns


def _others(labels, neighbours):
    return (neighbours != labels) & (neighbours != OUTSIDE)


def _shifted(x: tf.Tensor, most: int, fill):
    """A function (rows, columns) -> the neighbours so far away, [B, H, W]; `fill` beyond the image."""
    _, height, width = x.shape
    padded = tf.pad(x, [[0, 0], [most, most], [most, most]], constant_values=fill)

    def at(rows: int, columns: int) -> tf.Tensor:
        top, left = most + rows, most + columns
        return padded[:, top : top + height, left : left + width]

    return at


def split(targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Targets as labels of both heads, uint8 [B, H, W]: 0 or 1 for the border, and directions from 0.

    Ignored are, for directions, pixels inside as well.
    """
    ignored = targets == IGNORED
    border = tf.where(ignored, targets, tf.cast(targets != INSIDE, tf.uint8))
    direction = tf.where(ignored | (targets == INSIDE), tf.constant(IGNORED, tf.uint8), targets - 1)
    return border, direction


def loss_sums(outputs: tf.Tensor, labels: tf.Tensor):
    """Of both heads the summed cross-entropies and the pixels of each label, [2], [2], [8] and [8].

    The original's directions count where a border is predicted; here where there is one, as elsewhere the
    targets have no direction.
    """
    border, direction = split(truth(labels))
    return (
        *_by_label(cross_entropies(outputs[..., :BORDER], border), border, BORDER),
        *_by_label(cross_entropies(outputs[..., BORDER:], direction), direction, len(DIRECTIONS)),
    )


def _by_label(losses, targets, count: int):
    chosen = [targets == label for label in range(count)]
    sums = [tf.reduce_sum(tf.where(pixels, losses, 0.0)) for pixels in chosen]
    pixels = [tf.reduce_sum(tf.cast(pixels, tf.float32)) for pixels in chosen]
    return tf.stack(sums), tf.stack(pixels)


def loss(border_losses, border_pixels, direction_losses, direction_pixels) -> tf.Tensor:
    """The sum of both heads' cross-entropies, each a mean in which rare labels weigh more."""
    return balanced(border_losses, border_pixels) + balanced(direction_losses, direction_pixels)


def balanced(losses: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """The mean over pixels weighted by 1 - the share of their label, from sums by label."""
    weights = 1 - tf.math.divide_no_nan(pixels, tf.reduce_sum(pixels))
    return tf.math.divide_no_nan(tf.reduce_sum(weights * losses), tf.reduce_sum(weights * pixels))


def prediction(outputs: tf.Tensor) -> tf.Tensor:
    """Outputs [B, H, W, 10] as targets, int32 [B, H, W]."""
    direction = tf.argmax(outputs[..., BORDER:], axis=-1, output_type=tf.int32)
    return tf.where(outputs[..., 1] > outputs[..., 0], direction + 1, INSIDE)


def cross_entropy_sum(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Both heads' cross-entropies, summed over the pixels."""
    border, direction = split(targets)
    both = cross_entropies(outputs[..., :BORDER], border), cross_entropies(outputs[..., BORDER:], direction)
    return tf.add_n([tf.reduce_sum(losses) for losses in both])


TERMS = (Term(loss_sums, loss),)
LABEL_SET = of_train_ids("segfix", ("inside", *WAYS), ((60, 60, 60), *COLORS))
SCORED = Scored(truth, prediction, cross_entropy_sum, LABEL_SET)
