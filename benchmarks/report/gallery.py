"""The same images as several models see them, one model after the other or side by side."""

import json
import re
from pathlib import Path

import cv2
import numpy as np

from benchmarks.report.page_parts import Image, Section, significant
from benchmarks.report.ranking import fastest, groups
from benchmarks.report.rows import Speed
from common.errors import UserError
from data import png
from data.label_sets import CITYSCAPES

MOST = 6  # images shown, spread over all that every folder has
WIDTH, QUALITY = 640, 80  # CSS pixels, JPEG
KINDS = ("overlay", "color", "labelIds")  # folders that predict.py and evaluate.py write, best first
SUFFIX = re.compile(r"_(leftImg8bit|overlay|color|labelIds|gt(Fine|Coarse)_(color|labelIds))$")
OTHERS = re.compile(r"_(instanceIds|labelTrainIds|entropy|mutualInformation)$")


def section(sources: dict[str, Path], speeds: list[Speed]) -> Section:
    """Rows of images that every source has; models whose speed is known come last, from the slowest.

    Args:
        sources: name -> results folder of `predict.py` or `evaluate.py`, or any folder of PNG images. A speed
            is known by the weights that `evaluate.py` wrote down, else by the model's name.
        speeds: of the report.

    Raises:
        UserError: a folder without images, or no image that all of them have.
    """
    found = Section(
        "pictures",
        "The same images through each model",
        "Classes in the data set's colours; models from the slowest to the fastest.",
        switchable=True,
        lacking="" if sources else "python benchmark.py report --pictures NAME=FOLDER NAME=FOLDER",
    )
    rates = {name: _rate(name, folder, speeds) for name, folder in sources.items()}
    ordered = sorted(sources, key=lambda name: rates[name] or 0)
    titles = {
        name: f"{name}, {significant(rates[name])} images/s" if rates[name] else name for name in ordered
    }
    files = {titles[name]: _images(sources[name]) for name in ordered}
    shared = sorted(set.intersection(*map(set, files.values()))) if files else []
    if files and not shared:
        raise UserError(f"no image is in all of {', '.join(map(str, sources.values()))}; see `pictures`")
    for number in range(min(MOST, len(shared))):
        stem = shared[number * len(shared) // min(MOST, len(shared))]
        found.strips.append((stem, [embedded(name, files[name][stem]) for name in files]))
    return found


def _rate(name: str, folder: Path, speeds: list[Speed]) -> float | None:
    """Images per second of a source, by its fastest runtime in the report's first group that has it."""
    weights = _scored_weights(folder)
    found = [row for row in speeds if row.rate and (row.weights == weights if weights else row.model == name)]
    for rows in groups(found).values():
        return fastest(rows).rate.median
    return None


def _scored_weights(folder: Path) -> str | None:
    """The SHA-256 that `evaluate.py` wrote down."""
    try:
        return json.loads((folder / "scores.json").read_text()).get("weightsSha256")
    except (OSError, ValueError, AttributeError):
        return None


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
