"""From counts to scores: IoU and nIoU per class and category, under the official script's names."""

from dataclasses import dataclass

import numpy as np

from evaluation.confusion import confusion_matrix, iou, mean, ratio
from evaluation.instances import ALL, CATEGORY_HIT, HIT, instance_statistics
from evaluation.scored_labels import ScoredLabels


@dataclass(frozen=True)
class Counts:
    """What is summed over images: confusion matrix and, where known, instance statistics."""

    matrix: np.ndarray  # int64 [N, N] over the labels of `ScoredLabels`, rows the truth
    instances: np.ndarray | None  # float64 [N, 3], see evaluation.instances

    def __add__(self, other: "Counts") -> "Counts":
        unknown = self.instances is None or other.instances is None
        return Counts(self.matrix + other.matrix, None if unknown else self.instances + other.instances)


def count(
    truth: np.ndarray, prediction: np.ndarray, labels: ScoredLabels, instances: np.ndarray | None = None
) -> Counts:
    """Count one image.

    Args:
        truth, prediction: uint8 [H, W] of the numbers that `labels` counts.
        labels: see `evaluation.scored_labels`.
        instances: instanceIds image [H, W] of Cityscapes, or None where there is none.

    Raises:
        ValueError: see `confusion_matrix` and `instance_statistics`.
    """
    matrix = confusion_matrix(truth, prediction, labels.count)
    if instances is None or labels.label_ids is None:
        return Counts(matrix, None)
    return Counts(matrix, instance_statistics(instances, prediction, labels))


def scores(counts: Counts, labels: ScoredLabels) -> dict:
    """All scores of a data set, in the keys and order of the official script's JSON.

    Args:
        counts: sums over all images.
        labels: what was counted.

    Returns:
        confMatrix, priors, labels, classScores, classInstScores, categoryScores, categoryInstScores and
        four averages; NaN where a score is not defined. nIoU is NaN throughout without instances.
    """
    matrix = counts.matrix
    classes, instance_classes = _class_scores(counts, labels)  # [N] each
    categories, instance_categories = _category_scores(counts, labels)  # [K] each
    return {
        "confMatrix": matrix.tolist(),
        "priors": _named(labels.names, ratio(matrix.sum(axis=1), matrix.sum())),
        "labels": dict(zip(labels.names, range(labels.count))),
        "classScores": _named(labels.names, classes),
        "classInstScores": _named(labels.names, instance_classes),
        "categoryScores": _named(labels.categories, categories),
        "categoryInstScores": _named(labels.categories, instance_categories),
        "averageScoreClasses": mean(classes),
        "averageScoreInstClasses": mean(instance_classes),
        "averageScoreCategories": mean(categories),
        "averageScoreInstCategories": mean(instance_categories),
    }


def _named(names, values) -> dict[str, float]:
    return dict(zip(names, values.tolist()))


def _on_scored_truth(matrix, scored):
    # what is predicted where the truth is not scored counts for nothing; a prediction of a label that
    # is not scored on scored truth stays, as a miss
    return matrix * scored[:, None]


def _class_scores(counts, labels):
    matrix = _on_scored_truth(counts.matrix, labels.scored)
    plain = np.where(labels.scored, iou(matrix), np.nan)
    if counts.instances is None:
        return plain, np.full(labels.count, np.nan)
    false_positives = matrix.sum(axis=0) - np.diagonal(matrix)
    weighted = ratio(counts.instances[:, HIT], counts.instances[:, ALL] + false_positives)
    return plain, np.where(labels.scored & labels.with_instances, weighted, np.nan)


def _category_scores(counts, labels):
    matrix = _on_scored_truth(counts.matrix, labels.scored_in_categories)  # [N, N]
    members, scored = (
        labels.members.astype(np.int64),
        (labels.members & labels.scored_in_categories).astype(np.int64),
    )  # [K, N]
    hits = np.diagonal(scored @ matrix @ scored.T)
    union = scored @ (matrix.sum(axis=1) + matrix.sum(axis=0)) - hits
    plain = np.where(labels.scored_categories, ratio(hits, union), np.nan)
    if counts.instances is None:
        return plain, np.full(len(labels.categories), np.nan)
    # here, unlike above, a predicted caravan or trailer on other truth is a false vehicle
    between = members @ matrix @ members.T  # [K, K]
    false_positives = between.sum(axis=0) - np.diagonal(between)
    statistics = members @ counts.instances  # [K, 3]
    weighted = ratio(statistics[:, CATEGORY_HIT], statistics[:, ALL] + false_positives)
    return plain, np.where(labels.instance_categories, weighted, np.nan)
