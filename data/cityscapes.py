"""Cityscapes, and data sets in its layout: `leftImg8bit/<split>/<city>/*.png` and labels beside it.

Labels are fine (`gtFine`) or coarse (`gtCoarse`), by label ids or, in files that others made, by train ids.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import UserError
from data import png
from data.categories import CATEGORY_SETS
from data.label_sets import CITYSCAPES, LabelSet
from data.samples import DataSet, Sample
from data.verify import Job, Plan, counted

IMAGES = "leftImg8bit"
FINE = "gtFine"
COARSE = "gtCoarse"
WHOLE = {"train": 2975, "val": 500, "test": 1525, "train_extra": 19998}  # images


@dataclass(frozen=True)
class CityscapesSample(Sample):
    """A PNG image and its labelIds or labelTrainIds file."""

    label_set: LabelSet = field(default=CITYSCAPES, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The file's name without the kind of image: `frankfurt_000001_058914`."""
        return self.image.name.removesuffix(f"_{IMAGES}.png")

    @property
    def folder(self) -> str:
        """The city."""
        return self.image.parent.name

    @property
    def holds_train_ids(self) -> bool:
        """Whether `decode_label` returns train ids instead of label ids."""
        return self._in_train_ids and self.label_set == CITYSCAPES

    @property
    def _in_train_ids(self) -> bool:
        """Whether the label file holds train ids, which are those of the 19 classes."""
        return self.label is not None and self.label.name.endswith("_labelTrainIds.png")

    @property
    def coding(self) -> str:
        return "label ids" if self._in_train_ids and not self.holds_train_ids else ""

    def decode_label(self) -> np.ndarray:
        if not self.coding:
            return super().decode_label()
        label = png.decode_labels(self.label)
        CITYSCAPES.require_known(label, self.label, holds_train_ids=True)
        return CITYSCAPES.train_to_file[label]

    @property
    def fine(self) -> bool:
        """Whether it is a fine label."""
        return self.label is not None and f"_{FINE}_" in self.label.name

    @property
    def instances(self) -> Path | None:
        """The instanceIds file beside the label, where it exists."""
        path = self.label and self.label.with_name(f"{self.label.name.rsplit('_', 1)[0]}_instanceIds.png")
        return path if path and path.is_file() else None


