"""How many pixels each class has, and the class weights that follow from it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import write_bytes
from common.threads import bounded_map
from data.label_sets import IGNORED, LabelSet
from data.samples import Sample

ENET_CONSTANT = 1.02  # bounds the weight of a rare class: at most 1 / ln(1.02) = 50.5


@dataclass
class Counts:
    """Sums over label maps of a label set; the arrays have one entry a train id, int64 [classes].

    Attributes:
        label_set: of the maps.
        images: how many.
        ignored: pixels of no class.
        pixels: of the class.
        occurs: images in which the class occurs.
        around: pixels of those images, ignored ones included.
    """

    label_set: LabelSet
    images: int = 0
    ignored: int = 0
    pixels: np.ndarray = field(init=False)
    occurs: np.ndarray = field(init=False)
    around: np.ndarray = field(init=False)

    def __post_init__(self):
        self.pixels, self.occurs, self.around = np.zeros((3, self.label_set.classes), np.int64)

    def add(self, histogram: np.ndarray) -> None:
        """Add one image's pixels for each train id, int64 [256]."""
        pixels = histogram[: self.label_set.classes]
        self.images += 1
        self.ignored += int(histogram[IGNORED])
        self.pixels += pixels
        self.occurs += pixels > 0
        self.around += np.where(pixels > 0, histogram.sum(), 0)

    def shares(self) -> np.ndarray:
        """The share of each class among the labelled pixels, [classes]."""
        return self.pixels / self.pixels.sum()


def histogram(label: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Pixels for each train id, int64 [256], of a label map [H, W] whose values a table [256] translates."""
    result = np.zeros(256, np.int64)
    np.add.at(result, table, np.bincount(label.ravel(), minlength=256))
    return result


def count(
    samples: list[Sample], workers: int | None = None, progress: Callable[[Iterator], Iterator] = iter
) -> Counts:
    """Count the pixels of all label maps.

    Args:
        samples: the images of a split, at least one; only their label maps are read.
        workers: threads; None: one for each usable processor.
        progress: wraps the iterator over images, for a progress bar.

    Raises:
        UserError: an unreadable label map, or not one labelled pixel in all of them.
    """

    def read(sample):
        return histogram(sample.decode_label(), sample.to_train_ids)

    counts = Counts(samples[0].label_set)
    for one in progress(bounded_map(read, samples, workers)):
        counts.add(one)
    if not counts.pixels.any():
        raise UserError(f"no labelled pixel in {counts.images} label maps, such as {samples[0].label}")
    return counts


def median_frequency_weights(counts: Counts) -> np.ndarray:
    """Median frequency balancing, float64 [classes]: median(f) / f_c.

    f_c is the share of class c among the pixels of the images in which c occurs; the median is over the
    classes that occur. A class that never occurs has no frequency; its weight is 0, which no pixel uses.
    Source: Eigen & Fergus, ICCV 2015; SegNet, arXiv 1511.00561.
    """
    present = counts.pixels > 0
    frequency = counts.pixels[present] / counts.around[present]
    weights = np.zeros(len(present))
    weights[present] = np.median(frequency) / frequency
    return weights


def enet_weights(counts: Counts) -> np.ndarray:
    """1 / ln(1.02 + p_c), float64 [classes], p_c the share among labelled pixels (ENet, arXiv 1606.02147).

    A class that never occurs has weight 0, as in `median_frequency_weights`.
    """
    return np.where(counts.pixels > 0, 1 / np.log(ENET_CONSTANT + counts.shares()), 0)


def table(counts: Counts) -> str:
    """The counts and weights as text, one line a class."""
    lines = [f"{'class':<14} {'pixels':>14} {'share':>8} {'pictures':>8} {'median freq.':>12} {'ENet':>7}"]
    shares, median, enet = counts.shares(), median_frequency_weights(counts), enet_weights(counts)
    for c, name in enumerate(counts.label_set.names):
        weights = f"{median[c]:12.4f} {enet[c]:7.4f}" if counts.pixels[c] else f"{'absent':>12} {'absent':>7}"
        lines.append(f"{name:<14} {counts.pixels[c]:14,} {shares[c]:8.3%} {counts.occurs[c]:8,} {weights}")
    total = int(counts.pixels.sum()) + counts.ignored
    lines.append(f"{'ignored':<14} {counts.ignored:14,} {counts.ignored / total:8.3%} (of all pixels)")
    if not counts.pixels.all():
        lines.append("absent: no pixel and so no weight; written as 0")
    return "\n".join(lines)


def record(counts: Counts) -> dict:
    """The counts and weights as JSON types; every list has one entry a train id, absent classes weigh 0."""
    return {
        "pictures": counts.images,
        "ignored_pixels": counts.ignored,
        "classes": list(counts.label_set.names),
        "pixels": counts.pixels.tolist(),
        "share_of_labelled": counts.shares().tolist(),
        "images_with_class": counts.occurs.tolist(),
        "weights": {
            "median_frequency": median_frequency_weights(counts).tolist(),
            "enet": enet_weights(counts).tolist(),
        },
    }


def write_json(path: Path, content: dict) -> None:
    """Write a record as JSON, whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())
