"""Label maps of another size than the model's: its scores are resized, and only then compared.

Needs NumPy and OpenCV alone, on Python 3.8 as well: `deploy.tensorrt` uses it on a Jetson.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

ROWS = 32  # of the result that are made at a time: what that takes stays in the processor's caches
SMALLEST = np.finfo(np.float32).tiny  # probability; of 0 there is no logarithm

_told = set()  # sources that `tell_of_labels` has named


def labels_at(scores: np.ndarray, size: tuple[int, int], probabilities: bool = False) -> np.ndarray:
    """The class of the highest score at each pixel of a size.

    Scores are resized bilinearly with aligned pixel centres, as by `tf.image.resize`, a few rows at a time:
    all of those of a 1024x2048 image together would be 159 MB.

    Args:
        scores: float [h, w, classes], in any order in memory.
        size: (height, width) in pixels.
        probabilities: scores are probabilities, not logits. Their logarithms are resized, which
            differ from the logits by one number a pixel and thus give the same labels.

    Returns:
        uint8 [height, width]; of equal scores the first class.
    """
    if scores.shape[:2] == size:
        return scores.argmax(2).astype(np.uint8)
    above, below, share = _neighbours(scores.shape[0], size[0])
    labels = np.empty(size, np.uint8)
    for top in range(0, size[0], ROWS):
        rows = slice(top, top + ROWS)
        first, last = above[rows][0], below[rows][-1]
        block = scores[first : last + 1].transpose(2, 0, 1).astype(np.float32, order="C")  # [classes, k, w]
        if probabilities:
            np.log(np.maximum(block, SMALLEST, out=block), out=block)
        wide = _widened(block, size[1])  # [classes, k, width]
        labels[rows] = _arg_max(wide, above[rows] - first, below[rows] - first, share[rows, None])
    return labels


def _neighbours(extent, side):
    """For each of `side` pixels: the two of `extent` that it lies between, and the share of the second."""
    position = np.clip((np.arange(side) + 0.5) * (extent / side) - 0.5, 0, extent - 1)
    above = position.astype(int)
    return above, np.minimum(above + 1, extent - 1), (position - above).astype(np.float32)


def _widened(block, width):
    count, rows, columns = block.shape
    flat = block.reshape(count * rows, columns)
    return cv2.resize(flat, (width, len(flat)), interpolation=cv2.INTER_LINEAR).reshape(count, rows, width)


def _arg_max(wide, above, below, share):
    """Labels uint8 [rows, width] of scores [classes, k, width], each row between two of the k."""
    best, labels = None, np.zeros((len(above), wide.shape[2]), np.uint8)
    for number, plane in enumerate(wide):
        scores, step = plane[above], plane[below]  # [rows, width]
        step -= scores
        step *= share
        scores += step
        if best is None:
            best = scores
            continue
        # numbers grow: the largest of the classes that were better than all before them is the best one
        better = (scores > best).view(np.uint8) * np.uint8(number)
        np.maximum(labels, better, out=labels)
        np.maximum(best, scores, out=best)
    return labels


def nearest(labels: np.ndarray, size: tuple[int, int], source: str) -> np.ndarray:
    """Label maps of a graph that returns no scores, at another size: all that is left is the nearest pixel.

    Says so, see `tell_of_labels`.

    Args:
        labels: uint8 [N, h, w].
        size: (height, width) in pixels.
        source: the graph's name.

    Returns:
        uint8 [N, height, width].
    """
    tell_of_labels(source)
    return np.stack([cv2.resize(one, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) for one in labels])


def tell_of_labels(source: str) -> None:
    """Say on stderr that a graph has no logits to resize, once for each source."""
    if source in _told:
        return
    _told.add(source)
    print(
        f"{source} returns labels, which only nearest neighbours bring to another size; "
        "convert it without `argmax` to have logits resized",
        file=sys.stderr,
    )
