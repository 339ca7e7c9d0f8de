"""Scores as text in the official script's layout, as CSV and as JSON."""

import csv
import io
import json
import math
from pathlib import Path

from common.files import write_bytes
from evaluation.scored_labels import ScoredLabels

RULE = "-" * 32


def table(scores: dict, labels: ScoredLabels) -> str:
    """The two tables of the official script: scored classes, then scored categories, if there are any."""
    lines = [*_lines("classes", _class_rows(scores, labels), scores, "Classes")]
    if labels.categories:
        lines += ["", *_lines("categories", _category_rows(scores, labels), scores, "Categories")]
    return "\n".join(lines)


def to_csv(scores: dict, labels: ScoredLabels) -> str:
    """One row per scored class and category: kind,name,iou,niou,pixels (pixels of the truth)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kind", "name", "iou", "niou", "pixels"])
    writer.writerows(["class", *row] for row in _class_rows(scores, labels))
    writer.writerows(["category", *row] for row in _category_rows(scores, labels))
    return text.getvalue()


def to_json(scores: dict, about: dict) -> str:
    """The official script's keys after those of `about`; null where a score is not defined."""
    return json.dumps(_without_nan({**about, **scores}), indent=1, allow_nan=False) + "\n"


def write(folder: Path, scores: dict, about: dict, labels: ScoredLabels) -> None:
    """Write scores.txt, scores.csv and scores.json, each whole or not at all."""
    contents = {
        "scores.txt": table(scores, labels) + "\n",
        "scores.csv": to_csv(scores, labels),
        "scores.json": to_json(scores, about),
    }
    for name, text in contents.items():
        write_bytes(folder / name, text.encode())


def _class_rows(scores, labels):
    """(name, IoU, nIoU, pixels of the truth) of each scored class."""
    pixels = [sum(row) for row in scores["confMatrix"]]
    return [
        (name, scores["classScores"][name], scores["classInstScores"][name], pixels[number])
        for number, name in enumerate(labels.names)
        if labels.scored[number]
    ]


def _category_rows(scores, labels):
    """(name, IoU, nIoU, pixels of the truth) of each scored category."""
    pixels = [sum(row) * bool(scored) for row, scored in zip(scores["confMatrix"], labels.scored)]
    return [
        (
            name,
            scores["categoryScores"][name],
            scores["categoryInstScores"][name],
            sum(count for count, category in zip(pixels, labels.category_of) if category == number),
        )
        for number, name in enumerate(labels.categories)
        if labels.scored_categories[number]
    ]


def _lines(title, rows, scores, kind):
    yield f"{title:<17}IoU      nIoU"
    yield RULE
    for name, iou, niou, _ in rows:
        yield f"{name:<14}: {iou:>5.3f}    {niou:>5.3f}"
    yield RULE
    averages = scores[f"averageScore{kind}"], scores[f"averageScoreInst{kind}"]
    yield f"Score Average : {averages[0]:5.3f}    {averages[1]:5.3f}"
    yield RULE


def _without_nan(value):
    # NaN is no JSON, though Python writes it
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
