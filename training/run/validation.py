"""Scores of the validation images, at the size that the model is trained at."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from data.labels import CLASS_COUNT, CLASS_NAMES
from data.pipeline import Batches
from evaluation.confusion import iou, mean_iou, pixel_accuracy
from training.ranks.ranks import ALONE, Ranks
from training.run import logs


def score(step: Callable, batches: Batches, between_steps: Callable[[], None], ranks: Ranks = ALONE):
    """Score each image once, from one summed matrix.

    Args:
        step: of `training.steps.step.validation_step`.
        batches: the images.
        between_steps: called after each step; may raise to stop.
        ranks: their sums and matrices are added up; each shows its own images.

    Returns:
        (the log's figures, images to show).
    """
    matrix = np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64)
    loss, shown = 0.0, []
    bar = tqdm(
        batches.evaluation(),
        total=batches.steps,
        desc="validate",
        unit="step",
        leave=False,
        disable=None if ranks.first else True,
    )
    for images, labels in bar:
        summed, counts, predictions = step(images, labels)
        loss += float(summed)
        matrix += counts.numpy()
        if len(shown) < logs.IMAGES:
            shown += logs.samples_of(images, labels, predictions)
        between_steps()
    matrix, loss = ranks.total(matrix), float(ranks.total(np.array([loss]))[0])
    row = {
        "val_loss": loss / max(matrix.sum(), 1),
        "val_accuracy": pixel_accuracy(matrix),
        "val_miou": mean_iou(matrix),
    }
    row |= {f"iou_{name.replace(' ', '_')}": float(value) for name, value in zip(CLASS_NAMES, iou(matrix))}
    return row, shown[: logs.IMAGES]
