"""Which classes a PyTorch file is of: the names it brings, else Cityscapes for 19, else numbers."""

import re

from common.errors import UserError
from data.label_sets import CITYSCAPES, LabelSet, numbered, of_train_ids
from models.weights.torch_files import Content

LONGEST_NAME = 64  # characters


def label_set(content: Content, classes: int, path) -> LabelSet:
    """The label set of a network with so many classes.

    Names and colours are a stranger's: unless they are sound, and as many as the classes, they do not count.

    Raises:
        UserError: more classes than a label file can hold.
    """
    names, colors = _names(content), _colors(content)
    if names is not None and len(names) == classes and all(map(_sound, names)):
        if tuple(names) == CITYSCAPES.names:
            return CITYSCAPES
        for palette in (colors, None):
            try:
                return of_train_ids(path.stem, names, palette)
            except ValueError:  # twice the same name, or no colours
                continue
    if classes == CITYSCAPES.classes:
        return CITYSCAPES
    try:
        return numbered(classes)
    except ValueError as error:
        raise UserError(f"{path} has {classes} classes, label files hold 254; use another one") from error


def _names(content: Content) -> list | None:
    """Of mmsegmentation 1.x, of 0.x, or of the hub's config.json, unless these are `LABEL_0` and so on."""
    meta = content.meta
    described = meta.get("dataset_meta")
    found = described.get("classes") if isinstance(described, dict) else meta.get("CLASSES")
    if isinstance(found, (list, tuple)):
        return list(found)
    labels = content.config.get("id2label")
    if not isinstance(labels, dict):
        return None
    names = [labels.get(str(number)) for number in range(len(labels))]
    return None if all(re.fullmatch(r"LABEL_\d+", str(name)) for name in names) else names


def _colors(content: Content) -> list | None:
    described = content.meta.get("dataset_meta")
    found = described.get("palette") if isinstance(described, dict) else content.meta.get("PALETTE")
    if not isinstance(found, (list, tuple)) or not all(isinstance(color, (list, tuple)) for color in found):
        return None
    return [tuple(color) for color in found]


def _sound(name) -> bool:
    return isinstance(name, str) and name.isprintable() and 0 < len(name.strip()) <= LONGEST_NAME
