"""Augmentation of an image and its labels: what moves, what is padded, what the colours become."""

from dataclasses import replace

import numpy as np
import pytest

from data import augment, draws
from data.draws import Augmentation
from data.label_sets import IGNORED

IDENTITY = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)  # [256, 3]
WHOLE = Augmentation(scale=1.0, top=0.0, left=0.0, flip=False, tables=IDENTITY)
SIZE = (48, 96)
DRAWS = [draws.draw(draws.generator(seed, 2, 7)) for seed in range(40)]


@pytest.fixture
def noise():
    """A pair of the target size in which no two pixels are alike in a predictable way."""
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (*SIZE, 3), np.uint8), rng.integers(0, 34, SIZE, np.uint8)


@pytest.fixture
def blocks():
    """Regions of one label each; channel 0 is ten times the label, 1 the row, 2 the column."""
    label = np.kron(np.random.default_rng(1).integers(0, 13, (6, 8)), np.ones((16, 24))).astype(np.uint8)
    rows, columns = np.mgrid[: label.shape[0], : label.shape[1]]
    return np.stack([label * 10, rows, columns], axis=-1).astype(np.uint8), label


def inside(label):
    """Mask of the pixels whose label is that of all pixels up to two away."""
    padded = np.pad(label, 2, mode="edge")
    height, width = label.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(5) for x in range(5)]
    return np.all([other == label for other in shifted], axis=0)


def test_scale_1_at_the_images_own_size_changes_nothing(noise):
    image, label = augment.apply(*noise, SIZE, WHOLE)
    np.testing.assert_array_equal(image, noise[0])
    np.testing.assert_array_equal(label, noise[1])


def test_flip_mirrors_left_and_right_alone(noise):
    image, label = augment.apply(*noise, SIZE, replace(WHOLE, flip=True))
    np.testing.assert_array_equal(image, noise[0][:, ::-1])
    np.testing.assert_array_equal(label, noise[1][:, ::-1])


@pytest.mark.parametrize(("top", "left"), [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.5, 0.25)])
def test_scale_2_shows_a_window_of_half_the_sides(noise, top, left):
    image, label = augment.apply(*noise, (24, 48), replace(WHOLE, scale=2.0, top=top, left=left))
    rows = slice(round(24 * top), round(24 * top) + 24)
    columns = slice(round(48 * left), round(48 * left) + 48)
    np.testing.assert_array_equal(image, noise[0][rows, columns])
    np.testing.assert_array_equal(label, noise[1][rows, columns])


@pytest.mark.parametrize(("top", "left"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.25)])
def test_scale_one_half_pads_with_grey_and_ignored(noise, top, left):
    choice = replace(WHOLE, scale=0.5, top=top, left=left)
    image, label = augment.apply(*noise, (96, 192), choice)  # so that the image keeps its own size
    y, x = round(48 * top), round(96 * left)
    expected = np.full((96, 192, 3), 127, np.uint8), np.full((96, 192), 255, np.uint8)
    expected[0][y : y + 48, x : x + 96], expected[1][y : y + 48, x : x + 96] = noise
    np.testing.assert_array_equal(image, expected[0])
    np.testing.assert_array_equal(label, expected[1])


@pytest.mark.parametrize("number", range(0, 40, 4))
def test_label_and_image_stay_aligned(blocks, number):
    image, label = augment.apply(*blocks, (96, 192), replace(DRAWS[number], tables=IDENTITY))
    sure = inside(label) & (label != IGNORED)
    assert sure.mean() > 0.05
    np.testing.assert_array_equal(image[sure][:, 0], label[sure] * 10)


@pytest.mark.parametrize("choice", [draw for draw in DRAWS if draw.scale < 1][:6])
def test_outside_the_image_is_grey_and_ignored(choice):
    pair = np.full((96, 192, 3), 200, np.uint8), np.full((96, 192), 7, np.uint8)
    image, label = augment.apply(*pair, SIZE, replace(choice, tables=IDENTITY))
    outside = label == IGNORED
    assert outside.mean() == pytest.approx(1 - choice.scale**2, abs=0.03)
    assert (image[outside] == 127).all() and (image[~outside] == 200).all()


