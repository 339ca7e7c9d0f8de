"""Which files belong together: a Cityscapes folder as sorted (image, label) pairs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from data import png

IMAGES = "leftImg8bit"
FINE = "gtFine"
COARSE = "gtCoarse"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Sample:
    """One image of a split; `label` is None where only images are asked for."""

    image: Path
    label: Path | None

    @property
    def name(self) -> str:
        """The file's name without the kind of image: `frankfurt_000001_058914`."""
        return self.image.name.removesuffix(f"_{IMAGES}.png")

    @property
    def city(self) -> str:
        """The folder of the image."""
        return self.image.parent.name

    @property
    def train_ids(self) -> bool:
        """Whether the label file holds train ids instead of label ids."""
        return self.label is not None and self.label.name.endswith("_labelTrainIds.png")

    @property
    def instances(self) -> Path | None:
        """The instanceIds file beside the label, where it exists."""
        path = self.label and self.label.with_name(f"{self.label.name.rsplit('_', 1)[0]}_instanceIds.png")
        return path if path and path.is_file() else None


def training_samples(root: Path, coarse: bool = False) -> list[Sample]:
    """The images to train on: fine `train`, or with `coarse` the coarse `train` and `train_extra`."""
    if not coarse:
        return labelled(root, "train")
    samples = labelled(root, "train", COARSE)
    if (root / COARSE / "train_extra").is_dir():
        samples += labelled(root, "train_extra", COARSE)
    return samples


def validation_samples(root: Path, coarse: bool = False) -> list[Sample]:
    """The images to score: fine `val`; the coarse `val` only where there are coarse labels alone."""
    if coarse and not (root / FINE / "val").is_dir():
        return labelled(root, "val", COARSE)
    return labelled(root, "val")


def labelled(root: Path, split: str, kind: str = FINE) -> list[Sample]:
    """Sorted pairs of a split.

    Raises:
        UserError: no such split, an empty one, or an image without its label.
    """
    samples = []
    for image in _images(root, split):
        candidates = label_candidates(image, kind)
        label = next((path for path in candidates if path.is_file()), None)
        if label is None:
            raise UserError(
                f"{image} has no label: {candidates[0]} is missing; unpack {kind} beside {IMAGES}, "
                f"and see `python prepare_data.py verify {root}`"
            )
        samples.append(Sample(image, label))
    return samples


def label_candidates(image: Path, kind: str = FINE) -> list[Path]:
    """Where an image's label may be: the labelIds file, else the labelTrainIds file."""
    split, city = image.parent.parent, image.parent.name
    stem = image.name.removesuffix(f"_{IMAGES}.png")
    folder = split.parent.parent / kind / split.name / city
    return [folder / f"{stem}_{kind}_{ids}.png" for ids in ("labelIds", "labelTrainIds")]


def unlabelled(root: Path, split: str) -> list[Sample]:
    """Sorted images of a split, whose labels do not matter (prediction on `test`)."""
    return [Sample(image, None) for image in _images(root, split)]


def _images(root: Path, split: str) -> list[Path]:
    folder = Path(root) / IMAGES / split
    present = splits(root)
    if split not in present:
        there = ", ".join(present) or "none"
        raise UserError(
            f"no split '{split}' at {folder} (there: {there}); unpack it or give another data set"
        )
    images = files_ending(folder, f"_{IMAGES}.png")
    if not images:
        raise UserError(f"split '{split}' is empty: no <city>/*_{IMAGES}.png in {folder}; unpack it again")
    return images


def splits(root: Path) -> list[str]:
    """The splits that have a folder of images.

    Raises:
        UserError: `root` is not a Cityscapes folder, or may not be read.
    """
    folder = Path(root) / IMAGES
    try:
        if folder.is_dir():
            return sorted(path.name for path in folder.iterdir() if path.is_dir())
    except PermissionError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}; check its permissions") from error
    raise UserError(
        f"{root} is no Cityscapes folder: {folder} is missing; unpack {IMAGES}_trainvaltest.zip there"
    )


def files_ending(folder: Path, ending: str) -> list[Path]:
    """Sorted `<city>/*<ending>` in the folder of a split, without the hidden files that macOS leaves."""
    return sorted(path for path in folder.glob(f"*/*{ending}") if not path.name.startswith("."))


def require_sound_headers(samples: list[Sample]) -> None:
    """Compare formats and sizes of all pairs by their headers, in parallel and without decoding.

    Raises:
        UserError: a file is missing or no PNG, a grey or 16-bit image, a pair of different sizes.
    """
    with ThreadPoolExecutor(16) as pool:  # waiting for the file system, not for a processor
        for _ in pool.map(_require_sound_pair, samples):
            pass


def _require_sound_pair(sample: Sample) -> None:
    image, label = png.header(sample.image), png.header(sample.label)
    png.require_image(image, sample.image)
    png.require_labels(label, sample.label)
    png.require_equal_size(image.size, sample.image, label.size, sample.label)
