"""How many pixels each class has, and the class weights that follow from it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import write_bytes
from common.threads import bounded_map
from data import png
from data.index import Sample
from data.labels import CLASS_COUNT, CLASS_NAMES, IGNORED, LABEL_TO_TRAIN, TRAIN_TO_TRAIN

ENET_CONSTANT = 1.02  # bounds the weight of a rare class: at most 1 / ln(1.02) = 50.5


def _zeros() -> np.ndarray:
    return np.zeros(CLASS_COUNT, np.int64)


@dataclass
class Counts:
    """Sums over label maps; the arrays have one entry a train id."""

    images: int = 0
    ignored: int = 0  # pixels
    pixels: np.ndarray = field(default_factory=_zeros)  # [19] of the class
    occurs: np.ndarray = field(default_factory=_zeros)  # [19] images in which the class occurs
    around: np.ndarray = field(default_factory=_zeros)  # [19] pixels of those images, ignored ones included

    def add(self, histogram: np.ndarray) -> None:
        """Add one image's pixels for each train id, int64 [256]."""
        pixels = histogram[:CLASS_COUNT]
        self.images += 1
        self.ignored += int(histogram[IGNORED])
        self.pixels += pixels
        self.occurs += pixels > 0
        self.around += np.where(pixels > 0, histogram.sum(), 0)

    def shares(self) -> np.ndarray:
        """The share of each class among the labelled pixels, [19]."""
        return self.pixels / self.pixels.sum()


def histogram(label: np.ndarray, train_ids: bool = False) -> np.ndarray:
    """Pixels for each train id, int64 [256], of a label map [H, W] of label ids (or train ids)."""
    table = TRAIN_TO_TRAIN if train_ids else LABEL_TO_TRAIN
    result = np.zeros(256, np.int64)
    np.add.at(result, table, np.bincount(label.ravel(), minlength=256))
    return result


def count(
    samples: list[Sample], workers: int | None = None, progress: Callable[[Iterator], Iterator] = iter
) -> Counts:
    """Count the pixels of all label maps.

    Args:
        samples: the images of a split; only their label maps are read.
        workers: threads; None: one for each usable processor.
        progress: wraps the iterator over images, for a progress bar.

    Raises:
        UserError: an unreadable label map, or not one labelled pixel in all of them.
    """

    def read(sample):
        return histogram(png.decode_labels(sample.label, sample.train_ids), sample.train_ids)

    counts = Counts()
    for one in progress(bounded_map(read, samples, workers)):
        counts.add(one)
    if not counts.pixels.any():
        raise UserError(f"no labelled pixel in {counts.images} label maps, such as {samples[0].label}")
    return counts


def median_frequency_weights(counts: Counts) -> np.ndarray:
    """Median frequency balancing, float64 [19]: median(f) / f_c (Eigen & Fergus 2015; SegNet, 1511.00561).

    f_c is the share of class c among the pixels of the images in which c occurs; the median is over the
    classes that occur. A class that never occurs has no frequency; its weight is 0, which no pixel uses.
    """
    present = counts.pixels > 0
    frequency = counts.pixels[present] / counts.around[present]
    weights = np.zeros(CLASS_COUNT)
    weights[present] = np.median(frequency) / frequency
    return weights


def enet_weights(counts: Counts) -> np.ndarray:
    """1 / ln(1.02 + p_c), float64 [19], p_c the share among labelled pixels (ENet, arXiv 1606.02147).

    A class that never occurs has weight 0, as in `median_frequency_weights`.
    """
    return np.where(counts.pixels > 0, 1 / np.log(ENET_CONSTANT + counts.shares()), 0)


def table(counts: Counts) -> str:
    """The counts and weights as text, one line a class."""
    lines = [f"{'class':<14} {'pixels':>14} {'share':>8} {'pictures':>8} {'median freq.':>12} {'ENet':>7}"]
    shares, median, enet = counts.shares(), median_frequency_weights(counts), enet_weights(counts)
    for c, name in enumerate(CLASS_NAMES):
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
        "classes": list(CLASS_NAMES),
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
