"""A small data set that is not Cityscapes: JPEG images, three classes, other values in its label files."""

from pathlib import Path

import imagecodecs
import numpy as np

from data import datasets, png
from data.label_sets import IGNORED, LabelSet
from data.samples import DataSet, Sample
from data.verify import Job, Plan

SIZE = (64, 128)
THREE = LabelSet(  # a gap among the values, a class of two values, two categories
    name="three",
    names=("road", "tree", "car"),
    colors=((10, 20, 30), (0, 255, 0), (255, 0, 1)),
    train_ids=((0, IGNORED), (1, 0), (2, 1), (3, 1), (9, 2), (255, IGNORED)),
    file_values=(1, 2, 9),
    unlabeled=255,
    categories=("ground", "ground", "vehicle"),
)


class ThreeClasses(DataSet):
    """`photos/<split>/*.jpg` and `maps/<split>/*.png`."""

    name, label_set, size = "three classes", THREE, SIZE

    @classmethod
    def is_at(cls, root):
        return (Path(root) / "photos").is_dir()

    def splits(self):
        return sorted(path.name for path in (self.root / "photos").iterdir())

    def labelled(self, split, coarse=False):
        return [
            Sample(sample.image, self.root / "maps" / split / f"{sample.name}.png", THREE)
            for sample in self.unlabelled(split)
        ]

    def unlabelled(self, split):
        return [Sample(path, None, THREE) for path in sorted((self.root / "photos" / split).glob("*.jpg"))]

    def plan(self, coarse=False):
        found = ((split, sample) for split in self.splits() for sample in self.labelled(split))
        return Plan([Job(split, sample, (sample,)) for split, sample in found])


def register(monkeypatch) -> None:
    """Make the data set known while a test runs."""
    monkeypatch.setattr(datasets, "KINDS", (*datasets.KINDS, ThreeClasses))


def write(root: Path, train: int = 4, val: int = 2) -> Path:
    """Write such a data set: bands of its values, in grey levels that tell them apart."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for kind in ("photos", "maps"):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            rows = random.choice([value for value, _ in THREE.train_ids], SIZE[0] // 8).astype(np.uint8)
            label = np.broadcast_to(rows.repeat(8)[:, None], SIZE)
            image = np.repeat((label * 20)[..., None], 3, axis=2)
            jpeg = imagecodecs.jpeg8_encode(np.ascontiguousarray(image), level=95)
            (root / "photos" / split / f"a{number}.jpg").write_bytes(jpeg)
            png.write(root / "maps" / split / f"a{number}.png", label)
    return root
