"""The label tables against cityscapesscripts."""

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import id2label, trainId2label

from data.labels import (
    CLASS_COUNT,
    CLASS_NAMES,
    HIGHEST_LABEL_ID,
    IGNORED,
    LABEL_TO_TRAIN,
    PALETTE,
    TRAIN_TO_LABEL,
    TRAIN_TO_TRAIN,
    colorize,
)


def test_the_19_scored_classes():
    assert CLASS_COUNT == 19
    assert CLASS_NAMES[0] == "road" and CLASS_NAMES[13] == "car" and CLASS_NAMES[18] == "bicycle"
    assert [label.id for label in id2label.values() if label.id >= 0] == list(range(HIGHEST_LABEL_ID + 1))


@pytest.mark.parametrize("label_id", range(HIGHEST_LABEL_ID + 1))
def test_every_label_id_becomes_the_official_train_id(label_id):
    official = id2label[label_id]
    expected = official.trainId if not official.ignoreInEval else IGNORED
    assert LABEL_TO_TRAIN[label_id] == expected


def test_values_outside_the_table_are_ignored():
    assert (LABEL_TO_TRAIN[HIGHEST_LABEL_ID + 1 :] == IGNORED).all()
    assert (TRAIN_TO_TRAIN[CLASS_COUNT:] == IGNORED).all()
    assert (TRAIN_TO_LABEL[CLASS_COUNT:] == 0).all()  # "unlabeled"


@pytest.mark.parametrize("train_id", range(CLASS_COUNT))
def test_every_class_has_the_official_id_name_and_colour(train_id):
    official = trainId2label[train_id]
    assert TRAIN_TO_LABEL[train_id] == official.id
    assert CLASS_NAMES[train_id] == official.name
    assert tuple(PALETTE[train_id]) == official.color


def test_train_ids_survive_the_way_to_label_ids_and_back():
    train = np.array([*range(CLASS_COUNT), IGNORED], np.uint8)
    np.testing.assert_array_equal(LABEL_TO_TRAIN[TRAIN_TO_LABEL[train]], train)
    np.testing.assert_array_equal(TRAIN_TO_TRAIN[train], train)


def test_colorize_adds_a_channel_axis():
    image = colorize(np.array([[0, IGNORED], [13, 10]], np.uint8))
    assert image.shape == (2, 2, 3) and image.dtype == np.uint8
    assert image.tolist() == [[[128, 64, 128], [0, 0, 0]], [[0, 0, 142], [70, 130, 180]]]
