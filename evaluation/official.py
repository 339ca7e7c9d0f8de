"""The original script, `cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling`, as a second opinion."""

import copy
import importlib
import math
from pathlib import Path

from common.errors import UserError
from data.categories import CATEGORY_SETS, VOID
from data.label_sets import CITYSCAPES, LabelSet
from data.samples import Sample

SCRIPT = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
TOLERANCE = 1e-9
SCORE_KEYS = ("priors", "classScores", "categoryScores", "averageScoreClasses", "averageScoreCategories")
INSTANCE_KEYS = (
    "classInstScores",
    "categoryInstScores",
    "averageScoreInstClasses",
    "averageScoreInstCategories",
)


def official_scores(
    samples: list[Sample], predictions: list[Path], instances: bool, quiet: bool = False
) -> dict:
    """Run the original script on written label images; it prints its tables unless `quiet`.

    Args:
        samples: images whose labels are labelIds files.
        predictions: 8-bit PNGs of label ids, one for each sample.
        instances: whether to compute nIoU; every sample then needs an instanceIds image.

    Returns:
        The script's result; its nIoU means nothing without `instances`.

    Raises:
        UserError: a truth that it cannot read, or the script gave up.
    """
    require_label_ids(samples)
    script = _script()
    arguments = copy.copy(script.args)
    arguments.evalInstLevelScore = instances
    arguments.JSONOutput = False  # it would be written to a folder of the script's choice
    arguments.quiet = quiet
    try:
        truths = [str(sample.label) for sample in samples]
        return script.evaluateImgLists([str(path) for path in predictions], truths, arguments)
    except SystemExit as error:
        raise UserError("the official script gave up; its reason is printed above") from error


def compiled_helper() -> bool:
    """Whether the original script has its compiled helper, which pip does not build."""
    return _script().CSUPPORT


def _script():
    try:
        return importlib.import_module(SCRIPT)
    except ValueError as error:  # raised for CITYSCAPES_EXPORT_DIR, which is not used here
        raise UserError(f"the official script cannot start: {error}; unset the variable") from error


def require_label_ids(samples: list[Sample]) -> None:
    """Raise UserError unless the truth is in Cityscapes' label ids, all that the original script knows."""
    for sample in samples:
        if sample.label_set not in (CITYSCAPES, *CATEGORY_SETS.values()):
            raise UserError(
                f"the official script scores {CITYSCAPES.described()}, not {sample.label_set.described()}; "
                "leave `official` out"
            )
        if sample.holds_train_ids or sample.coding:
            raise UserError(f"{sample.label}: the official script needs labelIds files; leave `official` out")


def largest_difference(ours: dict, theirs: dict, instances: bool, label_set: LabelSet = CITYSCAPES) -> float:
    """Largest absolute difference of two results; infinite where only one of two scores is defined.

    Of categories as classes, the label set tells it, the scores of categories alone are compared.
    """
    keys = SCORE_KEYS + (INSTANCE_KEYS if instances else ())
    if label_set != CITYSCAPES:
        keys = [key for key in keys if "ategor" in key]
        named = {key: {VOID: math.nan} | ours[key] for key in keys if isinstance(ours[key], dict)}
        return max(_difference(*pair) for key in keys for pair in _pairs((ours | named)[key], theirs[key]))
    pairs = [pair for key in keys for pair in _pairs(ours[key], theirs[key])]
    for rows in zip(ours["confMatrix"], theirs["confMatrix"], strict=True):
        pairs += zip(*rows, strict=True)
    return max(_difference(*pair) for pair in pairs)


def _pairs(ours, theirs):
    if not isinstance(ours, dict):
        return [(ours, theirs)]
    if ours.keys() != theirs.keys():
        return [(0.0, math.nan)]
    return [(ours[name], theirs[name]) for name in ours]


def _difference(one, other):
    if math.isnan(one) or math.isnan(other):
        return 0.0 if math.isnan(one) and math.isnan(other) else math.inf
    return abs(one - other)
