"""Made-up truths and predictions for measurements, with nothing to download.

Smooth regions of eleven stuff labels with ellipses as objects on them; predictions differ from the truth
by frayed outlines and wrong patches. As PNGs they are about as large as the data set's, so that decoding
them weighs what it weighs there.
"""

import cv2
import numpy as np

STUFF = np.array([0, 4, 7, 8, 11, 13, 17, 20, 21, 22, 23], np.uint8)
OBJECTS = np.array([24, 25, 26, 27, 28, 29, 30, 31, 32, 33], np.uint8)


def make_image(random: np.random.Generator, size: tuple[int, int], objects: int):
    """Make up one image.

    Returns:
        truth uint8 [H, W] of label ids, instances uint16 [H, W], prediction uint8 [H, W] of label ids.
    """
    truth = STUFF[np.argmax([_smooth(random, size, 12) for _ in STUFF], axis=0)]  # [H, W]
    instances = truth.astype(np.uint16)
    for number in range(objects):
        label = int(random.choice(OBJECTS))
        inside = _ellipse(random, size)
        truth[inside] = label
        # every tenth is a group without a number of its own, as in the data set
        instances[inside] = label if number % 10 == 9 else 1000 * label + number
    return truth, instances, _mistaken(random, truth)


def _smooth(random, size, cells):
    """Smooth noise float32 [H, W] with about `cells` bumps in the height."""
    coarse = random.standard_normal((cells, 2 * cells)).astype(np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def _ellipse(random, size):
    height, width = size
    mask = np.zeros(size, np.uint8)
    center = int(random.integers(width)), int(random.integers(height))
    half_width = int(random.integers(1 + width // 500, 2 + width // 20))
    half_height = int(random.integers(1 + height // 150, 2 + height // 11))
    cv2.ellipse(mask, center, (half_width, half_height), float(random.integers(180)), 0, 360, 1, cv2.FILLED)
    return mask.astype(bool)


def _mistaken(random, truth):
    """The truth with outlines frayed by a few pixels, and patches of a wrong label."""
    height, width = truth.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = (axis + 3 * _smooth(random, truth.shape, max(2, height // 10)) for axis in (x, y))
    prediction = cv2.remap(truth, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    prediction[_smooth(random, truth.shape, 30) > 1.6] = random.choice(STUFF)
    return prediction
