"""The label tables against cityscapesscripts."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import id2label, trainId2label

from common.errors import UserError
from data.label_sets import CITYSCAPES, IGNORED, LabelSet, from_json, require_same_classes

HIGHEST = 33  # label id; they are contiguous


def test_the_19_scored_classes():
    assert CITYSCAPES.classes == 19
    assert (
        CITYSCAPES.names[0] == "road" and CITYSCAPES.names[13] == "car" and CITYSCAPES.names[18] == "bicycle"
    )
    assert [label.id for label in id2label.values() if label.id >= 0] == list(range(HIGHEST + 1))


@pytest.mark.parametrize("label_id", range(HIGHEST + 1))
def test_every_label_id_becomes_the_official_train_id(label_id):
    official = id2label[label_id]
    expected = official.trainId if not official.ignoreInEval else IGNORED
    assert CITYSCAPES.file_to_train[label_id] == expected


def test_values_outside_the_table_are_ignored():
    assert (CITYSCAPES.file_to_train[HIGHEST + 1 :] == IGNORED).all()
    assert (CITYSCAPES.train_to_train[CITYSCAPES.classes :] == IGNORED).all()
    assert (CITYSCAPES.train_to_file[CITYSCAPES.classes :] == 0).all()  # "unlabeled"


@pytest.mark.parametrize("train_id", range(CITYSCAPES.classes))
def test_every_class_has_the_official_id_name_and_colour(train_id):
    official = trainId2label[train_id]
    assert CITYSCAPES.train_to_file[train_id] == official.id
    assert CITYSCAPES.names[train_id] == official.name
    assert tuple(CITYSCAPES.palette[train_id]) == official.color


def test_train_ids_survive_the_way_to_label_ids_and_back():
    train = np.array([*range(CITYSCAPES.classes), IGNORED], np.uint8)
    np.testing.assert_array_equal(CITYSCAPES.file_to_train[CITYSCAPES.train_to_file[train]], train)
    np.testing.assert_array_equal(CITYSCAPES.train_to_train[train], train)


def test_colorize_adds_a_channel_axis():
    image = CITYSCAPES.colorize(np.array([[0, IGNORED], [13, 10]], np.uint8))
    assert image.shape == (2, 2, 3) and image.dtype == np.uint8
    assert image.tolist() == [[[128, 64, 128], [0, 0, 0]], [[0, 0, 142], [70, 130, 180]]]


@pytest.mark.parametrize(
    ("value", "train_ids"), [(34, False), (200, False), (255, False), (19, True), (254, True)]
)
def test_unknown_label_values_are_counted(value, train_ids):
    label = np.full((4, 4), 7, np.uint8)
    label[1, 1:3] = value
    with pytest.raises(UserError, match=f"x.png: label value {value} in 2 pixels") as error:
        CITYSCAPES.require_known(label, "x.png", train_ids)
    assert ("known are 0..18 and 255;" if train_ids else "known are 0..33;") in str(error.value)


@pytest.mark.parametrize(("values", "train_ids"), [((0, 33), False), ((0, 18, 255), True)])
def test_known_label_values_pass(values, train_ids):
    CITYSCAPES.require_known(np.array([values], np.uint8), "x.png", train_ids)


DRIVABLE = LabelSet(
    name="drivable",
    names=("direct", "alternative", "background"),
    colors=((219, 94, 86), (86, 211, 219), (0, 0, 0)),
    train_ids=((0, 0), (1, 1), (2, 2), (255, IGNORED)),
    file_values=(0, 1, 2),
    unlabeled=255,
)


def test_a_set_with_a_gap_among_its_values():
    DRIVABLE.require_known(np.array([[0, 2, 255]], np.uint8), "x.png")
    with pytest.raises(UserError, match=r"label value 3 in 1 pixels, known are 0..2 and 255"):
        DRIVABLE.require_known(np.array([[0, 3, 255]], np.uint8), "x.png")
    assert DRIVABLE.file_to_train[[0, 2, 3, 255]].tolist() == [0, 2, IGNORED, IGNORED]
    assert DRIVABLE.train_to_file[[2, IGNORED]].tolist() == [2, 255]


@pytest.mark.parametrize("label_set", [CITYSCAPES, DRIVABLE], ids=lambda label_set: label_set.name)
def test_it_goes_through_json_and_back(label_set):
    assert from_json(json.loads(json.dumps(label_set.to_json()))) == label_set


def test_none_is_cityscapes():
    assert from_json(None) is CITYSCAPES


@pytest.mark.parametrize(
    "changed",
    [
        {"names": ["direct", "alternative"]},
        {"names": ["direct", "direct", "background"]},
        {"names": [1, 2, 3]},
        {"colors": [[0, 0, 0], [0, 0, 0], [0, 0, 256]]},
        {"colors": [[0, 0], [0, 0], [0, 0]]},
        {"train_ids": [[0, 0], [1, 1], [2, 3]]},
        {"train_ids": [[0, 0], [1, 1], [256, 2]]},
        {"train_ids": 7},
        {"file_values": [0, 1, 1]},
        {"file_values": [0.0, 1.0, 2.5]},
        {"unlabeled": 1},
        {"categories": ["road"]},
        {"speed": 3},
    ],
)
def test_what_contradicts_itself_is_refused(changed):
    with pytest.raises(ValueError, match="no label set"):
        from_json(DRIVABLE.to_json() | changed)
    with pytest.raises(ValueError, match="no label set"):
        from_json(["direct"])


def test_void_is_cut_off_whatever_library_made_the_scores():
    scores = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(DRIVABLE.without_void(scores), scores[..., :3])
    assert DRIVABLE.without_void(scores[..., :3]).shape == (2, 3, 3)


def test_a_model_and_a_data_set_of_other_classes_are_told_in_one_line():
    require_same_classes(CITYSCAPES, "run", replace(CITYSCAPES, name="other"), "town")
    with pytest.raises(UserError) as error:
        require_same_classes(DRIVABLE, "a.onnx", CITYSCAPES, "town")
    assert str(error.value) == (
        "a.onnx is of the label set drivable (3 classes), but town of cityscapes (19 classes); "
        "give weights of cityscapes, or data of drivable"
    )
