"""The written forms of the scores: text as the official script prints it, CSV, JSON."""

import copy
import csv
import io
import json

import numpy as np
import pytest

from common.files import make_folder
from evaluation import report
from evaluation.scored_labels import OFFICIAL
from evaluation.scores import Counts, scores


@pytest.fixture
def result():
    matrix = np.zeros((34, 34), np.int64)
    matrix[7, 7], matrix[7, 0], matrix[26, 26], matrix[29, 26], matrix[4, 4] = 60, 40, 30, 9, 8
    return scores(Counts(matrix, None), OFFICIAL)


def test_table_is_laid_out_like_the_official_one(result, capsys):
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as script

    arguments = copy.copy(script.args)
    arguments.evalLabels, arguments.colorized = list(range(34)), False
    script.printClassScores(result["classScores"], result["classInstScores"], arguments)
    script.printCategoryScores(result["categoryScores"], result["categoryInstScores"], arguments)
    printed = capsys.readouterr().out.splitlines()
    ours = report.table(result, OFFICIAL).splitlines()
    assert [line for line in printed if line not in ours] == []
    assert ours[:3] == printed[:3]
    assert "Score Average : 0.800      nan" in ours


def test_csv_has_a_row_for_each_class_and_category(result):
    rows = list(csv.DictReader(io.StringIO(report.to_csv(result, OFFICIAL))))
    assert [row["kind"] for row in rows] == ["class"] * 19 + ["category"] * 7
    assert rows[0] == {"kind": "class", "name": "road", "iou": "0.6", "niou": "nan", "pixels": "100"}
    vehicle = rows[-1]
    assert vehicle["name"] == "vehicle"
    assert vehicle["pixels"] == "30"  # caravans are not scored
    assert float(vehicle["iou"]) == 1.0


def test_json_is_strict_and_holds_the_official_keys(result):
    def refuse(constant):
        raise AssertionError(constant)

    data = json.loads(report.to_json(result, {"pictures": 1}), parse_constant=refuse)
    assert data["pictures"] == 1
    assert set(result) < set(data)
    assert data["classScores"]["road"] == 0.6
    assert data["classScores"]["unlabeled"] is None
    assert data["confMatrix"][7][0] == 40


def test_files_are_whole_and_nothing_else_is_left(result, tmp_path):
    folder = tmp_path / "new" / "scores"
    make_folder(folder)
    report.write(folder, result, {}, OFFICIAL)
    report.write(folder, result, {}, OFFICIAL)
    assert sorted(path.name for path in folder.iterdir()) == ["scores.csv", "scores.json", "scores.txt"]
    assert (folder / "scores.txt").read_text() == report.table(result, OFFICIAL) + "\n"
