"""Augmentation of one image and its label map, on NumPy arrays by OpenCV.

The crop is cut from the stored image before it is resized, so that no full-size floating-point
image is ever made; brightness and colour are one table look-up on bytes. Street scenes are never
flipped upside down.
"""

from dataclasses import replace

import cv2
import numpy as np

from data.draws import Augmentation
from data.label_sets import IGNORED

PADDING = 127  # grey, about 0 after normalisation
TRIES = 10  # windows, for one in which no class has too much of the pixels (mmsegmentation's number)

# tf.data's threads are the parallelism; threads inside each call only get in their way
cv2.setNumThreads(1)


def apply(
    image: np.ndarray,
    label: np.ndarray,
    size: tuple[int, int],
    choice: Augmentation,
    whole: tuple[int, int] | None = None,
):
    """Augment a pair.

    Args:
        image: uint8 [H, W, 3], or what gives a part of it as `image[rows, columns]`.
        label: uint8 [H, W].
        size: (h, w) of the result in pixels.
        choice: what was drawn.
        whole: (h, w) that the whole image has at scale 1; None: that of the result.

    Returns:
        uint8 [h, w, 3] and uint8 [h, w]; pixels outside the image are grey and `IGNORED`.
    """
    windows, inner = cut(label.shape, size, choice, whole or size)
    image, label = resize(image[windows], label[windows], inner)
    if inner != tuple(size):
        image, label = pad(image, label, size, choice)
    if choice.flip:  # in place, for both arrays are new: fresh memory costs more time than this arithmetic
        cv2.flip(image, 1, dst=image)
        cv2.flip(label, 1, dst=label)
    if choice.mixing is not None:
        image = cv2.transform(image, choice.mixing)
    return look_up(image, choice.tables[None]), label  # [1, 256, 1 or 3]: a table for all or each channel


def cut(stored, size, choice: Augmentation, whole) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """Which part of a stored image is used, and the size that it is resized to.

    Args:
        stored: (H, W) of the image.
        size: (h, w) of the result, which the resized part fills, or lies in where the image is smaller.
        choice: scale and position.
        whole: (h, w) of the whole image at scale 1.

    Returns:
        (slices of rows and columns, (height, width) that they are resized to).
    """
    windows, inner = [], []
    for extent, side, full, position in zip(stored, size, whole, (choice.top, choice.left)):
        zoom = choice.scale * (full / side)  # of the whole image, relative to the result
        if zoom >= 1:
            windows.append(window(extent, extent / zoom, position))
            inner.append(side)
        else:
            windows.append(slice(0, extent))
            inner.append(max(round(side * zoom), 1))
    return tuple(windows), tuple(inner)


def balanced(
    label: np.ndarray,
    size: tuple[int, int],
    whole: tuple[int, int],
    choice: Augmentation,
    most: float,
    random,
) -> Augmentation:
    """The choice at a position where no class has more than a share of the labelled pixels.

    Args:
        label: train ids, uint8 [H, W].
        size, whole: see `apply`.
        choice: whose position is tried first.
        most: the share, below 1.
        random: where other positions come from.

    Returns:
        The first of `TRIES` that fits, else the last.
    """
    for _ in range(TRIES - 1):
        windows, _ = cut(label.shape, size, choice, whole)
        counts = np.bincount(label[windows].ravel(), minlength=256)[:IGNORED]
        if counts.max() < most * counts.sum():
            break
        choice = replace(choice, top=random.random(), left=random.random())
    return choice


def look_up(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Replace each byte by the table's entry, in a new array that TensorFlow takes over without copying.

    For that its memory has to start at a multiple of 64 bytes.
    """
    memory = np.empty(values.size + 63, np.uint8)
    start = -memory.ctypes.data % 64
    return cv2.LUT(values, table, dst=memory[start : start + values.size].reshape(values.shape))


def window(extent: int, length: float, position: float) -> slice:
    """The slice of about `length` pixels of `extent`, at `position` (0: first, 1: last possible)."""
    length = min(max(round(length), 1), extent)
    start = round((extent - length) * position)
    return slice(start, start + length)


def pad(image: np.ndarray, label: np.ndarray, size: tuple[int, int], choice: Augmentation):
    """Place an image smaller than `size` into a grey one of `size` whose labels are ignored."""
    rows, columns = (
        window(extent, inner, position)
        for extent, inner, position in zip(size, label.shape, (choice.top, choice.left))
    )
    canvas = np.full((*size, 3), PADDING, np.uint8)
    truth = np.full(size, IGNORED, np.uint8)
    canvas[rows, columns], truth[rows, columns] = image, label
    return canvas, truth


def resize(image: np.ndarray, label: np.ndarray, size: tuple[int, int]):
    """Resize a pair to (h, w), into new arrays: bilinearly, and labels to the nearest pixel centre."""
    return resize_image(image, size), resize_labels(label, size)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear resizing, uint8 [H, W, 3] -> [h, w, 3]; training, evaluation and prediction share it."""
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)


def resize_labels(label: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest-neighbour resizing, uint8 [H, W] -> [h, w], with pixel centres aligned as in the image."""
    return cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
