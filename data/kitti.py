"""KITTI: the benchmark of semantic segmentation, and that of roads.

The folders are those of data_semantics.zip and data_road.zip, whose pictures are of several sizes. Neither
tells training from validation, so the splits are fixed here.
"""

import re
from pathlib import Path

from data.categories import CATEGORY_SETS
from data.color_labels import Colors, ColorSample
from data.label_sets import CITYSCAPES, IGNORED, of_train_ids
from data.paired import PairedImages, files_in

# The 200 pictures are those of the stereo and flow benchmark of 2015. Their numbers follow the recordings,
# which the mapping in that benchmark's development kit names for 142 of them. These are whole recordings
# between two others that are named, so none has pictures on both sides: 40 pictures.
VALIDATION = (
    range(13, 18),  # 2011_09_26_drive_0011
    range(34, 43),  # 2011_09_26_drive_0015
    range(47, 54),  # 2011_09_26_drive_0018
    range(62, 70),  # 2011_09_26_drive_0028
    range(112, 118),  # 2011_09_26_drive_0057
    range(144, 149),  # 2011_09_26_drive_0101
)
# Which recordings the road pictures are of is not published. Neighbours may be of one, so validation takes
# the last fifth of each kind: um (marked), umm (marked, several lanes), uu (unmarked), 57 of 289 pictures.
FIRST_FOR_VALIDATION = {"um": 76, "umm": 77, "uu": 79}

ROAD = of_train_ids("kitti road", ("road", "other"), ((255, 0, 255), (255, 0, 0)))
LANE = of_train_ids("kitti lane", ("lane", "other"), ((255, 0, 255), (255, 0, 0)))
ROAD_COLORS: Colors = (((255, 0, 255), 0), ((255, 0, 0), 1), ((0, 0, 0), IGNORED))  # black: not judged


class Kitti(PairedImages):
    """The semantic benchmark: `training/image_2` and `training/semantic`, of Cityscapes' label ids."""

    name = "kitti"
    label_set, label_sets = CITYSCAPES, CATEGORY_SETS
    size = (375, 1242)
    folders = ("", "data_semantics")
    marks = ("training/semantic",)
    cure = "unpack data_semantics.zip"

    def images(self, split: str) -> list[Path]:
        folder = self.home / ("testing" if split == "test" else "training") / "image_2"
        # other benchmarks of KITTI, which some unpack into the same folder, have images of other names there
        found = [path for path in files_in(folder, ".png") if re.fullmatch(r"\d{6}_10", path.stem)]
        if split == "test":
            return found
        return [path for path in found if _is_validation(path) == (split == "val")]

    def label_of(self, image: Path, split: str) -> Path:
        return image.parents[1] / "semantic" / image.name


class KittiRoad(PairedImages):
    """The road benchmark: `training/gt_image_2` in colours, road or, as `classes` lane, the own lane."""

    name = "kitti-road"
    label_set, label_sets = ROAD, {"lane": LANE}
    size = (375, 1242)
    folders = ("", "data_road")
    marks = ("training/gt_image_2",)
    cure = "unpack data_road.zip"

    @property
    def _kind(self) -> str:
        return "lane" if self.label_set == LANE else "road"

    def images(self, split: str) -> list[Path]:
        folder = self.home / ("testing" if split == "test" else "training") / "image_2"
        kinds = "um" if self._kind == "lane" else "um|umm|uu"  # the own lane is labelled in these alone
        found = [path for path in files_in(folder, ".png") if re.fullmatch(rf"({kinds})_\d{{6}}", path.stem)]
        if split == "test":
            return found
        return [path for path in found if _is_road_validation(path) == (split == "val")]

    def label_of(self, image: Path, split: str) -> Path:
        kind, number = image.stem.split("_")
        return image.parents[1] / "gt_image_2" / f"{kind}_{self._kind}_{number}.png"

    def is_label(self, path: Path) -> bool:
        return f"_{self._kind}_" in path.name

    def sample(self, image: Path, label: Path | None) -> ColorSample:
        return ColorSample(image, label, self.label_set, colors=ROAD_COLORS)


def _is_validation(image: Path) -> bool:
    """Of the semantic benchmark, by the number in `000013_10.png`."""
    number = int(image.stem.split("_")[0])
    return any(number in numbers for numbers in VALIDATION)


def _is_road_validation(image: Path) -> bool:
    """Of the road benchmark, by kind and number in `umm_000013.png`."""
    kind, number = image.stem.split("_")
    return int(number) >= FIRST_FOR_VALIDATION[kind]
