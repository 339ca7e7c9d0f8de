"""Is a data set whole? Every image and label map is decoded once; what is wrong is named by file.

An *error* is something that training, or the evaluation on `val`, would fail on. A *remark* is not.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.threads import bounded_map
from data import png
from data.index import COARSE, FINE, IMAGES, Sample, files_ending, label_candidates, splits, unlabelled
from data.labels import IGNORED, LABEL_TO_TRAIN, TRAIN_TO_TRAIN

CITYSCAPES_COUNTS = {"train": 2975, "val": 500, "test": 1525, "train_extra": 19998}


@dataclass(frozen=True)
class Finding:
    """One line of the report: an error that training would fail on, or a remark."""

    error: bool
    text: str

    def __str__(self):
        return f"{'error' if self.error else 'remark'}: {self.text}"


@dataclass(frozen=True)
class Job:
    """One image with the label maps that belong to it, fine or coarse."""

    split: str
    image: Path
    labels: tuple[Path, ...]


@dataclass
class Plan:
    """The images to decode, and what the folders alone already show."""

    jobs: list[Job] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def note(self, error: bool, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(error, text))


def plan(root: Path, coarse: bool = False) -> Plan:
    """List the splits of a data set, without opening a file.

    Args:
        root: the folder that holds `leftImg8bit` and `gtFine`.
        coarse: look at `gtCoarse` and the split `train_extra` as well.

    Raises:
        UserError: `root` is not a Cityscapes folder.
    """
    splits(root)
    result = Plan()
    for split in ("train", "val", "test") + (("train_extra",) if coarse else ()):
        _plan_split(result, Path(root), split, coarse)
    return result


def _plan_split(result: Plan, root: Path, split: str, coarse: bool) -> None:
    try:
        images = [sample.image for sample in unlabelled(root, split)]
    except UserError as error:
        needed = split in ("train", "val") or (root / COARSE / split).is_dir()
        result.note(needed, str(error))
        return
    if len(images) != CITYSCAPES_COUNTS[split]:
        whole = f"the whole of Cityscapes has {CITYSCAPES_COUNTS[split]}"
        result.note(False, f"{root / IMAGES / split}: {_count(len(images), 'image')}, {whole}")
    labels = {image: [] for image in images}
    for kind in _kinds(root, split, coarse):
        _pair(result, root / kind / split, kind, labels)
    result.jobs += [Job(split, image, tuple(found)) for image, found in labels.items()]


def _kinds(root: Path, split: str, coarse: bool) -> list[str]:
    """The kinds of label to look for: what training reads, and with `coarse` whatever else is there."""
    if split == "test" or not coarse:
        return [FINE]
    kinds = [kind for kind in (FINE, COARSE) if (root / kind / split).is_dir()]
    return kinds if COARSE in kinds or (split == "val" and kinds) else [*kinds, COARSE]


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


def check(
    planned: Plan, workers: int | None = None, progress: Callable[[Iterator], Iterator] = iter
) -> Iterator[Finding]:
    """Decode every image of a plan and yield all findings: the plan's own, per file, per split.

    Args:
        planned: from `plan`.
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
    for split, counted in sizes.items():
        if len(counted) > 1:
            listed = ", ".join(f"{h}x{w} ({_count(n, 'image')})" for (h, w), n in counted.most_common(4))
            more = ", ..." if len(counted) > 4 else ""
            yield Finding(False, f"split '{split}' has images of {len(counted)} sizes: {listed}{more}")
    if lacking := without_instances["val"]:
        yield Finding(
            False,
            f"split 'val' has no instanceIds for {_count(lacking, 'image')}: evaluation leaves nIoU out; "
            f"unpack {FINE} again if you want it",
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
        size = png.decode_image(job.image).shape[:2]
    except UserError as error:
        findings.append(Finding(training, str(error)))
    lacks_instances = False
    for label in job.labels:
        sample = Sample(job.image, label)
        findings += _check_label(sample, size, training)
        if f"_{FINE}_" in label.name:
            lacks_instances = sample.instances is None
            findings += _check_instances(sample, size, job.split == "val")
    return _Checked(findings, size, lacks_instances)


def _check_label(sample: Sample, size: tuple[int, int] | None, training: bool) -> list[Finding]:
    try:
        label = png.decode_labels(sample.label, sample.train_ids)
        _require_size(sample, sample.label, label, size)
    except UserError as error:
        return [Finding(training, str(error))]
    fine = f"_{FINE}_" in sample.label.name
    table = TRAIN_TO_TRAIN if sample.train_ids else LABEL_TO_TRAIN
    if training and fine and (table[label] == IGNORED).all():
        return [Finding(False, f"{sample.label}: no pixel of a scored class, nothing to learn from it")]
    return []


def _check_instances(sample: Sample, size: tuple[int, int] | None, evaluated: bool) -> list[Finding]:
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


def _require_size(sample: Sample, path: Path, decoded: np.ndarray, size: tuple[int, int] | None) -> None:
    if size:  # unknown where the image itself is damaged
        png.require_equal_size(size, sample.image, decoded.shape, path)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
