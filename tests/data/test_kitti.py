"""KITTI's two benchmarks: files, splits and colours."""

import numpy as np
import pytest

import layouts
from common.errors import UserError
from data import datasets, png
from data.kitti import FIRST_FOR_VALIDATION, LANE, ROAD, VALIDATION
from data.label_sets import CITYSCAPES, IGNORED
from data.verify import check


@pytest.fixture
def semantic(tmp_path):
    return layouts.kitti(tmp_path / "kitti")


@pytest.fixture
def road(tmp_path):
    return layouts.kitti_road(tmp_path / "kitti")


def names(samples):
    return [sample.name for sample in samples]


def test_whole_recordings_are_for_validation():
    numbers = [number for recording in VALIDATION for number in recording]
    assert len(numbers) == len({*numbers}) == 40 and max(numbers) < 200
    counts = {"um": 95, "umm": 96, "uu": 98}
    assert [counts[kind] - first for kind, first in FIRST_FOR_VALIDATION.items()] == [19, 19, 19]


def test_semantic_pairs(semantic):
    data_set = datasets.opened(semantic)
    assert data_set.name == "kitti" and data_set.label_set == CITYSCAPES
    assert data_set.splits() == ["train", "val", "test"]
    assert names(data_set.training()) == ["000012_10", "000018_10", "000046_10"]
    assert names(data_set.validation()) == ["000013_10", "000047_10"]
    assert names(data_set.unlabelled("test")) == ["000000_10"]
    sample = data_set.validation()[1]
    assert sample.label == semantic / "training" / "semantic" / "000047_10.png"
    assert sample.image_size() == sample.label_size() == (30, 62)
    np.testing.assert_array_equal(sample.decode_label(), png.decode_any(sample.label))


def test_other_benchmarks_in_the_same_folder_change_nothing(semantic):
    images = [sample.image for sample in datasets.opened(semantic).training()]
    for name in ("000012_11.png", "um_000010.png", "000012.png"):
        (semantic / "training" / "image_2" / name).write_bytes(images[0].read_bytes())
    assert [sample.image for sample in datasets.opened(semantic).training()] == images


def test_several_sizes_are_a_remark(semantic):
    found = [str(finding) for finding in check(datasets.opened(semantic).plan())]
    assert found == [
        "remark: split 'train' has images of 2 sizes: 32x64 (2 images), 30x62 (1 image)",
        "remark: split 'val' has images of 2 sizes: 32x64 (1 image), 30x62 (1 image)",
    ]


def test_road_pairs(road):
    data_set = datasets.opened(road)
    assert data_set.name == "kitti-road" and data_set.label_set == ROAD
    assert names(data_set.training()) == ["um_000000", "um_000001", "umm_000003"]
    assert names(data_set.validation()) == ["um_000080", "uu_000079"]
    assert names(datasets.opened(road / "data_road").unlabelled("test")) == ["um_000000"]
    sample = data_set.training()[2]
    assert sample.label.name == "umm_road_000003.png"
    pixels, ids = png.decode_image(sample.label), sample.train_ids()
    for color, train_id in (((255, 0, 255), 0), ((255, 0, 0), 1), ((0, 0, 0), IGNORED)):
        there = (pixels == color).all(axis=2)
        assert there.any() and (ids[there] == train_id).all()
    np.testing.assert_array_equal(ROAD.colorize(ids), pixels)


def test_the_lane_is_apart(road):
    data_set = datasets.opened(road, classes="lane")
    assert data_set.label_set == LANE and LANE.names == ("lane", "other")
    assert names(data_set.training()) == ["um_000000", "um_000001"]
    assert {sample.label.name for sample in data_set.labelled("val")} == {"um_lane_000080.png"}
    assert list(check(data_set.plan())) == [] == list(check(datasets.opened(road).plan()))


def test_mistakes_are_one_line(semantic, road, tmp_path):
    with pytest.raises(UserError, match=r"holds kitti and kitti-road: choose one of them with `dataset`"):
        datasets.opened(tmp_path / "kitti")
    assert datasets.opened(tmp_path / "kitti", "kitti-road").name == "kitti-road"
    data_set = datasets.opened(semantic, "kitti")
    with pytest.raises(UserError, match=r"split 'test' of kitti has no labels"):
        data_set.labelled("test")
    with pytest.raises(
        UserError, match=r"no split 'other' \(there: train, val, test\); unpack data_semantics"
    ):
        data_set.labelled("other")
    with pytest.raises(UserError, match=r"kitti has no coarse labels"):
        data_set.training(coarse=True)
    (semantic / "training" / "semantic" / "000013_10.png").unlink()
    with pytest.raises(UserError, match=r"000013_10.png has no label: .*semantic/000013_10.png is missing"):
        data_set.validation()
    with pytest.raises(
        UserError, match=r"is no kitti folder, without training/semantic; unpack data_semantics"
    ):
        datasets.opened(tmp_path, "kitti").training()
    with pytest.raises(UserError, match=r"no `dataset` is called kity; there are cityscapes, kitti, "):
        datasets.opened(semantic, "kity")


def test_what_is_missing_or_left_over_is_found(semantic, road):
    (semantic / "training" / "image_2" / "000012_10.png").unlink()
    (semantic / "training" / "semantic" / "000013_10.png").unlink()
    found = [str(finding) for finding in check(datasets.opened(semantic, "kitti").plan())]
    assert any(text.startswith("error: ") and "000013_10.png: no label" in text for text in found)
    assert any("remark: " in text and "000012_10.png: a label without its image" in text for text in found)


def test_an_unknown_colour_is_named(road):
    sample = datasets.opened(road, "kitti-road").training()[0]
    pixels = png.decode_image(sample.label)
    pixels[3, 5:7] = (255, 0, 254)
    png.write(sample.label, pixels)
    words = r"um_road_000000.png: colour \(255, 0, 254\) in 2 pixels, known are \(255, 0, 255\), .*; restore"
    with pytest.raises(UserError, match=words):
        sample.train_ids()
    png.write(sample.label, pixels[..., 0])
    with pytest.raises(UserError, match=r"um_road_000000.png: 8-bit grey image, need 8-bit RGB"):
        sample.label_size()
