"""What a model has to beat: classifiers that look at no neighbour of a pixel, or at nothing at all."""

from collections.abc import Callable

import cv2
import numpy as np

from common.threads import bounded_map
from data.samples import Sample

LEVELS = 32  # of each colour channel: 32,768 colours


def majority(samples: list[Sample]) -> Callable[[np.ndarray], np.ndarray]:
    """The most frequent class of the training images, everywhere.

    Returns:
        A function: image uint8 [H, W, 3] -> train ids uint8 [H, W].
    """
    counts = sum(bounded_map(_class_counts, samples))
    most_frequent = int(np.argmax(counts))
    return lambda image: np.full(image.shape[:2], most_frequent, np.uint8)


def colour(samples: list[Sample]) -> Callable[[np.ndarray], np.ndarray]:
    """For each colour the class that it most often is in the training images.

    Colours never seen get the most frequent class.

    Returns:
        A function: image uint8 [H, W, 3] -> train ids uint8 [H, W].
    """
    counts = sum(bounded_map(_color_counts, samples))  # [LEVELS ** 3, classes]
    table = np.argmax(counts, axis=1).astype(np.uint8)
    table[counts.sum(axis=1) == 0] = np.argmax(counts.sum(axis=0))
    return lambda image: table[_colors(image)]


BASELINES = {"majority": majority, "colour": colour}


def _class_counts(sample: Sample) -> np.ndarray:
    return np.bincount(sample.train_ids().ravel(), minlength=256)[: sample.label_set.classes]


def _colors(image: np.ndarray) -> np.ndarray:
    """Each pixel's colour as a number, [H, W, 3] -> int32 [H, W]."""
    red, green, blue = cv2.split(image // (256 // LEVELS))
    return (red.astype(np.int32) * LEVELS + green) * LEVELS + blue


def _color_counts(sample: Sample) -> np.ndarray:
    image, label = sample.decode()
    truth, classes = sample.to_train_ids[label], sample.label_set.classes
    scored = truth < classes
    pairs = _colors(image)[scored] * classes + truth[scored]
    return np.bincount(pairs, minlength=LEVELS**3 * classes).reshape(-1, classes)
