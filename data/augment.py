"""Augmentation of one image and its label map, on NumPy arrays by OpenCV.

The crop is cut from the stored image before it is resized, so that no full-size floating-point
image is ever made; brightness and colour are one table look-up on bytes. Street scenes are never
flipped upside down.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from data.label_sets import IGNORED

SCALES = (0.5, 2.0)  # of the image resized to the target size
PADDING = 127  # grey, about 0 after normalisation

# tf.data's threads are the parallelism; threads inside each call only get in their way
cv2.setNumThreads(1)


@dataclass(frozen=True)
class Augmentation:
    """One draw of all random choices, relative to the image so that any size can use it."""

    scale: float  # 1: the whole image fills the target; 2: half its height and width does
    top: float  # position of the window (or of the image in its padding), 0..1
    left: float
    flip: bool
    tables: np.ndarray  # uint8 [256, 1 or 3]: new value of each old one, for all channels or each


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random numbers of one image in one epoch, whichever rank, thread or restart asks for them."""
    return np.random.default_rng((seed, epoch, index))


def draw(random: np.random.Generator) -> Augmentation:
    """Draw scale, position, flip and light."""
    return Augmentation(
        scale=random.uniform(*SCALES),
        top=random.random(),
        left=random.random(),
        flip=bool(random.random() < 0.5),
        tables=color_tables(random),
    )


def color_tables(random: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, gamma and, in every other image, a tint as a table, uint8 [256, 1 or 3]."""
    levels = np.linspace(0.0, 1.0, 256)[:, None] ** random.uniform(0.8, 1.25)
    contrast = random.uniform(0.75, 1.25)
    tint = random.uniform(0.9, 1.1, 3) if random.random() < 0.5 else 1.0  # low sun, or an overcast sky
    brightness = random.uniform(-0.1, 0.1)
    values = ((levels - 0.5) * contrast + 0.5) * tint + brightness
    return np.rint(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)


def apply(image: np.ndarray, label: np.ndarray, size: tuple[int, int], choice: Augmentation):
    """Augment a pair.

    Args:
        image: uint8 [H, W, 3]. label: uint8 [H, W].
        size: (h, w) of the result in pixels.

    Returns:
        uint8 [h, w, 3] and uint8 [h, w]; pixels outside the image are grey and `IGNORED`.
    """
    if choice.scale >= 1:
        rows, columns = (
            window(extent, extent / choice.scale, position)
            for extent, position in zip(image.shape, (choice.top, choice.left))
        )
        image, label = resize(image[rows, columns], label[rows, columns], size)
    else:
        inner = tuple(max(round(side * choice.scale), 1) for side in size)
        image, label = pad(*resize(image, label, inner), size, choice)
    if choice.flip:  # in place, for both arrays are new: fresh memory costs more time than this arithmetic
        cv2.flip(image, 1, dst=image)
        cv2.flip(label, 1, dst=label)
    return look_up(image, choice.tables[None]), label  # [1, 256, 1 or 3]: a table for all or each channel


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
