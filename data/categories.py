"""Cityscapes' seven categories (flat, construction, ..., vehicle) as classes, read from the same label files.

A label that the benchmark does not score, such as parking, is trained on as its category, but no score counts
its pixels: so the IoU of each class is the official script's of the category. "Void" is ignored, or an eighth
class.
"""

from cityscapesscripts.helpers.labels import category2labels, labels

from data.label_sets import IGNORED, LabelSet

VOID = "void"
NAMES = tuple(name for name in category2labels if name != VOID)
TYPICAL = {  # the label that stands for the category where results are written, and that it is coloured as
    "flat": "road",
    "construction": "building",
    "object": "pole",
    "nature": "vegetation",
    "sky": "sky",
    "human": "person",
    "vehicle": "car",
    VOID: "unlabeled",
}


def _categories(name: str, names: tuple[str, ...], unlabeled: int) -> LabelSet:
    """The label set of these categories; labels of other ones are ignored."""
    in_files = [label for label in labels if label.id >= 0]  # all but the licence plate's, -1
    train_ids = {category: number for number, category in enumerate(names)}
    typical = {label.name: label for label in in_files}
    return LabelSet(
        name=name,
        names=names,
        colors=tuple(typical[TYPICAL[category]].color for category in names),
        train_ids=tuple((label.id, train_ids.get(label.category, IGNORED)) for label in in_files),
        file_values=tuple(typical[TYPICAL[category]].id for category in names),
        unlabeled=unlabeled,
        categories=names,
        unscored=tuple(label.id for label in in_files if label.ignoreInEval and label.category != VOID),
    )


CATEGORIES = _categories("cityscapes categories", NAMES, unlabeled=0)
CATEGORIES_AND_VOID = _categories("cityscapes categories and void", (*NAMES, VOID), unlabeled=255)
CATEGORY_SETS = {"categories": CATEGORIES, "categories+void": CATEGORIES_AND_VOID}
