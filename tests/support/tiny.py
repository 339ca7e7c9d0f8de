"""Tiny data sets in the Cityscapes layout, written in milliseconds, and real data where a machine has it."""

from pathlib import Path

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels

from data import png
from data.label_sets import CITYSCAPES

REPO = Path(__file__).resolve().parents[2]
CAMVID = REPO.parent / "shared" / "camvid"
TRAIN = (REPO / "tests" / "support" / "with_toy.py", "train.py")  # where the network of `toy.py` is known
CELLS = 12  # regions of one class each in an image
LABELS = sorted((label for label in labels if label.id >= 0), key=lambda label: label.id)  # row = label id
COLORS = np.array([label.color for label in LABELS], np.uint8)  # [34, 3]
HAS_INSTANCES = np.array([label.hasInstances for label in LABELS])  # [34]


def tiny_dataset(root, train=4, val=2, size=(64, 128), seed=0, instances=True) -> Path:
    """Write `train` and `val` images of `size` (height, width) under `root` and return it as a Path.

    Labels are random regions of label ids, void among them; an image's colours are its labels' plus
    noise, so that a network can learn them. With `instances` each region of a countable class is one
    object in an instanceIds file. The same seed gives the same files.
    """
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            image, label, instance = _scene(rng, size)
            stem = f"tinytown_{number:06d}_000019"
            write_pair(root, split, stem, image, label, instance if instances else None)
    return Path(root)


def write_pair(root, split, stem, image, label, instance=None, kind="gtFine") -> tuple[Path, Path]:
    """Write image [H, W, 3], label ids [H, W] and, if given, instance ids; return the first two paths."""
    city = stem.split("_")[0]
    image_folder, label_folder = (Path(root) / top / split / city for top in ("leftImg8bit", kind))
    image_folder.mkdir(parents=True, exist_ok=True)
    label_folder.mkdir(parents=True, exist_ok=True)
    image_path = image_folder / f"{stem}_leftImg8bit.png"
    label_path = label_folder / f"{stem}_{kind}_labelIds.png"
    png.write(image_path, image)
    png.write(label_path, label)
    if instance is not None:
        png.write(label_folder / f"{stem}_{kind}_instanceIds.png", instance)
    return image_path, label_path


def _scene(rng, size):
    """Image uint8 [H, W, 3], label ids uint8 [H, W], instance ids uint16 [H, W] of random regions."""
    height, width = size
    cells = rng.integers(0, [height, width], (CELLS, 2))
    ids = rng.choice([*CITYSCAPES.file_values, 0], CELLS)
    y, x = np.mgrid[:height, :width]
    distance = (y - cells[:, 0, None, None]) ** 2 + (x - cells[:, 1, None, None]) ** 2  # [CELLS, H, W]
    cell = distance.argmin(0)
    label = ids[cell].astype(np.uint8)
    instance = np.where(HAS_INSTANCES[label], label * np.uint16(1000) + cell, label).astype(np.uint16)
    noise = rng.integers(-20, 21, (height, width, 3))
    image = np.clip(COLORS[label].astype(np.int64) + noise, 0, 255).astype(np.uint8)
    return image, label, instance


def camvid() -> Path:
    """The folder of CamVid in the Cityscapes layout; skips the test on machines without it."""
    if not CAMVID.is_dir():
        pytest.skip(f"no CamVid at {CAMVID}")
    return CAMVID
