"""CamVid, 701 pictures of five drives, in 11 classes: the layout of the SegNet tutorial, or the 32 colours.

The 11 classes group the original 32 as SegNet does (arXiv 1511.00561): the tutorial's label files hold them,
11 for none of them; those of 32 colours are translated. The split into 367, 101 and 233 pictures is the
tutorial's.
Source: Brostow et al., "Semantic object classes in video", Pattern Recognition Letters 30 (2009).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from data.color_labels import Colors, ColorSample
from data.label_sets import IGNORED, LabelSet
from data.paired import PairedImages, files_in
from data.samples import Sample

ORIGINAL = {  # the 32 classes and their colours
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Wall": (64, 192, 0),
    "Bridge": (0, 128, 64),
    "Tunnel": (64, 0, 64),
    "Archway": (192, 0, 128),
    "Column_Pole": (192, 192, 128),
    "TrafficCone": (0, 0, 64),
    "Road": (128, 64, 128),
    "LaneMkgsDriv": (128, 0, 192),
    "LaneMkgsNonDriv": (192, 0, 64),
    "Sidewalk": (0, 0, 192),
    "ParkingBlock": (64, 192, 128),
    "RoadShoulder": (128, 128, 192),
    "Tree": (128, 128, 0),
    "VegetationMisc": (192, 192, 0),
    "SignSymbol": (192, 128, 128),
    "Misc_Text": (128, 128, 64),
    "TrafficLight": (0, 64, 64),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "SUVPickupTruck": (64, 128, 192),
    "Truck_Bus": (192, 128, 192),
    "Train": (192, 64, 128),
    "OtherMoving": (128, 64, 64),
    "Pedestrian": (64, 64, 0),
    "Child": (192, 128, 64),
    "CartLuggagePram": (64, 0, 192),
    "Animal": (64, 128, 64),
    "Bicyclist": (0, 128, 192),
    "MotorcycleScooter": (192, 0, 192),
    "Void": (0, 0, 0),
}
GROUPS = {  # the 11 classes in the order of the tutorial's values, each in the colour of its first part
    "sky": ("Sky",),
    "building": ("Building", "Wall", "Bridge", "Tunnel", "Archway"),
    "pole": ("Column_Pole", "TrafficCone"),
    "road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "tree": ("Tree", "VegetationMisc"),
    "sign symbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "fence": ("Fence",),
    "car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
    "bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
VOID = len(GROUPS)  # 11
CAMVID = LabelSet(
    name="camvid",
    names=tuple(GROUPS),
    colors=tuple(ORIGINAL[parts[0]] for parts in GROUPS.values()),
    train_ids=(*((number, number) for number in range(VOID)), (VOID, IGNORED)),
    file_values=tuple(range(VOID)),
    unlabeled=VOID,
)
COLORS: Colors = (
    *((ORIGINAL[part], number) for number, parts in enumerate(GROUPS.values()) for part in parts),
    (ORIGINAL["Void"], VOID),
)


@dataclass(frozen=True)
class Layout:
    """Where images and labels of a split are.

    Attributes:
        images, labels: folders; {} stands for the split.
        suffix: of a label's name.
        colored: whether labels are of 32 colours.
    """

    images: str
    labels: str
    suffix: str = "_L"
    colored: bool = True

    def is_at(self, home: Path) -> bool:
        """Whether a folder has its folders."""
        return all((home / folder.format("train")).is_dir() for folder in (self.images, self.labels))


LAYOUTS = (
    Layout("{}", "{}annot", suffix="", colored=False),  # the SegNet tutorial's
    Layout("{}", "{}_labels"),  # the colours, sorted into splits
    Layout("701_StillsRaw_full", "LabeledApproved_full"),  # the original archives
)


class CamVid(PairedImages):
    """A folder in one of `LAYOUTS`."""

    name = "camvid"
    label_set = CAMVID
    size = (360, 480)
    folders = ("", "CamVid")
    marks = ("train and trainannot, or 701_StillsRaw_full and LabeledApproved_full",)
    cure = "unpack CamVid"
    without_labels = ()

    @classmethod
    def _home(cls, root: Path) -> Path | None:
        places = (Path(root) / folder for folder in cls.folders)
        return next((place for place in places if any(layout.is_at(place) for layout in LAYOUTS)), None)

    @property
    def layout(self) -> Layout:
        """That of the folder."""
        return next(layout for layout in LAYOUTS if layout.is_at(self.home))

    def images(self, split: str) -> list[Path]:
        folder = self.layout.images
        found = files_in(self.home / folder.format(split), ".png")
        return found if "{}" in folder else [image for image in found if split_of(image.stem) == split]

    def label_of(self, image: Path, split: str) -> Path:
        layout = self.layout
        return self.home / layout.labels.format(split) / f"{image.stem}{layout.suffix}.png"

    def sample(self, image: Path, label: Path | None) -> Sample:
        if self.layout.colored:
            return ColorSample(image, label, self.label_set, colors=COLORS)
        return super().sample(image, label)


def split_of(name: str) -> str | None:
    """The split that the SegNet tutorial has a picture in, such as `0001TP_006690` or `0006R0_f00930`.

    It trains on one and a half drives and part of a third, validates on that one's densely labelled seconds,
    and tests on the rest. None: it is not of CamVid.
    """
    found = re.fullmatch(r"(0001TP|0006R0|0016E5|Seq05VD)_f?(\d+)", name)
    if not found:
        return None
    drive, frame = found[1], int(found[2])
    if drive == "Seq05VD" or (drive == "0001TP" and frame > 8520):
        return "test"
    return "val" if drive == "0016E5" and 7959 <= frame <= 8159 else "train"
