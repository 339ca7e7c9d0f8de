"""The same images as several models see them, side by side."""

import re
from pathlib import Path

import cv2
import numpy as np

from benchmarks.report.page_parts import Image, Section
from common.errors import UserError
from data import png
from data.label_sets import CITYSCAPES

MOST = 6  # images shown, spread over all that every folder has
WIDTH, QUALITY = 400, 80  # CSS pixels, JPEG
KINDS = ("overlay", "color", "labelIds")  # folders that predict.py and evaluate.py write, best first
SUFFIX = re.compile(r"_(leftImg8bit|overlay|color|labelIds|gt(Fine|Coarse)_(color|labelIds))$")
OTHERS = re.compile(r"_(instanceIds|labelTrainIds|entropy|mutualInformation)$")


def section(sources: dict[str, Path]) -> Section:
    """Rows of images that every source has.

    Args:
        sources: name -> results folder of `predict.py` or `evaluate.py`, or any folder of PNG images.

    Raises:
        UserError: a folder without images, or no image that all of them have.
    """
    found = Section(
        "pictures",
        "The same images, side by side",
        "Classes in the data set's colours.",
        lacking="" if sources else "python benchmark.py report --pictures NAME=FOLDER NAME=FOLDER",
    )
    files = {name: _images(folder) for name, folder in sources.items()}
    shared = sorted(set.intersection(*map(set, files.values()))) if files else []
    if files and not shared:
        raise UserError(f"no image is in all of {', '.join(map(str, sources.values()))}; see `pictures`")
    for number in range(min(MOST, len(shared))):
        stem = shared[number * len(shared) // min(MOST, len(shared))]
        found.strips.append((stem, [embedded(name, files[name][stem]) for name in files]))
    return found


def _images(folder: Path) -> dict[str, Path]:
    """Stem of the image -> file."""
    chosen = next((folder / kind for kind in KINDS if (folder / kind).is_dir()), folder)
    paths = sorted(path for path in chosen.rglob("*.png") if not OTHERS.search(path.stem))
    labels = {SUFFIX.sub("", path.stem): path for path in paths}
    if not labels:
        raise UserError(f"no PNG images in {folder}; give `pictures` NAME=FOLDER of predict.py's results")
    return labels


def embedded(title: str, path: Path, width: int = WIDTH) -> Image:
    """An image as JPEG of at most that width; maps of label ids in the data set's colours.

    Raises:
        UserError: it cannot be decoded.
    """
    if path.stem.endswith("_labelIds"):
        labels = png.decode_labels(path)
        CITYSCAPES.require_known(labels, path)
        image = CITYSCAPES.colorize(CITYSCAPES.file_to_train[labels])
    else:
        image = png.decode_image(path)
    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    if image.shape[1] > width:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return Image(title, jpeg.tobytes())
