"""Score a data set's images: decode, count, sum; several images at a time.

Threads suffice, because nearly all of the time goes to decoding PNGs, which releases the
interpreter's lock.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.errors import UserError
from common.threads import bounded_map, usable_cpus
from data import png
from data.index import Sample, require_sound_headers
from data.labels import HIGHEST_LABEL_ID, TRAIN_TO_LABEL
from evaluation.scored_labels import SCORED
from evaluation.scores import Counts, count

MOST_THREADS = 8  # an eighth of an image's time goes to NumPy calls that may hold the interpreter's lock
MODEL_THREADS = 2  # to decode, and as many to count: enough to keep a model busy, and few images in memory


def default_threads() -> int:
    """A thread for each processor of this process, but not more than pay."""
    return min(MOST_THREADS, usable_cpus())


def score_files(samples: list[Sample], predictions: list[Path], threads: int | None = None) -> Counts:
    """Score written label images.

    Args:
        samples: images with labels.
        predictions: 8-bit grey PNGs of label ids, one for each sample.
        threads: images that are decoded at a time (default: `default_threads`).

    Raises:
        UserError: an image that cannot be scored; no scored pixel in the whole truth.
    """
    with_instances = missing_instances(samples) is None

    def score_one(pair):
        sample, path = pair
        return _count(sample, decode_prediction(path), path, with_instances)

    pairs = zip(samples, predictions, strict=True)
    return _total(bounded_map(score_one, pairs, threads or default_threads()), len(samples))


def score_arrays(samples: list[Sample], predict: Callable[[Sample, np.ndarray], np.ndarray]) -> Counts:
    """Score a model's label maps without writing them.

    Images are decoded ahead and counted afterwards in threads; `predict` is only ever called in
    the caller's thread, as GPU runtimes need it.

    Args:
        samples: images with labels.
        predict: (sample, image uint8 [H, W, 3]) -> uint8 [H, W] of label ids.

    Raises:
        UserError: as `score_files`.
    """
    require_sound_headers(samples)
    with_instances = missing_instances(samples) is None

    def score_one(pair):
        sample, prediction = pair
        return _count(sample, prediction, sample.image, with_instances)

    images = bounded_map(lambda sample: png.decode_image(sample.image), samples, MODEL_THREADS)
    pairs = ((sample, predict(sample, image)) for sample, image in zip(samples, images))
    return _total(bounded_map(score_one, pairs, MODEL_THREADS), len(samples))


def missing_instances(samples: list[Sample]) -> Sample | None:
    """The first sample without an instanceIds image: nIoU needs all of them."""
    return next((sample for sample in samples if sample.instances is None), None)


def decode_prediction(path: Path) -> np.ndarray:
    """Decode a written prediction to uint8 [H, W] of label ids.

    Raises:
        UserError: not an 8-bit grey PNG, or an id that is no label's.
    """
    found = png.header(path)
    if found.bits != 8 or found.color != "grey":
        raise UserError(
            f"{path}: {found.bits}-bit {found.color} image; a prediction is an 8-bit grey PNG "
            "of label ids, as predict.py writes it"
        )
    prediction = png.decode_any(path)
    highest = int(prediction.max())
    if highest > HIGHEST_LABEL_ID:
        raise UserError(
            f"{path}: predicted label {highest}, known are 0..{HIGHEST_LABEL_ID}; "
            "write label ids (not train ids) with predict.py"
        )
    return prediction


def decode_truth(sample: Sample) -> np.ndarray:
    """Decode a sample's truth to uint8 [H, W] of label ids; ignored train ids become 0, "unlabeled"."""
    label = png.decode_labels(sample.label, sample.train_ids)
    return TRAIN_TO_LABEL[label] if sample.train_ids else label


def _count(sample, prediction, origin, with_instances):
    truth = decode_truth(sample)
    _require_shape(origin, prediction, sample.label, truth, "write full-size label images with predict.py")
    if not with_instances:
        return count(truth, prediction)
    instances = png.decode_any(sample.instances)
    _require_shape(sample.instances, instances, sample.label, truth, "restore both from the data set")
    try:
        return count(truth, prediction, instances)
    except ValueError as error:
        raise UserError(f"{sample.instances}: {error}; restore the file from the data set") from error


def _require_shape(path, prediction, truth_path, truth, cure):
    if prediction.shape != truth.shape:
        have, need = ("x".join(map(str, array.shape)) for array in (prediction, truth))
        raise UserError(f"{path} is {have} but the truth {truth_path} is {need}; {cure}")


def _total(parts, count):
    total = None
    for part in tqdm(parts, total=count, desc="score", unit="image", disable=None):
        total = part if total is None else total + part
    if not total.matrix[SCORED].any():
        raise UserError(
            "no pixel of a scored class in the truth, as in the `test` split, whose labels are kept by the "
            "benchmark server; give another `split`"
        )
    return total
