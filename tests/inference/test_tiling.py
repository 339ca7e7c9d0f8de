"""Tiles against a second implementation in NumPy, and on networks whose answer is known."""

import numpy as np
import pytest

from data.label_sets import CITYSCAPES
from inference import multi_pass, runtimes
from inference.keras_runtime import KerasRuntime
from inference.multi_pass import TilingRuntime
from inference.segment import segment
from trained import network, noise

SIZE = (32, 48)


@pytest.fixture(scope="module")
def runtime():
    return KerasRuntime(network("unet", SIZE, width=4), jit=False, label_set=CITYSCAPES)


class PixelRuntime:
    """Classes follow from the pixel alone, as stated by `labels`."""

    name, size, label_set = "pixels", SIZE, CITYSCAPES

    def __init__(self):
        self.seen = []

    @staticmethod
    def labels(images):
        return (images.astype(int).sum(-1) // 8 % 19).astype(np.uint8)

    def at_scale(self, scale=1.0):
        assert scale == 1
        return self

    def probabilities(self, images):
        assert images.shape[1:3] == self.size and images.flags.c_contiguous
        self.seen.append(images)
        return np.float32(0.01) + np.eye(19, dtype=np.float32)[self.labels(images)] * np.float32(0.8)

    def predict(self, images):
        return self.labels(images)


def covered(extent, side, positions):
    count = np.zeros(extent, int)
    for position in positions:
        assert 0 <= position <= extent - side
        count[position : position + side] += 1
    return count


@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.9])
def test_tiles_cover_every_pixel_and_overlap_enough(overlap):
    for side in (1, 7, 32):
        for extent in range(side, 5 * side + 3):
            positions = multi_pass.starts(extent, side, overlap)
            assert covered(extent, side, positions).min() >= 1
            steps = np.diff(positions)
            assert (steps >= 1).all() and (steps <= max(int(side * (1 - overlap)), 1)).all()
            assert len(steps) == 0 or np.ptp(steps) <= 1  # evenly
    assert multi_pass.starts(32, 32, overlap) == [0]
    assert multi_pass.starts(33, 32, overlap) == [0, 1]


def test_weights_rise_to_the_middle_and_are_nowhere_zero():
    np.testing.assert_allclose(multi_pass.ramp(5), [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(multi_pass.ramp(4), [0.5, 1, 1, 0.5])
    np.testing.assert_allclose(multi_pass.ramp(1), [1])


EXTENTS = [SIZE, (33, 48), (70, 131), (32, 200), (100, 48), (20, 100), (100, 20), (5, 7), (1, 1)]


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_of_a_network_that_sees_single_pixels_change_no_label(extent):
    image = noise(*extent) if min(extent) > 6 else np.full((*extent, 3), 77, np.uint8)
    found = TilingRuntime(PixelRuntime(), SIZE, 0.25).predict(image[None])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0], PixelRuntime.labels(image))
    found = runtimes.with_passes(PixelRuntime(), flip=True, overlap=0.25).predict(image[None])
    np.testing.assert_array_equal(found[0], PixelRuntime.labels(image))


def by_hand(runtime, image, overlap):
    """Every tile into full-size sums, float64."""
    height, width = image.shape[:2]
    total, weight = np.zeros((height, width, 19)), np.zeros((height, width, 1))
    for top in multi_pass.starts(height, SIZE[0], overlap):
        for left in multi_pass.starts(width, SIZE[1], overlap):
            window = np.s_[top : top + SIZE[0], left : left + SIZE[1]]
            y, x = np.mgrid[: SIZE[0], : SIZE[1]]
            w = np.minimum(y + 1, SIZE[0] - y) * np.minimum(x + 1, SIZE[1] - x)
            tile = np.ascontiguousarray(image[window])[None]
            total[window] += runtime.probabilities(tile)[0] * w[..., None]
            weight[window] += w[..., None]
    assert weight.min() > 0
    return total / weight


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.6])
def test_are_blended_by_weight(runtime, overlap):
    image = noise(75, 140, seed=3)
    expected = by_hand(runtime, image, overlap)
    np.testing.assert_allclose(expected.sum(-1), 1, atol=1e-5)
    best = np.sort(expected, -1)
    clear = best[..., -1] - best[..., -2] > 1e-5
    found = TilingRuntime(runtime, SIZE, overlap).predict(image[None])[0]
    assert clear.mean() > 0.95 and len(np.unique(found)) >= 3
    np.testing.assert_array_equal(found[clear], expected.argmax(-1)[clear])
    assert (found != segment(runtime, image)).mean() > 0.05  # not the image brought to the model's size


def test_of_a_image_of_the_models_size_is_the_model(runtime):
    images = np.stack([noise(*SIZE, seed) for seed in range(3)])
    np.testing.assert_array_equal(TilingRuntime(runtime, SIZE, 0.25).predict(images), runtime.predict(images))


def test_missing_parts_are_the_grey_of_training():
    runtime = PixelRuntime()
    image = noise(20, 30)
    TilingRuntime(runtime, SIZE, 0.25).predict(image[None])
    (tile,) = runtime.seen
    np.testing.assert_array_equal(tile[0, :20, :30], image)
    assert (tile[0, 20:] == 127).all() and (tile[0, :, 30:] == 127).all()


def test_memory_is_that_of_a_row_of_tiles():
    """A column of 200 tiles: all sums at once would be 200 times those of a row."""
    import tracemalloc

    image = np.zeros((200 * SIZE[0], SIZE[1], 3), np.uint8)
    runtime = PixelRuntime()
    runtime.seen = type("Forgetful", (), {"append": lambda self, images: None})()
    tracemalloc.start()
    TilingRuntime(runtime, SIZE, 0.0).predict(image[None])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    row = SIZE[0] * SIZE[1] * 19 * 4
    assert peak < 2 * image.size + 20 * row < 200 * row
