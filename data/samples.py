"""What every data set has: samples, pairs of an image and its label, sorted into splits."""

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from common.errors import UserError
from data import jpeg, png
from data.label_sets import RESTORE, LabelSet
from data.verify import Plan

JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True)
class Sample:
    """One image of a split and how it is decoded; `label` is None where only images are asked for.

    What is here fits images in PNG or JPEG and labels in 8-bit PNG, grey or of a palette, that hold the file
    values of the label set. A data set that stores them otherwise has a kind of its own.
    """

    image: Path
    label: Path | None
    label_set: LabelSet = field(repr=False, compare=False)
    cure: str = field(
        default=RESTORE, repr=False, compare=False, kw_only=True
    )  # of values that are not known
    cure_of_kind: str = field(
        default=png.OWN_FILE, repr=False, compare=False, kw_only=True
    )  # of a label that is no label map

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

    @property
    def coding(self) -> str:
        """What `decode_label` depends on beside the file, for caches; empty: nothing."""
        return ""

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
        label = png.decode_labels(self.label, self.cure_of_kind)
        self.label_set.require_known(label, self.label, self.holds_train_ids, self.cure)
        return label

    @property
    def to_train_ids(self) -> np.ndarray:
        """The table that turns what `decode_label` returns into train ids, uint8 [256]."""
        return self.label_set.train_to_train if self.holds_train_ids else self.label_set.file_to_train

    @property
    def to_scored_ids(self) -> np.ndarray:
        """The same where answers are scored: what no score counts is ignored, uint8 [256]."""
        return self.label_set.train_to_train if self.holds_train_ids else self.label_set.file_to_scored

    def train_ids(self) -> np.ndarray:
        """Decode the label to train ids, uint8 [H, W]; errors are those of `decode_label`."""
        return self.to_train_ids[self.decode_label()]

    def scored_ids(self) -> np.ndarray:
        """The same with `to_scored_ids`."""
        return self.to_scored_ids[self.decode_label()]

    def decode(self) -> tuple[np.ndarray, np.ndarray]:
        """Decode both and compare their sizes; returns what `decode_image` and `decode_label` do."""
        image, label = self.decode_image(), self.decode_label()
        png.require_equal_size(image.shape[:2], self.image, label.shape, self.label)
        return image, label

    def open(self) -> tuple[np.ndarray | jpeg.Encoded, np.ndarray]:
        """As `decode`, but a JPEG image is decoded when it is indexed, `image[rows, columns]`, in part."""
        if self.image.suffix.lower() not in JPEG:
            return self.decode()
        image, label = jpeg.Encoded(self.image), self.decode_label()
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
        png.require_labels(found, self.label, self.cure_of_kind)
        return found.size


class DataSet(ABC):
    """A folder of images and labels, recognised and opened by `data.datasets`.

    Attributes:
        name: of the data set, as `--dataset` takes it.
        label_set: its classes.
        label_sets: other classes that its labels can be read as, by the name that `--classes` takes.
        size: (height, width) that its images usually have, in pixels.
        root: the folder.

    Args:
        root: the folder.
        classes: a name of `label_sets`; None: its usual classes.

    Raises:
        UserError: no such name.
    """

    name: str
    label_set: LabelSet
    label_sets: ClassVar[dict[str, LabelSet]] = {}
    size: tuple[int, int]

    def __init__(self, root: Path, classes: str | None = None):
        self.root = Path(root)
        self.classes = classes
        if classes is not None:
            if classes not in self.label_sets:
                others = f"give {' or '.join(self.label_sets)}, or " if self.label_sets else ""
                usual = f"leave `classes` out for its {self.label_set.classes}"
                raise UserError(f"{self.name} has no `classes` {classes}; {others}{usual}")
            self.label_set = self.label_sets[classes]

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

    def for_model(self, label_set: LabelSet) -> "DataSet":
        """The data set with those of its classes that a model has; itself where it has none of these."""
        if label_set.names == self.label_set.names:
            return self
        fitting = (name for name, other in self.label_sets.items() if other.names == label_set.names)
        classes = next(fitting, None)
        return type(self)(self.root, classes) if classes else self

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
