"""Is a data set whole? Every image and label map is decoded once; what is wrong is named by file.

An *error* is something that training, or the evaluation on `val`, would fail on. A *remark* is not.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from common.errors import UserError
from common.threads import bounded_map
from data import png
from data.label_sets import IGNORED

if TYPE_CHECKING:
    from data.samples import Sample  # whose data sets make plans


@dataclass(frozen=True)
class Finding:
    """One line of the report: an error that training would fail on, or a remark."""

    error: bool
    text: str

    def __str__(self):
        return f"{'error' if self.error else 'remark'}: {self.text}"


@dataclass(frozen=True)
class Job:
    """One image, and a sample for each of the label maps that belong to it."""

    split: str
    image: "Sample"
    labels: tuple["Sample", ...]


@dataclass
class Plan:
    """The images to decode, and what the folders alone already show.

    Attributes:
        jobs: the images.
        findings: what the folders show.
        cure_of_instances: what to do where instance maps are missing; empty: the data set has none.
    """

    jobs: list[Job] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    cure_of_instances: str = ""

    def note(self, error: bool, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(error, text))


def check(
    planned: Plan, workers: int | None = None, progress: Callable[[Iterator], Iterator] = iter
) -> Iterator[Finding]:
    """Decode every image of a plan and yield all findings: the plan's own, per file, per split.

    Args:
        planned: of `data.samples.DataSet.plan`.
        workers: threads; None: one for each usable processor.
        progress: wraps the iterator over images, for a progress bar.
    """
    yield from planned.findings
    sizes, without_instances = {}, Counter()
    results = progress(bounded_map(_check_job, planned.jobs, workers))
    for job, checked in zip(planned.jobs, results, strict=True):
        yield from checked.findings
        if checked.size:
            sizes.setdefault(job.split, Counter())[checked.size] += 1
        without_instances[job.split] += checked.lacks_instances
    for split, found in sizes.items():
        if len(found) > 1:
            listed = ", ".join(f"{h}x{w} ({counted(n, 'image')})" for (h, w), n in found.most_common(4))
            more = ", ..." if len(found) > 4 else ""
            yield Finding(False, f"split '{split}' has images of {len(found)} sizes: {listed}{more}")
    lacking = without_instances["val"]
    if lacking and planned.cure_of_instances:
        yield Finding(
            False,
            f"split 'val' has no instanceIds for {counted(lacking, 'image')}: evaluation leaves nIoU out; "
            f"{planned.cure_of_instances}",
        )


@dataclass
class _Checked:
    findings: list[Finding]
    size: tuple[int, int] | None
    lacks_instances: bool


def _check_job(job: Job) -> _Checked:
    """Decode one image and its label maps, and compare them."""
    findings = []
    training = job.split != "test"  # damage in `test` is worth a remark, but stops no training
    size = None
    try:
        size = job.image.decode_image().shape[:2]
    except UserError as error:
        findings.append(Finding(training, str(error)))
    lacks_instances = False
    for sample in job.labels:
        findings += _check_label(sample, size, training)
        if sample.fine:
            lacks_instances = sample.instances is None
            findings += _check_instances(sample, size, job.split == "val")
    return _Checked(findings, size, lacks_instances)


def _check_label(sample: "Sample", size: tuple[int, int] | None, training: bool) -> list[Finding]:
    try:
        label = sample.train_ids()
        _require_size(sample, sample.label, label, size)
    except UserError as error:
        return [Finding(training, str(error))]
    if training and sample.fine and (label == IGNORED).all():
        return [Finding(False, f"{sample.label}: no pixel of a scored class, nothing to learn from it")]
    return []


def _check_instances(sample: "Sample", size: tuple[int, int] | None, evaluated: bool) -> list[Finding]:
    """Instance maps are read by the evaluation alone; other splits than `val` get a remark."""
    if sample.instances is None:
        return []
    try:
        instances = png.decode_any(sample.instances)
        if instances.ndim != 2 or instances.dtype != np.uint16:
            raise UserError(f"{sample.instances}: not a 16-bit grey PNG; restore the file from the data set")
        _require_size(sample, sample.instances, instances, size)
    except UserError as error:
        return [Finding(evaluated, f"{error} (evaluation would fail)")]
    return []


def _require_size(sample: "Sample", path, decoded: np.ndarray, size: tuple[int, int] | None) -> None:
    if size:  # unknown where the image itself is damaged
        png.require_equal_size(size, sample.image, decoded.shape, path)


def counted(number: int, thing: str) -> str:
    """A number of things in words: `1 image`, `2 images`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
