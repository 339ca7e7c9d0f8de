"""Scores of the validation images, at the size that the model is trained at."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from data.label_sets import LabelSet
from data.pipeline import Batches
from evaluation.confusion import iou, mean_iou, pixel_accuracy
from training.losses.scored import CLASSES, Scored
from training.ranks.ranks import ALONE, Ranks
from training.run import logs


def score(
    step: Callable,
    batches: Batches,
    label_set: LabelSet,
    between_steps: Callable[[], None],
    ranks: Ranks = ALONE,
    scored: Scored = CLASSES,
):
    """Score each image once, from one summed matrix.

    Args:
        step: of `training.steps.step.validation_step`.
        batches: the images.
        label_set: of what the step compares.
        between_steps: called after each step; may raise to stop.
        ranks: their sums and matrices are added up; each shows its own images.
        scored: what the step compares.

    Returns:
        (the log's figures, images to show).
    """
    matrix = np.zeros((label_set.classes, label_set.classes), np.int64)
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
            shown += logs.samples_of(images, scored.truth(labels), predictions, label_set)
        between_steps()
    matrix, loss = ranks.total(matrix), float(ranks.total(np.array([loss]))[0])
    row = {
        "val_loss": loss / max(matrix.sum(), 1),
        "val_accuracy": pixel_accuracy(matrix),
        "val_miou": mean_iou(matrix),
    }
    row |= dict(zip(logs.iou_columns(label_set), map(float, iou(matrix))))
    return row, shown[: logs.IMAGES]