def test_no_draw_turns_a_image_upside_down_but_half_of_them_mirror_it(blocks):
    mirrored = 0
    for choice in DRAWS:
        image, label = augment.apply(*blocks, SIZE, replace(choice, tables=IDENTITY))
        rows, columns = np.nonzero(label != IGNORED)
        shown = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(int)
        down, right = np.diff(shown[:, 0, 1]), np.diff(shown[0, :, 2])
        assert (down >= 0).all() and down.any()
        assert ((right <= 0) if choice.flip else (right >= 0)).all() and right.any()
        mirrored += choice.flip
    assert 10 <= mirrored <= 30


def test_the_window_keeps_its_place_whatever_the_stored_resolution(blocks):
    """Images of several sizes in one set: the draw is relative to each."""
    twice = tuple(np.kron(part, np.ones((2, 2, 1)[: part.ndim], np.uint8)) for part in blocks)
    for choice in [draw for draw in DRAWS if draw.scale > 1][:5]:
        label = augment.apply(*blocks, SIZE, choice)[1]
        assert (augment.apply(*twice, SIZE, choice)[1] == label).mean() > 0.9


def test_a_table_changes_its_own_channel(noise):
    tables = np.stack([np.arange(256), 255 - np.arange(256), np.full(256, 9)], axis=1).astype(np.uint8)
    image, label = augment.apply(*noise, SIZE, replace(WHOLE, tables=tables))
    np.testing.assert_array_equal(image[..., 0], noise[0][..., 0])
    np.testing.assert_array_equal(image[..., 1], 255 - noise[0][..., 1])
    assert (image[..., 2] == 9).all()
    np.testing.assert_array_equal(label, noise[1])


def test_a_single_table_serves_all_channels(noise):
    inverted = np.arange(255, -1, -1).astype(np.uint8)[:, None]
    image, _ = augment.apply(*noise, SIZE, replace(WHOLE, tables=inverted))
    np.testing.assert_array_equal(image, 255 - noise[0])


def test_half_of_the_images_are_tinted():
    assert 0.3 < np.mean([choice.tables.shape[1] == 3 for choice in DRAWS]) < 0.7


def test_color_tables_never_fall_and_differ_by_draw():
    for choice in DRAWS:
        assert choice.tables.shape in {(256, 1), (256, 3)} and choice.tables.dtype == np.uint8
        assert (np.diff(choice.tables.astype(int), axis=0) >= 0).all()  # light and dark never swap
        assert 60 < choice.tables[127].mean() < 195  # and mid-grey stays in the middle
    assert len({choice.tables.tobytes() for choice in DRAWS}) == len(DRAWS)


def test_a_draw_depends_on_seed_epoch_and_image_alone():
    def drawn(*key):
        choice = draws.draw(draws.generator(*key))
        return choice.scale, choice.top, choice.left, choice.flip, choice.tables.tobytes()

    assert drawn(3, 1, 4) == drawn(3, 1, 4)
    assert len({drawn(3, 1, 4), drawn(4, 1, 4), drawn(3, 2, 4), drawn(3, 1, 5), drawn(1, 3, 4)}) == 5


def test_scales_span_one_half_to_two():
    scales = [choice.scale for choice in DRAWS]
    assert 0.5 <= min(scales) < 0.7 and 1.7 < max(scales) <= 2.0


@pytest.mark.parametrize("size", [(32, 64), (30, 70), (1, 1), (200, 100)])
def test_any_size_comes_out_as_bytes_of_that_size(blocks, size):
    for choice in DRAWS[:10]:
        image, label = augment.apply(*blocks, size, choice)
        assert image.shape == (*size, 3) and label.shape == size
        assert image.dtype == label.dtype == np.uint8


