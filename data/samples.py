"""What every data set has: samples, pairs of an image and its label, sorted into splits."""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data import jpeg, png
from data.label_sets import LabelSet
from data.verify import Plan

JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True)
class Sample:
    """One image of a split and how it is decoded; `label` is None where only images are asked for.

    What is here fits images in PNG or JPEG and labels in 8-bit grey PNG that hold the file values of the
    label set. A data set that stores them otherwise has a kind of its own.
    """

    image: Path
    label: Path | None
    label_set: LabelSet = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """What results of this image are called."""
        return self.image.stem

    @property
    def folder(self) -> str:
        """Folder of the results, relative to that of the split's."""
        return ""

    @property
    def holds_train_ids(self) -> bool:
        """Whether the label file holds train ids instead of the label set's file values."""
        return False

    @property
    def fine(self) -> bool:
        """Whether the label was drawn with care, so that an empty one is worth a remark."""
        return True

    @property
    def instances(self) -> Path | None:
        """The file of instances in Cityscapes' coding beside the label, where it exists."""
        return None

    def decode_image(self) -> np.ndarray:
        """Decode the image to uint8 RGB [H, W, 3].

        Raises:
            UserError: unreadable, damaged, or not of 8-bit colours; the message names the file.
        """
        return (jpeg if self.image.suffix.lower() in JPEG else png).decode_image(self.image)

    def decode_label(self) -> np.ndarray:
        """Decode the label to uint8 [H, W] as it is stored, see `to_train_ids`.

        Raises:
            UserError: unreadable, damaged, no label map, or a value that the label set does not know.
        """
        label = png.decode_labels(self.label)
        self.label_set.require_known(label, self.label, self.holds_train_ids)
        return label

    @property
    def to_train_ids(self) -> np.ndarray:
        """The table that turns what `decode_label` returns into train ids, uint8 [256]."""
        return self.label_set.train_to_train if self.holds_train_ids else self.label_set.file_to_train

    def train_ids(self) -> np.ndarray:
        """Decode the label to train ids, uint8 [H, W]; errors are those of `decode_label`."""
        return self.to_train_ids[self.decode_label()]

    def decode(self) -> tuple[np.ndarray, np.ndarray]:
        """Decode both and compare their sizes; returns what `decode_image` and `decode_label` do."""
        image, label = self.decode_image(), self.decode_label()
        png.require_equal_size(image.shape[:2], self.image, label.shape, self.label)
        return image, label

    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels, by the image's header.

        Raises:
            UserError: unreadable, or not of 8-bit colours.
        """
        if self.image.suffix.lower() in JPEG:
            return jpeg.size(self.image)
        found = png.header(self.image)
        png.require_image(found, self.image)
        return found.size

    def label_size(self) -> tuple[int, int]:
        """(height, width) in pixels, by the label's header.

        Raises:
            UserError: unreadable, or no label map.
        """
        found = png.header(self.label)
        png.require_labels(found, self.label)
        return found.size


class DataSet(ABC):
    """A folder of images and labels, recognised and opened by `data.datasets`.

    Attributes:
        name: of the data set.
        label_set: its classes.
        size: (height, width) that its images usually have, in pixels.
        root: the folder.
    """

    name: str
    label_set: LabelSet
    size: tuple[int, int]

    def __init__(self, root: Path):
        self.root = Path(root)

    @classmethod
    @abstractmethod
    def is_at(cls, root: Path) -> bool:
        """Whether a folder is one of this kind, by the folders in it.

        Raises:
            PermissionError: it may not be read.
        """

    @abstractmethod
    def splits(self) -> list[str]:
        """The splits that are there.

        Raises:
            UserError: the folder may not be read.
        """

    @abstractmethod
    def labelled(self, split: str, coarse: bool = False) -> list[Sample]:
        """Sorted pairs of a split, of coarse labels where the data set has those.

        Raises:
            UserError: no such split, an empty one, or an image without its label.
        """

    @abstractmethod
    def unlabelled(self, split: str) -> list[Sample]:
        """Sorted images of a split, whose labels do not matter; errors are those of `labelled`."""

    @abstractmethod
    def plan(self, coarse: bool = False) -> Plan:
        """What `data.verify.check` has to decode, and what the folders alone show; no file is opened."""

    def training(self, coarse: bool = False) -> list[Sample]:
        """The images to train on."""
        return self.labelled("train", coarse)

    def validation(self, coarse: bool = False) -> list[Sample]:
        """The images to score."""
        return self.labelled("val", coarse)


def require_sound_headers(samples: list[Sample]) -> None:
    """Compare formats and sizes of all pairs by their headers, in parallel and without decoding.

    Raises:
        UserError: a file is missing or of another kind, a grey or 16-bit image, a pair of different sizes.
    """
    with ThreadPoolExecutor(16) as pool:  # waiting for the file system, not for a processor
        for _ in pool.map(_require_sound_pair, samples):
            pass


def _require_sound_pair(sample: Sample) -> None:
    image, label = sample.image_size(), sample.label_size()
    png.require_equal_size(image, sample.image, label, sample.label)
