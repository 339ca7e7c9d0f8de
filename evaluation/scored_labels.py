"""What scores need of a label set, as arrays over the labels that are counted and their categories.

Counted are numbers from 0, rows and columns of the confusion matrix. Of Cityscapes these are all label ids,
as in the official script: what is predicted as a label that is not scored is a miss, and nIoU needs more than
the classes. Of other label sets they are the train ids, and one number more for all that is not scored.
Cityscapes' categories as classes get the official script's scores of categories.
"""

import functools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from cityscapesscripts.helpers.labels import category2labels, id2label

from data.categories import CATEGORY_SETS, VOID
from data.label_sets import CITYSCAPES, LabelSet

OTHERS = "not scored"  # as a name among those of classes


@dataclass(frozen=True, eq=False)
class ScoredLabels:
    """The labels that are counted, N of them, and their K categories.

    Attributes:
        names: of the labels.
        scored: bool [N].
        scored_in_categories: bool [N]; the same for the scores of categories.
        with_instances: bool [N]; nIoU is defined for these.
        categories: names.
        category_of: int [N] label -> category, or -1.
        of_train_id: uint8 [256] train id -> label.
        of_file_value: uint8 [256] value in predictions -> label.
        of_true_value: uint8 [256] value in label files -> label.
        label_ids: uint8 [N] label -> label id of Cityscapes, for nIoU; None: it is defined for no label.
    """

    names: tuple[str, ...]
    scored: np.ndarray
    scored_in_categories: np.ndarray
    with_instances: np.ndarray
    categories: tuple[str, ...]
    category_of: np.ndarray
    of_train_id: np.ndarray
    of_file_value: np.ndarray
    of_true_value: np.ndarray
    label_ids: np.ndarray | None = None

    @property
    def count(self) -> int:
        """N."""
        return len(self.names)

    @cached_property
    def members(self) -> np.ndarray:
        """Which labels a category has, bool [K, N]."""
        return np.equal.outer(range(len(self.categories)), self.category_of)

    @cached_property
    def scored_categories(self) -> np.ndarray:
        """Which categories have a label that is scored, bool [K]."""
        return (self.members & self.scored_in_categories).any(axis=1)

    @cached_property
    def instance_categories(self) -> np.ndarray:
        """Where an instance-weighted score exists: all labels of the category have instances, bool [K]."""
        return (self.with_instances | ~self.members).all(axis=1)


def _official() -> ScoredLabels:
    """All label ids of Cityscapes, 0..33, and 8 categories, "void" first."""
    labels = [id2label[number] for number in range(len(CITYSCAPES.train_ids))]
    categories = tuple(category2labels)
    scored = np.array([not label.ignoreInEval for label in labels])
    return ScoredLabels(
        names=tuple(label.name for label in labels),
        scored=scored,
        scored_in_categories=scored,
        with_instances=np.array([label.hasInstances for label in labels]),
        categories=categories,
        category_of=np.array([categories.index(label.category) for label in labels]),
        of_train_id=CITYSCAPES.train_to_file,
        of_file_value=np.arange(256, dtype=np.uint8),
        of_true_value=np.arange(256, dtype=np.uint8),
        label_ids=np.arange(len(labels), dtype=np.uint8),
    )


OFFICIAL = _official()


@functools.cache
def of(label_set: LabelSet) -> ScoredLabels:
    """What is scored of a label set."""
    if label_set == CITYSCAPES:
        return OFFICIAL
    labels = _plain(label_set)
    return _with_official_categories(labels, label_set) if label_set in CATEGORY_SETS.values() else labels


def _plain(label_set: LabelSet) -> ScoredLabels:
    """The train ids, of which all are scored and none has instances."""
    classes = label_set.classes
    categories = tuple(dict.fromkeys(label_set.categories))
    category_of = [categories.index(name) for name in label_set.categories] or [-1] * classes  # -1: in none
    scored = np.arange(classes + 1) < classes
    return ScoredLabels(
        names=(*label_set.names, OTHERS),
        scored=scored,
        scored_in_categories=scored,
        with_instances=np.zeros(classes + 1, bool),
        categories=categories,
        category_of=np.array([*category_of, -1]),
        of_train_id=np.minimum(label_set.train_to_train, np.uint8(classes)),
        of_file_value=np.minimum(label_set.file_to_train, np.uint8(classes)),
        of_true_value=np.minimum(label_set.file_to_scored, np.uint8(classes)),
    )


def _with_official_categories(labels: ScoredLabels, label_set: LabelSet) -> ScoredLabels:
    """The same with nIoU, and with categories as the official script scores them: without void.

    Void as a class is scored among the classes.
    """
    with_instances = {
        OFFICIAL.categories[number] for number in np.flatnonzero(OFFICIAL.instance_categories).tolist()
    }
    return replace(
        labels,
        scored_in_categories=labels.scored & np.array([name != VOID for name in labels.names]),
        with_instances=np.array([name in with_instances for name in labels.names]),
        label_ids=np.array([*label_set.file_values, 0], np.uint8),
    )
