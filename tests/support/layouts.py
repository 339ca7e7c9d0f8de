"""Tiny data sets in the layouts that `data/` knows, by their published descriptions; one entry a kind.

Images are their labels' values in grey, plus noise, so that each file is another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiny import write_pair

SIZE = (32, 64)


@dataclass(frozen=True)
class Kind:
    """How such a data set is written, and the names of its classes to try; "" is its usual ones."""

    write: Callable[[Path], Path]
    classes: tuple[str, ...] = ("",)


def label_of(values, random, size=SIZE) -> np.ndarray:
    """A label map uint8 [H, W] of blocks, in which each of the values occurs."""
    height, width = size
    cells = np.resize(random.permutation(np.array(values, np.uint8)), (height // 4 + 1, width // 4 + 1))
    return cells.repeat(4, 0).repeat(4, 1)[:height, :width]


def image_of(label, random) -> np.ndarray:
    """RGB [H, W, 3] in which the values of a label map can be told apart."""
    grey = label.astype(np.int64)[..., None] * 7 % 200 + random.integers(0, 40, (*label.shape, 3))
    return grey.astype(np.uint8)


def cityscapes(root: Path) -> Path:
    """`leftImg8bit` and `gtFine` with all 34 label ids."""
    random = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2)):
        for number in range(count):
            label = label_of(range(34), random)
            instance = label.astype(np.uint16)
            write_pair(root, split, f"town_{number:06d}_000019", image_of(label, random), label, instance)
    return root


KINDS = {"cityscapes": Kind(cityscapes, ("categories", "categories+void"))}
