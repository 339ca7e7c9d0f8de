"""SegFix's shift against a hand-made example and a second implementation, and around any model's labels."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import models
import toy
from common.errors import UserError
from data.label_sets import CITYSCAPES
from inference import runtimes
from inference.refinement import Refiner, RefiningRuntime, shifted
from models.decoders.segfix import DIRECTIONS, OUTPUTS
from models.weights import native

LEFT, RIGHT, DOWN = (DIRECTIONS.index(step) for step in ((0, -1), (0, 1), (1, 0)))


def test_labels_by_hand():
    """A region of 1 that reaches one column too far to the right, and one pixel of noise in a border."""
    labels = np.array([[1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 2, 2], [1, 1, 3, 1, 2, 2]], np.uint8)
    border = np.array([[0, 1, 1, 1, 1, 0]] * 3, bool)  # the true one lies between the third and fourth column
    directions = np.array([[0, LEFT, LEFT, RIGHT, RIGHT, 0]] * 3)
    expected = np.array([[1, 1, 1, 2, 2, 2]] * 3, np.uint8)
    np.testing.assert_array_equal(shifted(labels, border, directions, 10), expected)
    once = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]], np.uint8)
    np.testing.assert_array_equal(shifted(labels, border, directions, 1), once)


def test_a_path_goes_on_until_it_is_inside_or_has_no_more_steps():
    labels = np.array([[1, 2, 3, 4, 5]], np.uint8)
    border = np.array([[1, 1, 1, 1, 0]], bool)
    right = np.full((1, 5), RIGHT)
    np.testing.assert_array_equal(shifted(labels, border, right, 10), [[5, 5, 5, 5, 5]])
    np.testing.assert_array_equal(shifted(labels, border, right, 2), [[3, 4, 5, 5, 5]])
    np.testing.assert_array_equal(shifted(labels, border, right, 0), labels)


def test_no_path_leaves_the_image():
    labels = np.array([[1, 2], [3, 4]], np.uint8)
    border, down = np.ones((2, 2), bool), np.full((2, 2), DOWN)
    np.testing.assert_array_equal(shifted(labels, border, down, 7), [[3, 4], [3, 4]])


def by_loops(labels, border, directions, most):
    """The same, pixel by pixel."""
    moved = labels.copy()
    height, width = labels.shape
    for top in range(height):
        for left in range(width):
            row, column = top, left
            for _ in range(most):
                if not border[row, column]:
                    break
                down, right = DIRECTIONS[directions[row, column]]
                row, column = min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)
            moved[top, left] = labels[row, column]
    return moved


@pytest.mark.parametrize("most", [1, 3, 12])
def test_labels_by_loops(most):
    random = np.random.default_rng(most)
    labels = random.integers(0, 19, (23, 31), np.uint8)
    border, directions = random.random((23, 31)) < 0.7, random.integers(0, 8, (23, 31))
    found = shifted(labels, border, directions, most)
    np.testing.assert_array_equal(found, by_loops(labels, border, directions, most))
    assert (found != labels).mean() > 0.3


class Network:
    """Gives the outputs that it is told to."""

    def __init__(self, border, directions):
        self.input_shape = (None, *border.shape, 3)
        scores = np.zeros((1, *border.shape, OUTPUTS), np.float32)
        scores[0, ..., 1] = np.where(border, 4.0, -4.0)
        scores[0, ..., 2:] = 9 * np.eye(len(DIRECTIONS))[directions]
        self._scores = tf.constant(scores)

    def __call__(self, images, training):
        return self._scores


class Runtime:
    """Answers one label map."""

    name, label_set, left_out = "any", CITYSCAPES, ("a",)

    def __init__(self, labels):
        self.labels, self.size = labels, None

    def predict(self, images):
        return np.stack([self.labels] * len(images))


@pytest.mark.parametrize("factor", [1, 2])
def test_images_of_another_size_than_the_networks(factor):
    """Borders are as much wider there, and so are the paths."""
    border = np.zeros((32, 32), bool)
    border[:, 10:22] = True
    directions = np.full((32, 32), LEFT)
    directions[:, 16:] = RIGHT
    labels = np.zeros((32 * factor, 32 * factor), np.uint8)
    labels[:, 20 * factor :] = 7  # four pixels of the network's image too far to the right
    runtime = RefiningRuntime(Runtime(labels), Refiner(Network(border, directions), jit=False))
    images = np.zeros((2, *labels.shape, 3), np.uint8)
    expected = np.zeros_like(labels)
    expected[:, 16 * factor :] = 7
    np.testing.assert_array_equal(runtime.predict(images), [expected] * 2)
    assert (runtime.name, runtime.size, runtime.left_out) == ("any", None, ("a",))


@pytest.fixture
def weights(tmp_path):
    """Of the small network."""
    path = tmp_path / "toy.weights.h5"
    native.write(path, models.build("toy", (32, 32, 3), 19), native.Origin("toy", 19, (32, 32)))
    return path


def test_a_network_with_labels_of_its_own_refines_none(weights):
    with pytest.raises(UserError, match="is of toy, which gives labels of its own; `refine` takes segfix"):
        runtimes.refined(Runtime(None), weights)
    with pytest.raises(
        UserError, match=r"takes a run or weights, not a.onnx; give the run that it was made of"
    ):
        runtimes.refined(Runtime(None), "a.onnx")


def test_a_network_that_refines_gives_no_labels(weights, monkeypatch):
    found = models.ARCHITECTURES[toy.NAME]
    monkeypatch.setitem(models.ARCHITECTURES, toy.NAME, replace(found, refines=True))
    with pytest.raises(
        UserError, match="is of toy, which refines the labels of another model; give that one"
    ):
        runtimes.load(weights)
