"""BDD100K's two tasks in the folders of its archives."""

import numpy as np
import pytest

import layouts
from common.errors import UserError
from data import datasets, jpeg, png
from data.bdd100k import DRIVABLE, SEMANTIC
from data.label_sets import CITYSCAPES, IGNORED, require_same_classes
from data.verify import check


def test_drivable_area(tmp_path):
    root = layouts.bdd100k_drivable(tmp_path)
    data_set = datasets.opened(root)
    assert data_set.name == "bdd100k-drivable" and data_set.splits() == ["train", "val", "test"]
    assert data_set.training() == datasets.opened(root / "bdd100k").training()
    names = {split: [sample.name for sample in data_set.unlabelled(split)] for split in data_set.splits()}
    assert names == {split: list(names) for split, names in layouts.BDD100K_NAMES.items()}
    sample = data_set.validation()[0]
    assert sample.image.suffix == ".jpg" and sample.label.parent.parent.name == "masks"
    np.testing.assert_array_equal(sample.train_ids(), png.decode_any(sample.label))
    assert sample.decode_image().shape == (36, 64, 3) and jpeg.size(sample.image) == (36, 64)
    assert DRIVABLE.names == ("direct", "alternative", "background")
    assert list(check(data_set.plan())) == []


def test_semantic_segmentation_is_cityscapes_in_train_ids(tmp_path):
    data_set = datasets.opened(layouts.bdd100k_semantic(tmp_path))
    assert data_set.name == "bdd100k-semantic"
    sample = data_set.training()[0]
    label = png.decode_any(sample.label)
    assert (label == IGNORED).any() and (label == 18).any()
    np.testing.assert_array_equal(sample.train_ids(), label)
    assert SEMANTIC.names == CITYSCAPES.names and SEMANTIC.categories == CITYSCAPES.categories
    require_same_classes(CITYSCAPES, "weights of Cityscapes", data_set.label_set, "BDD100K")
    assert list(check(data_set.plan())) == []


def test_both_in_one_folder_are_told_apart(tmp_path):
    layouts.bdd100k_semantic(layouts.bdd100k_drivable(tmp_path))
    with pytest.raises(UserError, match="holds bdd100k-drivable and bdd100k-semantic: choose one of them"):
        datasets.opened(tmp_path)
    for name in ("bdd100k-drivable", "bdd100k-semantic"):
        data_set = datasets.opened(tmp_path, name)
        assert data_set.name == name and list(check(data_set.plan())) == []


def test_what_is_missing_is_named_with_its_archive(tmp_path):
    data_set = datasets.opened(layouts.bdd100k_drivable(tmp_path))
    label = data_set.validation()[1].label
    label.unlink()
    with pytest.raises(UserError, match=f"{label} is missing; unpack .*bdd100k_drivable_labels_trainval.zip"):
        data_set.validation()
    (finding,) = check(data_set.plan())
    assert finding.error and str(label) in finding.text
    with pytest.raises(UserError, match="split 'test' of bdd100k-drivable has no labels"):
        data_set.labelled("test")
