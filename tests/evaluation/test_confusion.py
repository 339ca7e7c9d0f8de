"""Confusion matrix and ratios against hand values and plain NumPy."""

import numpy as np
import pytest

from evaluation import confusion
from evaluation.confusion import confusion_matrix, iou, mean_iou, pixel_accuracy

TRUTH = np.array([[0, 0, 1], [1, 255, 2]], np.uint8)
PREDICTION = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
MATRIX = [[1, 1, 0], [0, 2, 0], [1, 0, 0]]  # the pixel with truth 255 is left out


def by_hand(truth, prediction, classes):
    matrix = np.zeros((classes, classes), np.int64)
    for true, predicted in zip(truth.ravel(), prediction.ravel()):
        if true < classes:
            matrix[true, predicted] += 1
    return matrix


def test_two_by_three_pixels():
    matrix = confusion_matrix(TRUTH, PREDICTION, 3)
    assert matrix.tolist() == MATRIX
    assert matrix.dtype == np.int64


def test_ratios_by_hand():
    matrix = np.array(MATRIX)
    np.testing.assert_allclose(iou(matrix), [1 / 3, 2 / 3, 0])
    assert mean_iou(matrix) == pytest.approx(1 / 3)
    assert pixel_accuracy(matrix) == pytest.approx(3 / 5)


def test_class_in_neither_truth_nor_prediction_is_nan_and_does_not_count():
    matrix = np.array([[3, 0, 1], [0, 0, 0], [0, 0, 4]])
    np.testing.assert_allclose(iou(matrix), [3 / 4, np.nan, 4 / 5])
    assert mean_iou(matrix) == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_class_that_is_only_predicted_scores_zero():
    assert iou(np.array([[1, 1], [0, 0]])).tolist() == [0.5, 0]


def test_nothing_counted_is_nan():
    empty = confusion_matrix(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8), 3)
    assert not empty.any()
    assert np.isnan(iou(empty)).all()
    assert np.isnan(mean_iou(empty)) and np.isnan(pixel_accuracy(empty))


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (37, 53), (2, 9, 11)])
@pytest.mark.parametrize("classes", [2, 19, 34, 255])
def test_random_maps(shape, classes):
    random = np.random.default_rng(5)
    truth = random.integers(0, 256, shape).astype(np.uint8)
    prediction = random.integers(0, classes, shape).astype(np.uint8)
    assert (confusion_matrix(truth, prediction, classes) == by_hand(truth, prediction, classes)).all()


def test_views_are_counted_like_copies():
    random = np.random.default_rng(6)
    truth, prediction = random.integers(0, 19, (2, 40, 60)).astype(np.uint8)
    parts = truth[::2, 5:50:3], prediction[::2, 5:50:3]
    assert (confusion_matrix(*parts, 19) == by_hand(*parts, 19)).all()


def test_parts_sum_to_the_whole():
    random = np.random.default_rng(7)
    truth, prediction = random.integers(0, 19, (2, 6, 20, 30)).astype(np.uint8)
    truth[random.random(truth.shape) < 0.1] = 255
    parts = sum(confusion_matrix(one, other, 19) for one, other in zip(truth, prediction))
    assert (parts == confusion_matrix(truth, prediction, 19)).all()


def test_maps_longer_than_float32_counts(monkeypatch):
    monkeypatch.setattr(confusion, "EXACT_PIXELS", 7)
    random = np.random.default_rng(8)
    truth, prediction = random.integers(0, 4, (2, 9, 11)).astype(np.uint8)
    assert (confusion_matrix(truth, prediction, 4) == by_hand(truth, prediction, 4)).all()


def test_histogram_is_exact_up_to_the_limit():
    ones = np.ones((1, confusion.EXACT_PIXELS + 1), np.uint8)
    assert confusion_matrix(ones, ones, 2)[1, 1] == confusion.EXACT_PIXELS + 1


def test_bad_arguments():
    with pytest.raises(ValueError, match="shapes"):
        confusion_matrix(TRUTH, PREDICTION[:, :2], 3)
    with pytest.raises(ValueError, match="uint8"):
        confusion_matrix(TRUTH.astype(np.int64), PREDICTION, 3)
    with pytest.raises(ValueError, match="predicted id 255"):
        confusion_matrix(TRUTH, TRUTH, 3)
