"""Pixel counts and class weights, against numbers worked out by hand."""

import json
import math

import numpy as np
import pytest

import damage
from common.errors import UserError
from common.threads import bounded_map
from data import datasets, png, stats
from data.label_sets import CITYSCAPES
from tiny import tiny_dataset, write_pair

ROAD, CAR, SKY = (CITYSCAPES.names.index(name) for name in ("road", "car", "sky"))
# label ids: 7 road, 26 car, 23 sky, 0 and 4 void; in FIRST and SECOND road has 5 and 1 pixels, car 1 and 0,
# sky 0 and 4, void 2 and 3
FIRST = np.array([[7, 7, 7, 26], [7, 7, 0, 4]], np.uint8)
SECOND = np.array([[23, 23, 23, 23], [7, 0, 0, 4]], np.uint8)


@pytest.fixture
def samples(tmp_path):
    for number, label in enumerate((FIRST, SECOND)):
        write_pair(tmp_path, "train", f"ulm_{number:06d}_000019", np.zeros((2, 4, 3), np.uint8), label)
    return datasets.opened(tmp_path).labelled("train")


@pytest.fixture
def counts(samples):
    return stats.count(samples, workers=2)


def only(**values):
    """An array [19] with these values at the classes of that name, 0 elsewhere."""
    return np.array([values.get(name, 0) for name in CITYSCAPES.names], float)


def test_counts_by_hand(counts):
    assert counts.images == 2
    assert counts.ignored == 5
    np.testing.assert_array_equal(counts.pixels, only(road=6, car=1, sky=4))
    np.testing.assert_array_equal(counts.occurs, only(road=2, car=1, sky=1))
    np.testing.assert_array_equal(counts.around, only(road=16, car=8, sky=8))
    np.testing.assert_allclose(counts.shares(), only(road=6 / 11, car=1 / 11, sky=4 / 11))


def test_median_frequency_weights_by_hand(counts):
    # frequencies: road 6/16 = 0.375, car 1/8 = 0.125, sky 4/8 = 0.5; their median is 0.375
    expected = only(road=1, car=3, sky=0.75)
    np.testing.assert_allclose(stats.median_frequency_weights(counts), expected)


def test_enet_weights_by_hand(counts):
    # shares: road 6/11 = 0.54545, car 1/11 = 0.09091, sky 4/11 = 0.36364
    expected = only(road=1 / math.log(1.56545), car=1 / math.log(1.11091), sky=1 / math.log(1.38364))
    np.testing.assert_allclose(stats.enet_weights(counts), expected, rtol=1e-4)
    assert stats.enet_weights(counts)[CAR] == pytest.approx(9.507, abs=1e-3)


def test_train_id_files_count_the_same(samples, counts):
    for sample, label in zip(samples, (FIRST, SECOND), strict=True):
        sample.label.unlink()
        path = sample.label.with_name(f"{sample.name}_gtFine_labelTrainIds.png")
        png.write(path, CITYSCAPES.file_to_train[label])
    root = samples[0].image.parents[3]
    again = stats.count(datasets.opened(root).labelled("train"))
    np.testing.assert_array_equal(again.pixels, counts.pixels)
    assert again.ignored == counts.ignored


def test_counts_agree_with_a_count_pixel_by_pixel(tmp_path):
    samples = datasets.opened(tiny_dataset(tmp_path, train=6, val=1)).labelled("train")
    counts = stats.count(samples, workers=3)
    train = np.stack([CITYSCAPES.file_to_train[png.decode_labels(sample.label)] for sample in samples])
    for train_id in range(CITYSCAPES.classes):
        assert counts.pixels[train_id] == (train == train_id).sum()
        assert counts.occurs[train_id] == (train == train_id).any((1, 2)).sum()
    assert counts.pixels.sum() + counts.ignored == train.size


def test_nothing_labelled_is_one_line(tmp_path):
    void = np.zeros((2, 4), np.uint8)
    write_pair(tmp_path, "train", "ulm_000000_000019", np.zeros((2, 4, 3), np.uint8), void)
    with pytest.raises(UserError, match="no labelled pixel in 1 label map.*ulm_000000"):
        stats.count(datasets.opened(tmp_path).labelled("train"))


def test_a_damaged_label_is_named(samples):
    damage.truncate(samples[1].label)
    with pytest.raises(UserError, match=str(samples[1].label)):
        stats.count(samples)


def test_the_table_says_which_classes_are_absent(counts):
    lines = stats.table(counts).splitlines()
    assert len(lines) == 1 + CITYSCAPES.classes + 2
    assert lines[1].split() == ["road", "6", "54.545%", "2", "1.0000", "2.2313"]
    assert lines[4].split() == ["wall", "0", "0.000%", "0", "absent", "absent"]
    assert lines[-2].split()[:3] == ["ignored", "5", "31.250%"]
    assert "written as 0" in lines[-1]


def test_the_file_has_one_entry_a_class(counts, tmp_path):
    stats.write_json(tmp_path / "stats.json", stats.record(counts))
    written = json.loads((tmp_path / "stats.json").read_text())
    assert written["classes"] == list(CITYSCAPES.names)
    assert written["pixels"][SKY] == 4 and written["ignored_pixels"] == 5
    assert written["weights"]["median_frequency"][ROAD] == 1
    for weights in written["weights"].values():
        assert len(weights) == CITYSCAPES.classes and weights[CITYSCAPES.names.index("wall")] == 0
    assert [path.name for path in tmp_path.glob("*stats*")] == ["stats.json"]


def test_bounded_map_keeps_order_and_never_runs_far_ahead():
    started = []
    results = bounded_map(lambda number: started.append(number) or number * 2, range(1000), workers=2)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert len(started) <= 3 + 2 * 4  # what was taken, and what may be pending
    results.close()
    assert len(started) <= 3 + 2 * 4
    assert list(bounded_map(abs, [-1, -2, -3], workers=5)) == [1, 2, 3]
