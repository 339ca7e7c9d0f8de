"""From counts to scores: IoU and nIoU per class and category, under the official script's names."""

from dataclasses import dataclass

import numpy as np

from evaluation.confusion import confusion_matrix, iou, mean, ratio
from evaluation.instances import ALL, CATEGORY_HIT, HIT, instance_statistics
from evaluation.scored_labels import (
    CATEGORIES,
    IDS,
    INSTANCE_CATEGORIES,
    MEMBERS,
    NAMES,
    SCORED,
    SCORED_CATEGORIES,
    WITH_INSTANCES,
)


@dataclass(frozen=True)
class Counts:
    """What is summed over images: confusion matrix and, where known, instance statistics."""

    matrix: np.ndarray  # int64 [34, 34] over label ids, rows the truth
    instances: np.ndarray | None  # float64 [34, 3], see evaluation.instances

    def __add__(self, other: "Counts") -> "Counts":
        unknown = self.instances is None or other.instances is None
        return Counts(self.matrix + other.matrix, None if unknown else self.instances + other.instances)


def count(truth: np.ndarray, prediction: np.ndarray, instances: np.ndarray | None = None) -> Counts:
    """Count one image.

    Args:
        truth, prediction: uint8 [H, W] of label ids 0..33.
        instances: instanceIds image [H, W], or None where there is none.

    Raises:
        ValueError: see `confusion_matrix` and `instance_statistics`.
    """
    matrix = confusion_matrix(truth, prediction, IDS)
    return Counts(matrix, None if instances is None else instance_statistics(instances, prediction))


def scores(counts: Counts) -> dict:
    """All scores of a data set, in the keys and order of the official script's JSON.

    Returns:
        confMatrix, priors, labels, classScores, classInstScores, categoryScores, categoryInstScores and
        four averages; NaN where a score is not defined. nIoU is NaN throughout without instances.
    """
    matrix = counts.matrix
    classes, instance_classes = _class_scores(counts)  # [34] each
    categories, instance_categories = _category_scores(counts)  # [8] each
    return {
        "confMatrix": matrix.tolist(),
        "priors": _named(NAMES, ratio(matrix.sum(axis=1), matrix.sum())),
        "labels": dict(zip(NAMES, range(IDS))),
        "classScores": _named(NAMES, classes),
        "classInstScores": _named(NAMES, instance_classes),
        "categoryScores": _named(CATEGORIES, categories),
        "categoryInstScores": _named(CATEGORIES, instance_categories),
        "averageScoreClasses": mean(classes),
        "averageScoreInstClasses": mean(instance_classes),
        "averageScoreCategories": mean(categories),
        "averageScoreInstCategories": mean(instance_categories),
    }


def _named(names, values) -> dict[str, float]:
    return dict(zip(names, values.tolist()))


def _on_scored_truth(matrix):
    # what is predicted where the truth is not scored counts for nothing; a prediction of a label that
    # is not scored on scored truth stays, as a miss
    return matrix * SCORED[:, None]


def _class_scores(counts):
    matrix = _on_scored_truth(counts.matrix)
    plain = np.where(SCORED, iou(matrix), np.nan)
    if counts.instances is None:
        return plain, np.full(IDS, np.nan)
    false_positives = matrix.sum(axis=0) - np.diagonal(matrix)
    weighted = ratio(counts.instances[:, HIT], counts.instances[:, ALL] + false_positives)
    return plain, np.where(SCORED & WITH_INSTANCES, weighted, np.nan)


def _category_scores(counts):
    matrix = _on_scored_truth(counts.matrix)  # [34, 34]
    members, scored = MEMBERS.astype(np.int64), (MEMBERS & SCORED).astype(np.int64)  # [8, 34]
    hits = np.diagonal(scored @ matrix @ scored.T)
    union = scored @ (matrix.sum(axis=1) + matrix.sum(axis=0)) - hits
    plain = np.where(SCORED_CATEGORIES, ratio(hits, union), np.nan)
    if counts.instances is None:
        return plain, np.full(len(CATEGORIES), np.nan)
    # here, unlike above, a predicted caravan or trailer on other truth is a false vehicle
    between = members @ matrix @ members.T  # [8, 8]
    false_positives = between.sum(axis=0) - np.diagonal(between)
    statistics = members @ counts.instances  # [8, 3]
    weighted = ratio(statistics[:, CATEGORY_HIT], statistics[:, ALL] + false_positives)
    return plain, np.where(INSTANCE_CATEGORIES, weighted, np.nan)