def test_a_tiny_image_survives_every_draw():
    pair = np.full((1, 2, 3), 50, np.uint8), np.full((1, 2), 7, np.uint8)
    for choice in DRAWS:
        image, label = augment.apply(*pair, SIZE, replace(choice, tables=IDENTITY))
        assert (image[label == 7] == 50).all() and (label == 7).any()


def test_the_source_is_left_as_it_was(noise):
    copies = [part.copy() for part in noise]
    for part in noise:
        part.setflags(write=False)  # as mapped from a cache
    for choice in DRAWS[:5]:
        augment.apply(*noise, SIZE, choice)
    for part, copy in zip(noise, copies, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_resize_picks_nearest_labels_and_blends_images():
    image = np.array([[[0, 0, 0], [100, 200, 40]]], np.uint8)  # [1, 2, 3]
    label = np.array([[3, 9]], np.uint8)
    larger, labels = augment.resize(image, label, (1, 4))
    np.testing.assert_array_equal(larger[0], [[0, 0, 0], [25, 50, 10], [75, 150, 30], [100, 200, 40]])
    np.testing.assert_array_equal(labels, [[3, 3, 9, 9]])
    _, thirds = augment.resize(np.zeros((1, 6, 3), np.uint8), np.arange(6, dtype=np.uint8)[None], (1, 2))
    np.testing.assert_array_equal(thirds, [[1, 4]])  # the middle of each three


class TestCrop:
    """A crop of an image that is scaled first."""

    def test_is_a_window_of_the_whole_image(self, noise):
        image, label = noise
        choice = replace(WHOLE, top=1.0, left=0.0)
        height, width = label.shape
        cut_image, cut_label = augment.apply(image, label, (16, 32), choice, (height, width))
        np.testing.assert_array_equal(cut_image, image[height - 16 :, :32])
        np.testing.assert_array_equal(cut_label, label[height - 16 :, :32])

    def test_is_padded_where_the_scaled_image_is_smaller(self, noise):
        image, label = noise
        height, width = label.shape
        choice = replace(WHOLE, scale=0.5, top=0.0, left=0.0)
        cut_image, cut_label = augment.apply(image, label, (height, 16), choice, (height, width))
        half = height // 2
        assert (cut_label[half:] == IGNORED).all() and (cut_image[half:] == augment.PADDING).all()
        smaller, _ = augment.resize(image, label, (half, width // 2))
        np.testing.assert_allclose(cut_image[:half].astype(int), smaller[:, :16], atol=1)

    def test_reads_the_rows_and_columns_that_it_needs(self):
        choice = replace(WHOLE, scale=2.0, top=0.5, left=1.0)
        windows, inner = augment.cut((1024, 2048), (512, 1024), choice, (1024, 2048))
        assert windows == (slice(384, 640), slice(1536, 2048)) and inner == (512, 1024)


class TestBalance:
    """No class has too much of a crop."""

    # one class in the left half, in the right half columns of two
    LABEL = np.repeat(np.array([[0] * 64 + [0, 1] * 32], np.uint8), 64, 0)

    def balanced(self, left, most):
        choice = replace(WHOLE, left=left)
        return augment.balanced(self.LABEL, (32, 32), (64, 128), choice, most, np.random.default_rng(0))

    def test_a_crop_of_two_classes_stays(self):
        assert self.balanced(1.0, 0.75).left == 1.0

    def test_a_crop_of_one_class_moves_until_it_has_two(self):
        found = self.balanced(0.0, 0.75)
        rows, columns = augment.cut((64, 128), (32, 32), found, (64, 128))[0]
        shares = np.bincount(self.LABEL[rows, columns].ravel(), minlength=2) / 32**2
        assert shares.max() < 0.75

    def test_what_cannot_be_balanced_is_used_as_it_is(self):
        label = np.full((64, 128), IGNORED, np.uint8)
        choice = augment.balanced(label, (32, 32), (64, 128), WHOLE, 0.75, np.random.default_rng(0))
        assert (choice.scale, choice.flip) == (1.0, False)
