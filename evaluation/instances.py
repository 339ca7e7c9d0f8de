"""Instance statistics behind Cityscapes' nIoU, the IoU in which every object weighs the same.

Each object's pixels are weighted by (average size of its class) / (size of this object), so that a
far car counts as much as a near one. Objects are the values above 1000 of an instanceIds image,
`label id * 1000 + number`; smaller values are label ids of regions without single objects (groups
included), which have no part in it.
Source: Cordts et al., "The Cityscapes Dataset", CVPR 2016, section 4.1.
"""

import numpy as np

from evaluation.scored_labels import OFFICIAL, ScoredLabels

# Pixels per object in the data set, `args.avgClassSize` of cityscapesscripts 2.3.0. Typed here because
# importing that script raises if CITYSCAPES_EXPORT_DIR is no folder; a test compares the two.
AVERAGE_SIZE = {
    "person": 3462.4756337644,
    "rider": 3930.4788056518,
    "car": 12794.0202738185,
    "truck": 27855.1264367816,
    "bus": 35732.1511111111,
    "caravan": 36771.8241758242,
    "trailer": 16926.9763313609,
    "train": 67583.7075812274,
    "motorcycle": 6298.7200839748,
    "bicycle": 4672.3249222261,
}
FIRST_OBJECT = 1000  # values up to and including this one are no objects
SIZES = np.array([AVERAGE_SIZE.get(name, np.nan) for name in OFFICIAL.names])  # [34]

ALL, HIT, CATEGORY_HIT = range(3)  # columns: weighted pixels; those of the right class; of the right category
IDS = OFFICIAL.count  # 34
_SAME_CATEGORY = OFFICIAL.category_of[:, None] == OFFICIAL.category_of  # [34, 34]


def instance_statistics(
    instances: np.ndarray, prediction: np.ndarray, labels: ScoredLabels = OFFICIAL
) -> np.ndarray:
    """Weighted pixel counts of an image's objects, summed by class.

    All objects are counted at once in a table [objects, label ids], because a mask per object would
    walk over the whole image for each.

    Args:
        instances: unsigned integers [H, W] in the coding above.
        prediction: uint8 [H, W] of the numbers that `labels` counts, N of them.
        labels: all label ids, or categories as classes.

    Returns:
        float64 [N, 3]: for each number the sums of ALL, HIT and CATEGORY_HIT. Sums of images are
        the statistics of the data set.

    Raises:
        ValueError: an object of a class that has no objects; the message names its value.
    """
    if labels is not OFFICIAL:
        return _by_category(instance_statistics(instances, labels.label_ids[prediction]), labels)
    statistics = np.zeros((IDS, 3))
    values, table = _count(instances, prediction)  # [objects], [objects, 34]
    owner = values // FIRST_OBJECT
    _require_object_classes(values, owner)
    scored = OFFICIAL.scored[owner]
    owner, table = owner[scored], table[scored]
    pixels = table.sum(axis=1)
    weight = SIZES[owner] / pixels
    hit = table[np.arange(len(owner)), owner]
    category_hit = (table * _SAME_CATEGORY[owner]).sum(axis=1)
    # `at` because a class may own several objects
    np.add.at(statistics, owner, np.stack([weight * pixels, weight * hit, weight * category_hit], axis=1))
    return statistics


def _by_category(statistics: np.ndarray, labels: ScoredLabels) -> np.ndarray:
    """Sums over the label ids of a category, [34, 3] -> [N, 3]; a hit of the category is one of the class."""
    sums = np.zeros((labels.count, 3))
    np.add.at(sums, labels.of_file_value[:IDS], statistics[:, [ALL, CATEGORY_HIT, CATEGORY_HIT]])
    return sums


def _count(instances, prediction):
    """The objects' values [objects], ascending, and their pixels by predicted label id [objects, 34]."""
    inside = instances > FIRST_OBJECT
    objects, predicted = instances[inside], prediction[inside]  # [pixels of objects]
    values = np.flatnonzero(np.bincount(objects))
    row = np.zeros(values[-1] + 1 if values.size else 1, np.uint32)
    row[values] = np.arange(values.size)
    cell = row.take(objects, mode="clip") * IDS + predicted  # "clip" spares the bounds check
    table = np.bincount(cell, minlength=values.size * IDS).reshape(values.size, IDS)
    return values, table


def _require_object_classes(values, owner):
    known = owner < IDS
    # labels that are not scored are skipped, whatever they are; the others need an average size
    wrong = ~known | (OFFICIAL.scored & ~OFFICIAL.with_instances)[np.where(known, owner, 0)]
    if wrong.any():
        raise ValueError(f"instance value {values[wrong][0]} belongs to no class that has instances")
