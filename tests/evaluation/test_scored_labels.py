"""Scores of label sets that are not Cityscapes', by hand."""

from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from data import png
from data.label_sets import CITYSCAPES
from data.samples import Sample
from evaluation import report, scored_labels
from evaluation.predictions import score_files
from evaluation.scores import scores
from three import THREE

# file values: 1 road, 2 and 3 tree, 9 car, 0 and 255 nothing
TRUTH = [[1, 1, 1, 2], [3, 3, 9, 9], [0, 255, 0, 9]]
FOUND = [[1, 1, 2, 2], [2, 255, 9, 1], [9, 9, 1, 9]]


@pytest.fixture
def pair(tmp_path):
    for name, label in (("truth", TRUTH), ("found", FOUND)):
        png.write(tmp_path / f"{name}.png", np.array(label, np.uint8))
    return Sample(tmp_path / "a.jpg", tmp_path / "truth.png", THREE), tmp_path / "found.png"


def test_iou_by_hand(pair):
    sample, path = pair
    result = scores(score_files([sample], [path]), scored_labels.of(THREE))
    # hits, missed, wrong: road 2, 1, 1; tree 2, 1 (255), 1; car 2, 1, 0; truth of nothing is left out
    assert result["classScores"] == pytest.approx(
        {"road": 2 / 4, "tree": 2 / 4, "car": 2 / 3, "not scored": float("nan")}, nan_ok=True
    )
    assert result["averageScoreClasses"] == pytest.approx((0.5 + 0.5 + 2 / 3) / 3)
    # road and tree are one category, of whose 6 pixels 5 are found, and one of a car is taken for it
    assert result["categoryScores"] == pytest.approx({"ground": 5 / 7, "vehicle": 2 / 3})
    assert np.isnan(result["averageScoreInstClasses"])


def test_without_categories_the_table_has_classes_alone(pair):
    sample, path = pair
    plain = replace(THREE, categories=())
    sample = replace(sample, label_set=plain)
    labels = scored_labels.of(plain)
    result = scores(score_files([sample], [path]), labels)
    text = report.table(result, labels)
    assert [line.split()[0] for line in text.splitlines() if ": " in line] == ["road", "tree", "car", "Score"]
    assert "categories" not in text and np.isnan(result["averageScoreCategories"])
    assert "not scored" not in report.to_csv(result, labels)


def test_an_unknown_prediction_is_named(pair):
    sample, path = pair
    png.write(path, np.full((3, 4), 7, np.uint8))
    with pytest.raises(UserError, match=r"found.png: predicted label 7, known are 0\.\.3, 9 and 255"):
        score_files([sample], [path])


def test_cityscapes_is_scored_as_by_the_official_script():
    assert scored_labels.of(CITYSCAPES) is scored_labels.OFFICIAL
    assert scored_labels.of(replace(CITYSCAPES, name="cityscapes in train ids", unlabeled=255)).count == 20
