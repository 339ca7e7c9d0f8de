"""The Cityscapes label table as arrays, from `cityscapesscripts.helpers.labels`.

Three numberings meet here. *Label ids* (0..33) are what the data set's files and the benchmark server
use. *Train ids* (0..18) are the 19 scored classes, the model's output channels. 255 is "ignored".
"""

import numpy as np
from cityscapesscripts.helpers.labels import labels

IGNORED = 255
CLASSES = sorted((label for label in labels if 0 <= label.trainId < IGNORED), key=lambda label: label.trainId)
CLASS_NAMES = tuple(label.name for label in CLASSES)
CLASS_COUNT = len(CLASSES)  # 19
HIGHEST_LABEL_ID = max(label.id for label in labels)  # 33; ids are contiguous from 0


def _label_to_train() -> np.ndarray:
    table = np.full(256, IGNORED, np.uint8)
    for label in labels:
        if label.id >= 0:
            table[label.id] = label.trainId if 0 <= label.trainId < IGNORED else IGNORED
    return table


def _train_to_label() -> np.ndarray:
    table = np.zeros(256, np.uint8)  # ignored pixels become label id 0, "unlabeled"
    for label in CLASSES:
        table[label.trainId] = label.id
    return table


def _palette() -> np.ndarray:
    colors = np.zeros((256, 3), np.uint8)  # ignored pixels are black
    for label in CLASSES:
        colors[label.trainId] = label.color
    return colors


LABEL_TO_TRAIN = _label_to_train()  # [256] label id -> train id or IGNORED
TRAIN_TO_LABEL = _train_to_label()  # [256] train id -> label id
TRAIN_TO_TRAIN = np.where(np.arange(256) < CLASS_COUNT, np.arange(256), IGNORED).astype(np.uint8)
PALETTE = _palette()  # [256, 3] train id -> RGB


def colorize(train_ids: np.ndarray) -> np.ndarray:
    """The class map [..., H, W] of train ids as an RGB image [..., H, W, 3] in the data set's colours."""
    return PALETTE[train_ids]
