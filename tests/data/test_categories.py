"""Cityscapes' categories as classes: which label means what, in training and in scores."""

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import category2labels, id2label

from common.errors import UserError
from data import cache, datasets, png
from data.categories import CATEGORIES, CATEGORIES_AND_VOID, CATEGORY_SETS
from data.cityscapes import CityscapesSample
from data.label_sets import CITYSCAPES, IGNORED, from_json
from data.pipeline import Batches
from tiny import tiny_dataset

NAMES = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")


def test_the_seven_categories_and_void():
    assert CATEGORIES.names == NAMES and CATEGORIES_AND_VOID.names == (*NAMES, "void")
    assert {*CATEGORIES_AND_VOID.names} == {*category2labels}
    assert CATEGORIES.colors == CATEGORIES_AND_VOID.colors[:7] and len({*CATEGORIES_AND_VOID.colors}) == 8


@pytest.mark.parametrize("label_id", range(34))
def test_each_label_is_its_category_and_scored_as_by_the_benchmark(label_id):
    official = id2label[label_id]
    void = official.category == "void"
    number = IGNORED if void else NAMES.index(official.category)
    assert CATEGORIES.file_to_train[label_id] == number
    assert CATEGORIES.file_to_scored[label_id] == (IGNORED if official.ignoreInEval else number)
    assert CATEGORIES_AND_VOID.file_to_train[label_id] == (7 if void else number)
    expected = 7 if void else IGNORED if official.ignoreInEval else number
    assert CATEGORIES_AND_VOID.file_to_scored[label_id] == expected


@pytest.mark.parametrize("label_set", CATEGORY_SETS.values(), ids=CATEGORY_SETS)
def test_results_are_label_ids_of_the_category_in_its_colour(label_set):
    for train_id, name in enumerate(label_set.names):
        official = id2label[int(label_set.train_to_file[train_id])]
        assert official.category == name and official.color == label_set.colors[train_id]
        assert name == "void" or not official.ignoreInEval
    assert from_json(label_set.to_json()) == label_set


def test_what_is_not_scored_is_trained_on_all_the_same(tmp_path):
    png.write(tmp_path / "a.png", np.zeros((1, 4, 3), np.uint8))
    png.write(
        tmp_path / "a_gtFine_labelIds.png", np.array([[9, 29, 7, 4]], np.uint8)
    )  # parking, caravan, ...
    sample = CityscapesSample(tmp_path / "a.png", tmp_path / "a_gtFine_labelIds.png", CATEGORIES)
    [(_, scored)] = Batches([sample], (1, 4), 1, cache.NoCache(), 1).evaluation()
    assert scored.numpy().tolist() == [[[IGNORED, IGNORED, 0, IGNORED]]]
    assert sample.train_ids().tolist() == [[0, 6, 0, IGNORED]]
    assert sample.scored_ids().tolist() == [[IGNORED, IGNORED, 0, IGNORED]]
    [(_, trained)] = Batches([sample], (1, 4), 1, cache.NoCache(), 1).training(0, 0)
    assert set(np.unique(trained)) <= {0, 6, IGNORED}


def test_files_of_train_ids_are_understood(tmp_path):
    label = tmp_path / "a_gtFine_labelTrainIds.png"
    png.write(label, np.array([[0, 1, 11, 18, 255]], np.uint8))  # road, sidewalk, person, bicycle, ignored
    sample = CityscapesSample(tmp_path / "a.png", label, CATEGORIES)
    assert sample.train_ids().tolist() == [[0, 0, 5, 6, IGNORED]] and sample.coding
    assert CityscapesSample(tmp_path / "a.png", label, CATEGORIES_AND_VOID).train_ids()[0, 4] == 7
    plain = CityscapesSample(tmp_path / "a.png", label)
    assert (
        plain.holds_train_ids and not plain.coding and plain.train_ids().tolist() == [[0, 1, 11, 18, IGNORED]]
    )
    png.write(label, np.array([[19]], np.uint8))
    with pytest.raises(UserError, match=r"labelTrainIds.png: label value 19 in 1 pixels, known are 0\.\.18"):
        sample.decode_label()


def test_a_data_set_is_opened_by_classes_or_for_a_model(tmp_path):
    root = tiny_dataset(tmp_path / "town", train=1, val=1, size=(16, 32))
    data_set = datasets.opened(root, classes="categories")
    assert data_set.label_set == CATEGORIES == data_set.validation()[0].label_set
    assert datasets.opened(root).for_model(CATEGORIES_AND_VOID).label_set == CATEGORIES_AND_VOID
    assert data_set.for_model(CATEGORIES) is data_set
    assert data_set.for_model(CITYSCAPES).label_set == CATEGORIES  # `classes` was given: the error tells
    words = r"cityscapes has no `classes` colours; give categories or categories\+void, or leave .* its 19"
    with pytest.raises(UserError, match=words):
        datasets.opened(root, classes="colours")


def test_a_cache_keeps_both_readings_of_a_file_apart(tmp_path):
    png.write(tmp_path / "a.png", np.zeros((1, 2, 3), np.uint8))
    label = tmp_path / "a_gtFine_labelTrainIds.png"
    png.write(label, np.array([[0, 13]], np.uint8))
    kept = cache.FolderCache(tmp_path / "cache")
    for label_set, expected in ((CITYSCAPES, [[0, 13]]), (CATEGORIES, [[7, 26]])):
        sample = CityscapesSample(tmp_path / "a.png", label, label_set)
        for _ in range(2):
            assert kept.load(sample)[1].tolist() == expected
