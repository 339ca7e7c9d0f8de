"""Tiny data sets in the layouts that `data/` knows, by their published descriptions; one entry a kind.

Images are their labels' values in grey, plus noise, so that each file is another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from data import png
from data.camvid import ORIGINAL
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


def kitti(root: Path) -> Path:
    """data_semantics.zip: label ids, images of two sizes; 13 and 47 are of validation, 12, 18, 46 beside."""
    random = np.random.default_rng(1)
    for number, size in ((12, SIZE), (18, SIZE), (46, (30, 62)), (13, SIZE), (47, (30, 62))):
        label = label_of(range(34), random, size)
        write_image(root / "training" / "image_2" / f"{number:06d}_10.png", image_of(label, random))
        write_image(root / "training" / "semantic" / f"{number:06d}_10.png", label)
    write_image(root / "testing" / "image_2" / "000000_10.png", image_of(label, random))
    return root


ROAD_COLORS = np.array([(255, 0, 255), (255, 0, 0), (0, 0, 0)], np.uint8)  # road, other, not judged


def kitti_road(root: Path) -> Path:
    """data_road.zip: colours, the own lane of `um` pictures beside their roads."""
    random, training = np.random.default_rng(2), root / "data_road" / "training"
    for name in ("um_000000", "um_000001", "um_000080", "umm_000003", "uu_000079"):
        kind, number = name.split("_")
        label = label_of(range(3), random)
        write_image(training / "image_2" / f"{name}.png", image_of(label * 9, random))
        write_image(training / "gt_image_2" / f"{kind}_road_{number}.png", ROAD_COLORS[label])
        if kind == "um":
            write_image(training / "gt_image_2" / f"um_lane_{number}.png", ROAD_COLORS[label.clip(0, 1)])
    write_image(root / "data_road" / "testing" / "image_2" / "um_000000.png", image_of(label, random))
    return root


CAMVID_COLORS = np.array(list(ORIGINAL.values()), np.uint8)  # [32, 3]


CAMVID_NAMES = {
    "train": ("0001TP_008520", "0006R0_f00930", "0016E5_08190"),
    "val": ("0016E5_07959", "0016E5_08159"),
    "test": ("0001TP_008550", "Seq05VD_f00000"),
}


BDD100K_NAMES = {
    "train": ("0000f77c-6257be58", "0000f77c-62c2a288", "0000f77c-cb820c98"),
    "val": ("b1c66a42-6f7d68ca", "b1c81faa-3df17267"),
    "test": ("cabc30fc-e7726578",),
}


def camvid(root: Path) -> Path:
    """The SegNet tutorial's folders: values 0 to 11."""
    random = np.random.default_rng(3)
    for split, names in CAMVID_NAMES.items():
        for name in names:
            label = label_of(range(12), random)
            write_image(root / "CamVid" / split / f"{name}.png", image_of(label * 2, random))
            write_image(root / "CamVid" / f"{split}annot" / f"{name}.png", label)
    return root


def camvid_colors(root: Path) -> Path:
    """The original archives: all pictures in one folder, labels of 32 colours in another."""
    random = np.random.default_rng(4)
    for name in (name for names in CAMVID_NAMES.values() for name in names):
        label = label_of(range(32), random)
        write_image(root / "701_StillsRaw_full" / f"{name}.png", image_of(label, random))
        write_image(root / "LabeledApproved_full" / f"{name}_L.png", CAMVID_COLORS[label])
    return root


def camvid_sorted(root: Path) -> Path:
    """The colours sorted into splits, as some pass them on."""
    random = np.random.default_rng(5)
    for split, names in CAMVID_NAMES.items():
        for name in names:
            label = label_of(range(32), random)
            write_image(root / split / f"{name}.png", image_of(label, random))
            write_image(root / f"{split}_labels" / f"{name}_L.png", CAMVID_COLORS[label])
    return root


def bdd100k_drivable(root: Path) -> Path:
    """Images of the 100,000 and masks of drivable area, in the archives' folder `bdd100k`."""
    return _bdd100k(root, "100k", "drivable", (0, 1, 2))


def bdd100k_semantic(root: Path) -> Path:
    """Images of the 10,000 and masks of train ids."""
    return _bdd100k(root, "10k", "sem_seg", (*range(19), 255))


def _bdd100k(root: Path, images: str, task: str, values) -> Path:
    random, home = np.random.default_rng(6), root / "bdd100k"
    for split, names in BDD100K_NAMES.items():
        for name in names:
            label = label_of(values, random, (36, 64))  # of 720x1280
            write_image(home / "images" / images / split / f"{name}.jpg", image_of(label, random))
            if split != "test":
                write_image(home / "labels" / task / "masks" / split / f"{name}.png", label)
                color = np.repeat(
                    label[..., None], 3, axis=2
                )  # beside the masks, and not to be taken for them
                write_image(home / "labels" / task / "colormaps" / split / f"{name}.png", color)
    return root


OWN_VALUES = """
images = "photos"
labels = "masks"
ignore = [0]

[classes]
road = { value = 1, color = [128, 64, 128] }
grass = { value = [2, 3], color = [0, 160, 0] }
"garden gnome" = { value = 9 }
"""
OWN_COLORS = """
ignore = [[255, 255, 255]]
validation = 3

[classes]
road = { color = [0, 0, 0] }
grass = { color = [0, 160, 0] }
"""
GREENS = np.array([(0, 0, 0), (0, 160, 0), (255, 255, 255)], np.uint8)


def own_values(root: Path) -> Path:
    """A folder of one's own: JPEG and PNG images of several sizes, labels of a palette and grey ones."""
    random = np.random.default_rng(7)
    for number, size in enumerate((SIZE, (31, 65), SIZE, (40, 30), SIZE, SIZE)):
        label = label_of((0, 1, 2, 3, 9), random, size)
        write_image(
            root / "photos" / f"a{number}.{('jpg', 'png', 'JPEG')[number % 3]}", image_of(label, random)
        )
        path = root / "masks" / f"a{number}.png"
        path.parent.mkdir(exist_ok=True)
        image = Image.fromarray(label)
        if number % 2:
            image.putpalette(random.integers(0, 256, 768).tolist())
        image.save(path)
    (root / "classes.toml").write_text(OWN_VALUES)
    return root


def own_colors(root: Path) -> Path:
    """The same with labels in the classes' colours."""
    random = np.random.default_rng(8)
    for number in range(5):
        label = label_of((0, 1, 2), random)
        write_image(root / "images" / f"a{number}.png", image_of(label * 9, random))
        write_image(root / "labels" / f"a{number}.png", GREENS[label])
    (root / "classes.toml").write_text(OWN_COLORS)
    return root


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write a PNG, or a JPEG by the ending, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        png.write(path, pixels)
    else:
        path.write_bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=90))


KINDS = {
    "cityscapes": Kind(cityscapes, ("categories", "categories+void")),
    "kitti": Kind(kitti, ("", "categories")),
    "kitti-road": Kind(kitti_road, ("", "lane")),
    "camvid": Kind(camvid),
    "camvid-colors": Kind(camvid_colors),
    "bdd100k-drivable": Kind(bdd100k_drivable),
    "bdd100k-semantic": Kind(bdd100k_semantic),
    "folder": Kind(own_values),
    "folder-colors": Kind(own_colors),
}
