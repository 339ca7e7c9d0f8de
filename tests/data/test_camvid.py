"""CamVid's layouts: the same eleven classes and the same split from each."""

import os

import numpy as np
import pytest

import layouts
from common.errors import UserError
from data import datasets, png, stats
from data.camvid import CAMVID, COLORS, GROUPS, ORIGINAL, VOID, CamVid, split_of
from data.color_labels import ColorSample
from data.label_sets import IGNORED
from data.verify import check
from tiny import camvid

LAYOUTS = (layouts.camvid, layouts.camvid_colors, layouts.camvid_sorted)


def test_32_classes_are_11_and_void():
    assert len(ORIGINAL) == len({*ORIGINAL.values()}) == len(COLORS) == 32 and VOID == 11
    parts = [part for group in GROUPS.values() for part in group]
    assert sorted([*parts, "Void"]) == sorted(ORIGINAL)
    assert CAMVID.names[3] == "road" and CAMVID.names[8] == "car" and CAMVID.classes == 11
    assert dict(COLORS)[128, 0, 192] == 3 and dict(COLORS)[192, 0, 192] == 10  # lane markings, motorcycles


@pytest.mark.parametrize("write", LAYOUTS)
def test_the_split_is_the_tutorials(tmp_path, write):
    data_set = datasets.opened(write(tmp_path / "set"))
    assert isinstance(data_set, CamVid) and data_set.splits() == ["train", "val", "test"]
    for split, names in layouts.CAMVID_NAMES.items():
        assert sorted(sample.name for sample in data_set.labelled(split)) == sorted(names)
    assert {split_of(name) for name in layouts.CAMVID_NAMES["test"]} == {"test"}
    assert split_of("0016E5_07920") == "train" and split_of("thumbs") is None
    assert list(check(data_set.plan())) == []


def test_values_of_the_tutorial(tmp_path):
    sample = datasets.opened(layouts.camvid(tmp_path)).labelled("test")[0]
    label = png.decode_any(sample.label)
    np.testing.assert_array_equal(sample.train_ids(), np.where(label == 11, IGNORED, label))
    png.write(sample.label, np.full_like(label, 12))
    with pytest.raises(UserError, match=r"label value 12 in 2048 pixels, known are 0\.\.11; restore"):
        sample.train_ids()


@pytest.mark.parametrize("write", LAYOUTS[1:])
def test_colours_become_the_same_classes(tmp_path, write):
    sample = datasets.opened(write(tmp_path)).training()[0]
    assert isinstance(sample, ColorSample) and sample.label.name == f"{sample.name}_L.png"
    pixels, ids = png.decode_image(sample.label), sample.train_ids()
    for number, group in enumerate(GROUPS.values()):
        for part in group:
            there = (pixels == ORIGINAL[part]).all(axis=2)
            assert there.any() and (ids[there] == number).all()
    assert (ids[(pixels == 0).all(axis=2)] == IGNORED).all()


def test_another_folder_is_one_line(tmp_path):
    words = "is no camvid folder, without train and trainannot, or 701_StillsRaw_full and .*; unpack CamVid"
    with pytest.raises(UserError, match=words):
        datasets.opened(tmp_path, "camvid").training()


def test_real_pictures_in_the_tutorials_layout(tmp_path):
    """Twelve of them, whose labels a machine may have as Cityscapes' label ids."""
    values = {23: 0, 11: 1, 17: 2, 7: 3, 8: 4, 21: 5, 20: 6, 13: 7, 26: 8, 24: 9, 33: 10}
    table = np.array([values.get(value, VOID) for value in range(256)], np.uint8)
    given = datasets.opened(camvid())
    for split, samples in (("train", given.training()[::20]), ("val", given.validation()[::20])):
        for number, sample in enumerate(samples):
            (tmp_path / split).mkdir(exist_ok=True)
            os.symlink(sample.image, tmp_path / split / f"{number}.png")
            layouts.write_image(tmp_path / f"{split}annot" / f"{number}.png", table[sample.decode_label()])
    data_set = datasets.opened(tmp_path)
    assert data_set.name == "camvid" and list(check(data_set.plan())) == []
    ours, theirs = stats.count(data_set.training()), stats.count(given.training()[::20])
    numbers = {int(value): train_id for train_id, value in enumerate(theirs.label_set.file_values)}
    expected = [theirs.pixels[numbers[value]] for value in values]
    assert ours.pixels.tolist() == expected and ours.ignored == theirs.ignored
    assert ours.shares()[3] > 0.2  # road
