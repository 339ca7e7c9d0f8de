"""What is drawn at random for an image in training: its scale, position, flip, light and colour."""

from dataclasses import dataclass

import numpy as np

from data.ranges import STANDARD, Ranges

GREY = np.array([0.299, 0.587, 0.114])  # luma of RGB (ITU-R BT.601)


@dataclass(frozen=True)
class Augmentation:
    """One draw of all random choices, relative to the image so that any size can use it."""

    scale: float  # 1: the image has the size that images are brought to; 2: twice its height and width
    top: float  # position of the window (or of the image in its padding), 0..1
    left: float
    flip: bool
    tables: np.ndarray  # uint8 [256, 1 or 3]: new value of each old one, for all channels or each
    mixing: np.ndarray | None = None  # float [3, 3]: new channels from old ones, before the tables


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random numbers of one image in one epoch, whichever rank, thread or restart asks for them."""
    return np.random.default_rng((seed, epoch, index))


def draw(random: np.random.Generator, ranges: Ranges = STANDARD) -> Augmentation:
    """Draw scale, position, flip and light."""
    scale, top, left = random.uniform(*ranges.scale), random.random(), random.random()
    flip = bool(random.random() < 0.5) and ranges.flip
    tables, mixing = COLORS[ranges.color](random)
    return Augmentation(scale, top, left, flip, tables, mixing)


def no_color(random: np.random.Generator):
    """Colours as they are: (table uint8 [256, 1], no mixing of channels)."""
    return np.arange(256, dtype=np.uint8)[:, None], None


def light_color(random: np.random.Generator):
    """Brightness, contrast, gamma and, in every other image, a tint.

    Returns:
        (table uint8 [256, 1 or 3], no mixing of channels).
    """
    levels = np.linspace(0.0, 1.0, 256)[:, None] ** random.uniform(0.8, 1.25)
    contrast = random.uniform(0.75, 1.25)
    tint = random.uniform(0.9, 1.1, 3) if random.random() < 0.5 else 1.0  # low sun, or an overcast sky
    brightness = random.uniform(-0.1, 0.1)
    values = ((levels - 0.5) * contrast + 0.5) * tint + brightness
    return _table(values), None


def strong_color(random: np.random.Generator):
    """Brightness, contrast, saturation and hue, each of every other image.

    Their ranges are those of SSD's original code (arXiv 1512.02325) and of mmsegmentation: 32 of 255, 0.5 to
    1.5, 0.5 to 1.5, 36 degrees. Saturation and hue are linear in RGB here, so that they are one product.

    Returns:
        (table uint8 [256, 1], mixing [3, 3] or None).
    """
    shift, contrast, saturation, hue = (
        random.uniform(*bounds) if random.random() < 0.5 else usual
        for bounds, usual in (
            ((-32 / 255, 32 / 255), 0.0),
            ((0.5, 1.5), 1.0),
            ((0.5, 1.5), 1.0),
            ((-36, 36), 0.0),
        )
    )
    table = _table((np.linspace(0.0, 1.0, 256)[:, None] + shift) * contrast)
    return table, None if (saturation, hue) == (1.0, 0.0) else mixing_matrix(saturation, hue)


def mixing_matrix(saturation: float, hue: float) -> np.ndarray:
    """The matrix [3, 3] that turns colours by `hue` degrees around the axis of greys, and takes them from it.

    They are `saturation` times as far from it as before. The turn is Rodrigues' formula around (1, 1, 1).
    """
    angle = np.deg2rad(hue)
    axis = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turn = np.cos(angle) * np.eye(3) + (1 - np.cos(angle)) * axis + np.sin(angle) * cross
    grey = np.tile(GREY, (3, 1))
    return (saturation * (np.eye(3) - grey) + grey) @ turn


def _table(values: np.ndarray) -> np.ndarray:
    """New values in 0..1 of the 256 old ones, as bytes."""
    return np.rint(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)


# name -> function that draws (table, mixing of channels or None), as `Augmentation` has them
COLORS = {"none": no_color, "light": light_color, "strong": strong_color}
