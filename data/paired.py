"""Data sets whose splits are lists of images with one label image each: what they share."""

from abc import abstractmethod
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from common.errors import UserError
from data.samples import DataSet, Sample
from data.verify import Job, Plan

SPLITS = ("train", "val", "test")


class PairedImages(DataSet):
    """A folder in which each image's name tells its split and where its label lies.

    Attributes:
        folders: below the given folder, where an archive may have been unpacked; "" is that folder itself.
        marks: folders by which one of `folders` is recognised.
        cure: what to do where files are missing.
        without_labels: splits whose labels the benchmark keeps.
    """

    folders: tuple[str, ...] = ("",)
    marks: tuple[str, ...]
    cure: str
    without_labels: tuple[str, ...] = ("test",)

    @classmethod
    def is_at(cls, root: Path) -> bool:
        return cls._home(root) is not None

    @classmethod
    def _home(cls, root: Path) -> Path | None:
        places = (Path(root) / folder for folder in cls.folders)
        return next((place for place in places if all((place / mark).is_dir() for mark in cls.marks)), None)

    @cached_property
    def home(self) -> Path:
        """The folder that holds `marks`.

        Raises:
            UserError: there is none.
        """
        home = self._home(self.root)
        if home is None:
            missing = " and ".join(self.marks)
            raise UserError(f"{self.root} is no {self.name} folder, without {missing}; {self.cure}")
        return home

    @abstractmethod
    def images(self, split: str) -> list[Path]:
        """The sorted images of a split; none where it is not there."""

    @abstractmethod
    def label_of(self, image: Path, split: str) -> Path:
        """Where the label of an image of the split is; its ending may be .PNG there."""

    def is_label(self, path: Path) -> bool:
        """Whether a PNG in a folder of labels is one of those that `label_of` names."""
        return True

    def sample(self, image: Path, label: Path | None) -> Sample:
        """The image and its label as they are decoded."""
        return Sample(image, label, self.label_set)

    def splits(self) -> list[str]:
        return [split for split in SPLITS if self.images(split)]

    def labelled(self, split: str, coarse: bool = False) -> list[Sample]:
        if coarse:
            raise UserError(f"{self.name} has no coarse labels; leave `coarse` out")
        if split in self.without_labels:
            kept = "has no labels: its benchmark keeps them"
            raise UserError(f"split '{split}' of {self.name} {kept}; give another `split`")
        images = self._required(split)
        labels = [self.label_of(image, split) for image in images]
        there = _by_name(_files(labels))
        for image, label in zip(images, labels):
            if label not in there:
                raise UserError(
                    f"{image} has no label: {label} is missing; {self.cure}, and see "
                    f"`python prepare_data.py verify {self.root}`"
                )
        return [self.sample(image, there[label]) for image, label in zip(images, labels)]

    def unlabelled(self, split: str) -> list[Sample]:
        return [self.sample(image, None) for image in self._required(split)]

    def _required(self, split: str) -> list[Path]:
        images = self.images(split) if split in SPLITS else []
        if not images:
            there = ", ".join(self.splits()) or "none"
            raise UserError(f"{self.root} has no split '{split}' (there: {there}); {self.cure}")
        return images

    def plan(self, coarse: bool = False) -> Plan:
        result, used, there = Plan(), set(), set()
        for split in SPLITS:
            images = self.images(split)
            if not images and split != "test":
                result.note(True, f"{self.root}: no images of split '{split}'; {self.cure}")
            labels = [self.label_of(image, split) for image in images if split not in self.without_labels]
            files = _files(labels)
            found = _by_name(files)
            used |= {found[label] for label in labels if label in found}
            there |= files
            for image, label in zip_longest(images, labels):
                if label and label not in found:
                    result.note(split != "test", f"{image}: no label, {label} is missing; unpack it again")
                samples = (self.sample(image, found[label]),) if label in found else ()
                result.jobs.append(Job(split, self.sample(image, None), samples))
        for path in sorted(filter(self.is_label, there - used)):
            result.note(False, f"{path}: a label without its image; unpack both again, or remove the label")
        return result


def files_in(folder: Path, *endings: str) -> list[Path]:
    """The sorted files of a folder with these endings, in any case, without those that macOS hides there.

    Raises:
        UserError: the folder may not be read.
    """
    try:
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(
            path for path in found if path.suffix.lower() in endings and not path.name.startswith(".")
        )
    except PermissionError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}; check its permissions") from error


def _files(labels) -> set[Path]:
    """The PNGs in the folders of these labels: listed once, as asking for each costs a file system dearly."""
    return {path for folder in {label.parent for label in labels} for path in files_in(folder, ".png")}


def _by_name(files: set[Path]) -> dict[Path, Path]:
    """The files by their paths with the ending .png, which some write as .PNG; if both are there, .png."""
    others = {path.with_suffix(".png"): path for path in files if path.suffix != ".png"}
    return others | {path: path for path in files}
