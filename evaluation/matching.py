"""Which written prediction belongs to which image."""

import os
from pathlib import Path

from common.errors import UserError
from data.samples import Sample

LABEL_FOLDER = "labelIds"  # where predict.py puts label images, beside color/ and overlay/


def label_folder(folder: Path) -> Path:
    """The folder that holds the label images: FOLDER/labelIds if there is one, else FOLDER.

    Raises:
        UserError: no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"no predictions at {folder}: the folder does not exist; write them with predict.py")
    return folder / LABEL_FOLDER if (folder / LABEL_FOLDER).is_dir() else folder


def find_predictions(folder: Path, samples: list[Sample]) -> list[Path]:
    """Find each sample's prediction, `<name>*.png` anywhere below `folder`, in the order of `dropout_passes`.

    For a Cityscapes name this is the official pattern `<city>_<sequence>_<frame>*.png`. Where one
    sample's name begins with another's, a file belongs to the longest name, and `frame_10.png` never
    to `frame_1`.

    Raises:
        UserError: a sample has no prediction, or more than one.
    """
    folder = label_folder(folder)
    found = {sample.name: [] for sample in samples}
    for place, _, files in os.walk(folder):
        for file in files:
            name = _owner(file, found) if file.endswith(".png") else None
            if name is not None:
                found[name].append(Path(place) / file)
    for name, paths in found.items():
        if not paths:
            raise UserError(f"no prediction for {name}: {folder} has no {name}*.png; run predict.py")
        if len(paths) > 1:
            first, second = sorted(paths)[:2]
            raise UserError(f"{len(paths)} predictions for {name}: {first} and {second}; keep one of them")
    return [found[sample.name][0] for sample in samples]


def _owner(file, names):
    """The longest of `names` that the file's name begins with, or None."""
    stem = file.removesuffix(".png")
    for end in range(len(stem), 0, -1):
        if stem[:end] in names and not stem[end : end + 1].isdigit():
            return stem[:end]
    return None