class Cityscapes(DataSet):
    """A folder that holds `leftImg8bit` and `gtFine` or `gtCoarse`."""

    name = "cityscapes"
    label_set = CITYSCAPES
    label_sets = CATEGORY_SETS
    size = (1024, 2048)

    @classmethod
    def is_at(cls, root: Path) -> bool:
        return (Path(root) / IMAGES).is_dir()

    def splits(self) -> list[str]:
        """The splits that have a folder of images.

        Raises:
            UserError: there are no folders, or they may not be read.
        """
        folder = self.root / IMAGES
        try:
            if folder.is_dir():
                return sorted(path.name for path in folder.iterdir() if path.is_dir())
        except PermissionError as error:
            raise UserError(f"cannot read {folder}: {error.strerror}; check its permissions") from error
        cure = f"unpack {IMAGES}_trainvaltest.zip there"
        raise UserError(
            f"{self.root} is no Cityscapes folder: {folder} is missing; {cure}, "
            "or see docs/data.md for other data sets"
        )

    def labelled(self, split: str, coarse: bool = False) -> list[Sample]:
        kind, samples = COARSE if coarse else FINE, []
        for image in self._images(split):
            candidates = label_candidates(image, kind)
            label = next((path for path in candidates if path.is_file()), None)
            if label is None:
                raise UserError(
                    f"{image} has no label: {candidates[0]} is missing; unpack {kind} beside {IMAGES}, "
                    f"and see `python prepare_data.py verify {self.root}`"
                )
            samples.append(CityscapesSample(image, label, self.label_set))
        return samples

    def unlabelled(self, split: str) -> list[Sample]:
        return [CityscapesSample(image, None, self.label_set) for image in self._images(split)]

    def training(self, coarse: bool = False) -> list[Sample]:
        """The images to train on: fine `train`, or with `coarse` the coarse `train` and `train_extra`."""
        samples = self.labelled("train", coarse)
        if coarse and (self.root / COARSE / "train_extra").is_dir():
            samples += self.labelled("train_extra", coarse)
        return samples

    def validation(self, coarse: bool = False) -> list[Sample]:
        """The images to score: fine `val`; the coarse `val` only where there are coarse labels alone."""
        return self.labelled("val", coarse and not (self.root / FINE / "val").is_dir())

    def _images(self, split: str) -> list[Path]:
        folder, present = self.root / IMAGES / split, self.splits()
        if split not in present:
            there = ", ".join(present) or "none"
            raise UserError(
                f"no split '{split}' at {folder} (there: {there}); unpack it or give another -p/--path"
            )
        images = files_ending(folder, f"_{IMAGES}.png")
        if not images:
            raise UserError(
                f"split '{split}' is empty: no <city>/*_{IMAGES}.png in {folder}; unpack it again"
            )
        return images

    def plan(self, coarse: bool = False) -> Plan:
        """The fine labels of three splits; with `coarse` also `gtCoarse` and the split `train_extra`."""
        self.splits()
        result = Plan(cure_of_instances=f"unpack {FINE} again if you want it")
        for split in ("train", "val", "test") + (("train_extra",) if coarse else ()):
            self._plan_split(result, split, coarse)
        return result

    def _plan_split(self, result: Plan, split: str, coarse: bool) -> None:
        try:
            images = self.unlabelled(split)
        except UserError as error:
            needed = split in ("train", "val") or (self.root / COARSE / split).is_dir()
            result.note(needed, str(error))
            return
        if len(images) != WHOLE[split]:
            whole = f"the whole of Cityscapes has {WHOLE[split]}"
            result.note(False, f"{self.root / IMAGES / split}: {counted(len(images), 'image')}, {whole}")
        labels = {sample.image: [] for sample in images}
        for kind in self._kinds(split, coarse):
            _pair(result, self.root / kind / split, kind, labels)
        for sample in images:
            found = [CityscapesSample(sample.image, path, self.label_set) for path in labels[sample.image]]
            result.jobs.append(Job(split, sample, tuple(found)))

    def _kinds(self, split: str, coarse: bool) -> list[str]:
        """The kinds of label to look for: what training reads, and with `coarse` whatever else is there."""
        if split == "test" or not coarse:
            return [FINE]
        kinds = [kind for kind in (FINE, COARSE) if (self.root / kind / split).is_dir()]
        return kinds if COARSE in kinds or (split == "val" and kinds) else [*kinds, COARSE]


def label_candidates(image: Path, kind: str = FINE) -> list[Path]:
    """Where an image's label may be: the labelIds file, else the labelTrainIds file."""
    split, city = image.parent.parent, image.parent.name
    stem = image.name.removesuffix(f"_{IMAGES}.png")
    folder = split.parent.parent / kind / split.name / city
    return [folder / f"{stem}_{kind}_{ids}.png" for ids in ("labelIds", "labelTrainIds")]


def files_ending(folder: Path, ending: str) -> list[Path]:
    """Sorted `<city>/*<ending>` in the folder of a split, without the hidden files that macOS leaves."""
    return sorted(path for path in folder.glob(f"*/*{ending}") if not path.name.startswith("."))


def _pair(result: Plan, folder: Path, kind: str, labels: dict[Path, list[Path]]) -> None:
    """Add to `labels` each image's label map in `folder`; note the missing and the left-over ones."""
    there = {
        path for ids in ("labelIds", "labelTrainIds") for path in files_ending(folder, f"_{kind}_{ids}.png")
    }
    used = set()
    optional = folder.name == "test"
    if not there and not optional:
        needed = folder.name != "train_extra" or folder.is_dir()  # training takes train_extra where it exists
        result.note(needed, f"{folder}: no label maps; unpack {kind} beside {IMAGES}")
        return
    for image, found in labels.items():
        candidates = label_candidates(image, kind)
        label = next((path for path in candidates if path in there), None)
        used.update(candidates)
        if label:
            found.append(label)
        elif not optional:
            result.note(True, f"{image}: no label, {candidates[0]} is missing; unpack {kind} again")
    for path in sorted(there - used):
        result.note(False, f"{path}: a label without its image; unpack {IMAGES} again, or remove the label")
