"""Scoring files and arrays: threads, sizes, train ids, missing instances, and what is refused."""

import threading

import numpy as np
import pytest

from common.errors import UserError
from data import datasets, png
from data.label_sets import CITYSCAPES
from evaluation import predictions
from tiny import tiny_dataset, write_pair


@pytest.fixture
def town(tmp_path):
    """Samples of a tiny val split, and predictions with a wrong patch each."""
    samples = datasets.opened(tiny_dataset(tmp_path / "town", train=1, val=5)).labelled("val")
    files = []
    for number, sample in enumerate(samples):
        prediction = png.decode_labels(sample.label)
        prediction[:20, : 10 + number] = 26
        files.append(tmp_path / f"{sample.name}_prediction.png")
        png.write(files[-1], prediction)
    return samples, files


def equal(one, other):
    return (one.matrix == other.matrix).all() and (one.instances == other.instances).all()


def test_result_does_not_depend_on_threads(town):
    whole = predictions.score_files(*town, threads=1)
    assert whole.matrix.sum() == 5 * 64 * 128
    assert equal(predictions.score_files(*town, threads=3), whole)


def test_arrays_score_like_files_and_are_predicted_in_the_callers_thread(town):
    samples, files = town
    written = dict(zip(samples, files))
    threads = set()

    def predict(sample, image):
        assert image.shape == (64, 128, 3)
        threads.add(threading.get_ident())
        return png.decode_labels(written[sample])

    assert equal(predictions.score_arrays(samples, predict), predictions.score_files(samples, files))
    assert threads == {threading.get_ident()}


def test_truth_in_train_ids_scores_like_label_ids(town):
    samples, files = town
    with_label_ids = predictions.score_files(samples, files)
    for sample in samples:
        label = CITYSCAPES.file_to_train[png.decode_labels(sample.label)]
        png.write(sample.label.with_name(sample.label.name.replace("labelIds", "labelTrainIds")), label)
        sample.label.unlink()
    root = samples[0].image.parents[3]
    with_train_ids = predictions.score_files(datasets.opened(root).labelled("val"), files)
    assert equal(with_train_ids, with_label_ids)


def test_one_missing_instance_image_leaves_instances_out(town):
    samples, files = town
    assert predictions.missing_instances(samples) is None
    samples[2].instances.unlink()
    assert predictions.missing_instances(samples) == samples[2]
    assert predictions.score_files(samples, files).instances is None


def test_prediction_of_another_size(town):
    samples, files = town
    png.write(files[3], np.zeros((32, 64), np.uint8))
    with pytest.raises(UserError, match=r"_prediction\.png is 32x64 but the truth .* is 64x128; "):
        predictions.score_files(samples, files)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((64, 128, 3), np.uint8), "8-bit RGB"),
        (np.zeros((64, 128), np.uint16), "16-bit grey"),
        (np.full((64, 128), 255, np.uint8), "label 255, known are 0..33"),
        (np.full((64, 128), 34, np.uint8), "label 34"),
    ],
)
def test_prediction_that_is_no_label_image(town, image, message):
    samples, files = town
    png.write(files[0], image)
    with pytest.raises(UserError, match=message):
        predictions.score_files(samples, files)


def test_damaged_instances(town):
    samples, files = town
    png.write(samples[0].instances, np.full((64, 128), 7001, np.uint16))
    with pytest.raises(UserError, match="instanceIds.png: instance value 7001"):
        predictions.score_files(samples, files)
    png.write(samples[0].instances, np.zeros((32, 128), np.uint16))
    with pytest.raises(UserError, match="instanceIds.png is 32x128 but"):
        predictions.score_files(samples, files)


def test_image_of_another_size_than_its_label(town):
    samples, _ = town
    png.write(samples[0].image, np.zeros((32, 64, 3), np.uint8))
    with pytest.raises(UserError, match="32x64"):
        predictions.score_arrays(samples, lambda sample, image: np.zeros(image.shape[:2], np.uint8))


def test_truth_without_scored_pixels(tmp_path):
    void = np.full((8, 16), 3, np.uint8)
    write_pair(tmp_path, "test", "town_000000_000019", np.zeros((8, 16, 3), np.uint8), void)
    samples = datasets.opened(tmp_path).labelled("test")
    with pytest.raises(UserError, match="no pixel of a scored class"):
        predictions.score_files(samples, [sample.label for sample in samples])
