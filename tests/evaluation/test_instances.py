"""Instance statistics by hand; equality with the official script is in test_official_scores.py."""

import numpy as np
import pytest

from evaluation.instances import ALL, AVERAGE_SIZE, CATEGORY_HIT, HIT, instance_statistics

PERSON, RIDER, CAR, BUS, CARAVAN = 24, 25, 26, 28, 29


def test_average_sizes_are_the_official_ones():
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as script

    assert script.args.avgClassSize == AVERAGE_SIZE


def test_two_cars_by_hand():
    instances = np.array([[26001, 26001, 26001, 26001], [26002, 26002, 7, 26]], np.uint16)
    prediction = np.array([[CAR, CAR, CAR, BUS], [CAR, 7, CAR, CAR]], np.uint8)
    statistics = instance_statistics(instances, prediction)
    size = AVERAGE_SIZE["car"]
    assert statistics[CAR, ALL] == pytest.approx(2 * size)
    assert statistics[CAR, HIT] == pytest.approx(size * (3 / 4 + 1 / 2))
    assert statistics[CAR, CATEGORY_HIT] == pytest.approx(size * (4 / 4 + 1 / 2))
    assert not np.delete(statistics, CAR, axis=0).any()


def test_predicted_caravan_hits_the_category_but_its_objects_are_skipped():
    instances = np.array([[26001, 26001, 29001, 29001]], np.uint16)
    prediction = np.array([[CARAVAN, 0, CARAVAN, CAR]], np.uint8)
    statistics = instance_statistics(instances, prediction)
    assert statistics[CAR].tolist() == pytest.approx([AVERAGE_SIZE["car"], 0, AVERAGE_SIZE["car"] / 2])
    assert not statistics[CARAVAN].any()


def test_groups_and_the_number_1000_are_no_objects():
    instances = np.array([[PERSON, CAR, 1000, 999, 0]], np.uint16)
    assert not instance_statistics(instances, np.full((1, 5), CAR, np.uint8)).any()


def test_eight_bit_instances_without_objects():
    assert not instance_statistics(np.full((3, 4), CAR, np.uint8), np.zeros((3, 4), np.uint8)).any()


def test_more_objects_than_fit_16_bits():
    numbers = np.arange(1000)
    instances = np.concatenate([label * 1000 + numbers for label in (PERSON, RIDER, CAR)]).astype(np.uint16)
    prediction = np.full((1, 3000), CAR, np.uint8)
    statistics = instance_statistics(instances[None], prediction)
    assert statistics[[PERSON, RIDER, CAR], HIT] == pytest.approx([0, 0, 1000 * AVERAGE_SIZE["car"]])
    assert statistics[RIDER, ALL] == pytest.approx(1000 * AVERAGE_SIZE["rider"])


@pytest.mark.parametrize("value", [7005, 23001, 34000, 65535])
def test_object_of_a_class_without_objects(value):
    with pytest.raises(ValueError, match=str(value)):
        instance_statistics(np.array([[value, 26001]], np.uint16), np.zeros((1, 2), np.uint8))


def test_object_of_an_unscored_class_is_skipped():
    assert not instance_statistics(np.array([[5001, 1001]], np.uint16), np.zeros((1, 2), np.uint8)).any()
