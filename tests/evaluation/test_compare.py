"""The table of `evaluate.py --compare`."""

import json

import pytest

from common.errors import UserError
from evaluation import compare


def write(folder, **changes):
    data = {"dataset": "/data/town", "split": "val"}
    found = data | dict.fromkeys(compare.AVERAGES.values(), 0.5) | changes
    folder.mkdir()
    (folder / "scores.json").write_text(json.dumps(found))
    return folder


def test_a_row_each_and_a_dash_for_what_was_not_scored(tmp_path):
    first = write(tmp_path / "a", averageScoreClasses=0.71249)
    second = write(tmp_path / "longer", averageScoreInstClasses=None, averageScoreInstCategories=None)
    heading, *rows = compare.table([first, second]).splitlines()
    assert " ".join(heading.split()) == "IoU classes nIoU classes IoU categories nIoU categories"
    assert [row.split() for row in rows] == [
        [str(first), "0.712", "0.500", "0.500", "0.500"],
        [str(second), "0.500", "-", "0.500", "-"],
    ]
    assert len({len(line) for line in (heading, *rows)}) == 1


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path):
    town, other = write(tmp_path / "a"), write(tmp_path / "b", dataset="/data/other")
    with pytest.raises(UserError, match=r"different data cannot be .*: /data/other \(val\) and /data/town"):
        compare.table([town, other])
    with pytest.raises(
        UserError, match=r"cannot read .*nowhere.scores\.json: No such file.*run evaluate\.py"
    ):
        compare.table([town, tmp_path / "nowhere"])
    for text in ("{}", "[1]", "{"):
        (other / "scores.json").write_text(text)
        with pytest.raises(UserError, match=r"scores\.json is no scores file of evaluate\.py"):
            compare.table([town, other])
