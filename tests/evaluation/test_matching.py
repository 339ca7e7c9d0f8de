"""Which file is the prediction of which image."""

from pathlib import Path

import pytest

from common.errors import UserError
from data.cityscapes import CityscapesSample
from evaluation.matching import find_predictions


def samples(*names):
    return [CityscapesSample(Path(f"town/{name}_leftImg8bit.png"), None) for name in names]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_official_pattern_anywhere_below(tmp_path):
    touch(tmp_path, "deep/er/a_000001_000019_pred.png", "a_000000_000019.png", "a_000000_000019.txt", "b.txt")
    found = find_predictions(tmp_path, samples("a_000000_000019", "a_000001_000019"))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a_000000_000019.png",
        "deep/er/a_000001_000019_pred.png",
    ]


def test_colour_and_overlay_images_are_passed_over(tmp_path):
    for kind in ("labelIds", "color", "overlay"):
        touch(tmp_path, f"{kind}/a/a_000000_000019_{kind}.png")
    found = find_predictions(tmp_path, samples("a_000000_000019"))
    assert found == [tmp_path / "labelIds/a/a_000000_000019_labelIds.png"]


def test_names_that_begin_with_other_names(tmp_path):
    touch(tmp_path, "frame_1_x.png", "frame_1_b_x.png", "frame_10_x.png", "frame_100.png")
    found = find_predictions(tmp_path, samples("frame_1", "frame_1_b", "frame_10"))
    assert [path.name for path in found] == ["frame_1_x.png", "frame_1_b_x.png", "frame_10_x.png"]


def test_missing_twice_and_no_folder(tmp_path):
    touch(tmp_path, "a_000000_000019_x.png", "b/a_000000_000019_y.png")
    with pytest.raises(UserError, match="no prediction for c_000000_000019"):
        find_predictions(tmp_path, samples("c_000000_000019"))
    with pytest.raises(UserError, match=r"2 predictions for a_000000_000019: .*_x\.png and .*_y\.png"):
        find_predictions(tmp_path, samples("a_000000_000019"))
    with pytest.raises(UserError, match="does not exist"):
        find_predictions(tmp_path / "nowhere", samples("a_000000_000019"))
