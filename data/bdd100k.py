"""BDD100K: drivable area on the 100,000 images, and semantic segmentation on 10,000 images.

The folders are those of its archives, which unpack into `bdd100k/`. Labels are the masks, not the colours.
Source: Yu et al., arXiv 1805.04687; the data set's own description of its formats.
"""

from dataclasses import replace
from pathlib import Path

from data.label_sets import CITYSCAPES, of_train_ids
from data.paired import PairedImages, files_in

DRIVABLE = of_train_ids(
    "bdd100k drivable",
    ("direct", "alternative", "background"),
    ((219, 94, 86), (86, 211, 219), (0, 0, 0)),
)
# the classes of Cityscapes by their train ids
SEMANTIC = replace(
    of_train_ids("bdd100k semantic", CITYSCAPES.names, CITYSCAPES.colors), categories=CITYSCAPES.categories
)


class Bdd100k(PairedImages):
    """What both tasks share: JPEG images, and PNG masks of train ids with 255 for ignored pixels.

    Attributes:
        images_in, masks_in: folders of the splits.
    """

    size = (720, 1280)
    folders = ("", "bdd100k")
    images_in: str
    masks_in: str

    def images(self, split: str) -> list[Path]:
        return files_in(self.home / self.images_in / split, ".jpg")

    def label_of(self, image: Path, split: str) -> Path:
        return self.home / self.masks_in / split / f"{image.stem}.png"


class Bdd100kDrivable(Bdd100k):
    """Drivable area: the own lane, lanes that the car could take, all else."""

    name = "bdd100k-drivable"
    label_set = DRIVABLE
    images_in, masks_in = "images/100k", "labels/drivable/masks"
    marks = (masks_in,)
    cure = "unpack bdd100k_images_100k.zip and bdd100k_drivable_labels_trainval.zip"


class Bdd100kSemantic(Bdd100k):
    """Semantic segmentation in Cityscapes' 19 classes."""

    name = "bdd100k-semantic"
    label_set = SEMANTIC
    images_in, masks_in = "images/10k", "labels/sem_seg/masks"
    marks = (masks_in,)
    cure = "unpack bdd100k_images_10k.zip and bdd100k_sem_seg_labels_trainval.zip"
