"""Score a data set's images: decode, count, sum; several images at a time.

Threads suffice, because nearly all of the time goes to decoding PNGs, which releases the
interpreter's lock.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from common.errors import UserError
from common.threads import bounded_map, usable_cpus
from data import png
from data.label_sets import LabelSet
from data.samples import Sample, require_sound_headers
from evaluation import scored_labels
from evaluation.scores import Counts, count

MOST_THREADS = 8  # an eighth of an image's time goes to NumPy calls that may hold the interpreter's lock
MODEL_THREADS = 2  # to decode, and as many to count: enough to keep a model busy, and few images in memory


def default_threads() -> int:
    """A thread for each processor of this process, but not more than pay."""
    return min(MOST_THREADS, usable_cpus())


def score_files(samples: list[Sample], predictions: list[Path], threads: int | None = None) -> Counts:
    """Score written label images.

    Args:
        samples: images with labels, at least one, all of one label set.
        predictions: 8-bit grey PNGs of the label set's file values (Cityscapes: label ids), one a sample.
        threads: images that are decoded at a time (default: `default_threads`).

    Returns:
        What was counted of `scored_labels.of(label set)`.

    Raises:
        UserError: an image that cannot be scored; no scored pixel in the whole truth.
    """
    with_instances = missing_instances(samples) is None

    def score_one(pair):
        sample, path = pair
        return _count(sample, decode_prediction(path, sample.label_set), path, with_instances)

    pairs = zip(samples, predictions, strict=True)
    return _total(bounded_map(score_one, pairs, threads or default_threads()), samples)


def score_arrays(samples: list[Sample], predict: Callable[[Sample, np.ndarray], np.ndarray]) -> Counts:
    """Score a model's label maps without writing them.

    Images are decoded ahead and counted afterwards in threads; `predict` is only ever called in
    the caller's thread, as GPU runtimes need it.

    Args:
        samples: images with labels, at least one, all of one label set.
        predict: (sample, image uint8 [H, W, 3]) -> uint8 [H, W] of the label set's file values.

    Returns, raises:
        as `score_files`.
    """
    require_sound_headers(samples)
    with_instances = missing_instances(samples) is None

    def score_one(pair):
        sample, prediction = pair
        return _count(sample, prediction, sample.image, with_instances)

    images = bounded_map(lambda sample: sample.decode_image(), samples, MODEL_THREADS)
    pairs = ((sample, predict(sample, image)) for sample, image in zip(samples, images))
    return _total(bounded_map(score_one, pairs, MODEL_THREADS), samples)


def missing_instances(samples: list[Sample]) -> Sample | None:
    """The first sample without an instanceIds image: nIoU needs all of them."""
    return next((sample for sample in samples if sample.instances is None), None)


def decode_prediction(path: Path, label_set: LabelSet) -> np.ndarray:
    """Decode a written prediction to uint8 [H, W] of file values.

    Raises:
        UserError: not an 8-bit grey PNG, or a value that the label set does not know.
    """
    found = png.header(path)
    if found.bits != 8 or found.color != "grey":
        raise UserError(
            f"{path}: {found.bits}-bit {found.color} image; a prediction is an 8-bit grey PNG "
            "of label ids, as predict.py writes it"
        )
    prediction = png.decode_any(path)
    unknown, known = label_set.unknown(prediction)
    if unknown.size:
        raise UserError(
            f"{path}: predicted label {int(unknown.max())}, known are {known}; "
            "write label ids (not train ids) with predict.py"
        )
    return prediction


def decode_truth(sample: Sample) -> np.ndarray:
    """Decode a sample's truth to uint8 [H, W] of the labels that are scored of its label set.

    Of Cityscapes these are label ids; ignored train ids become 0, "unlabeled".
    """
    labels = scored_labels.of(sample.label_set)
    return cv2.LUT(
        sample.decode_label(), labels.of_train_id if sample.holds_train_ids else labels.of_true_value
    )


def _count(sample, prediction, origin, with_instances):
    truth, labels = decode_truth(sample), scored_labels.of(sample.label_set)
    _require_shape(origin, prediction, sample.label, truth, "write full-size label images with predict.py")
    prediction = cv2.LUT(prediction, labels.of_file_value)
    if not with_instances:
        return count(truth, prediction, labels)
    instances = png.decode_any(sample.instances)
    _require_shape(sample.instances, instances, sample.label, truth, "restore both from the data set")
    try:
        return count(truth, prediction, labels, instances)
    except ValueError as error:
        raise UserError(f"{sample.instances}: {error}; restore the file from the data set") from error


def _require_shape(path, prediction, truth_path, truth, cure):
    if prediction.shape != truth.shape:
        have, need = ("x".join(map(str, array.shape)) for array in (prediction, truth))
        raise UserError(f"{path} is {have} but the truth {truth_path} is {need}; {cure}")


def _total(parts, samples):
    total = None
    for part in tqdm(parts, total=len(samples), desc="score", unit="image", disable=None):
        total = part if total is None else total + part
    if not total.matrix[scored_labels.of(samples[0].label_set).scored].any():
        raise UserError(
            "no pixel of a scored class in the truth, as in the `test` split, whose labels are kept by the "
            "benchmark server; give another `split`"
        )
    return total
