"""Every score equals the official script's, to 1e-9, on the same files."""

import math
import sys

import numpy as np
import pytest

from common.errors import UserError
from data import png
from data.cityscapes import CityscapesSample
from evaluation import official
from evaluation.predictions import score_files
from evaluation.scored_labels import OFFICIAL
from evaluation.scores import Counts, scores

pytestmark = pytest.mark.filterwarnings("ignore:`in1d` is deprecated")  # called by the official script
ALL_IDS = tuple(range(34))


def write_samples(folder, random, ids, images=3, size=(48, 96)):
    """Write blocky truths, instances and predictions made of the label ids `ids`."""
    samples, files = [], []
    for number in range(images):
        height, width = size
        blocks = random.choice(ids, (height // 8, width // 8)).astype(np.uint8)
        truth = blocks.repeat(8, 0).repeat(8, 1)
        numbers = random.integers(0, 6, blocks.shape).repeat(8, 0).repeat(8, 1)
        # two blocks in six are groups, which keep their label id; caravans and trailers have objects
        has_object = (truth >= 24) & (numbers > 1)
        instances = np.where(has_object, truth * np.uint16(1000) + numbers, truth).astype(np.uint16)
        prediction = np.where(random.random(size) < 0.6, truth, random.choice(ids, size)).astype(np.uint8)
        stem = f"town_{number:06}_000019"
        label, file = folder / f"{stem}_gtFine_labelIds.png", folder / f"{stem}_prediction.png"
        png.write(label, truth)
        png.write(folder / f"{stem}_gtFine_instanceIds.png", instances)
        png.write(file, prediction)
        samples.append(CityscapesSample(folder / f"{stem}_leftImg8bit.png", label))
        files.append(file)
    return samples, files


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "ids",
    [
        ALL_IDS,
        (0, 7, 11, 24, 26, 29, 30),  # most classes absent; caravan and trailer
        (7, 8, 23),  # no objects at all
        (0, 3, 4, 7),  # nearly everything ignored
        (24, 25),  # one category, all with objects
    ],
    ids=["all", "few", "stuff", "void", "human"],
)
def test_equal_to_the_official_script(tmp_path, ids, seed):
    samples, files = write_samples(tmp_path, np.random.default_rng(seed), ids)
    ours = scores(score_files(samples, files), OFFICIAL)
    theirs = official.official_scores(samples, files, instances=True, quiet=True)
    assert ours.keys() == theirs.keys()
    assert ours["labels"] == theirs["labels"]
    assert ours["confMatrix"] == theirs["confMatrix"]
    assert official.largest_difference(ours, theirs, instances=True) <= 1e-9


def test_without_instances(tmp_path):
    samples, files = write_samples(tmp_path, np.random.default_rng(9), ALL_IDS)
    samples[1].instances.unlink()
    ours = scores(score_files(samples, files), OFFICIAL)
    theirs = official.official_scores(samples, files, instances=False, quiet=True)
    assert official.largest_difference(ours, theirs, instances=False) <= 1e-9
    assert all(math.isnan(value) for value in ours["classInstScores"].values())
    assert all(math.isnan(value) for value in ours["categoryInstScores"].values())
    assert math.isnan(ours["averageScoreInstClasses"]) and math.isnan(ours["averageScoreInstCategories"])
    assert ours["averageScoreClasses"] > 0


def test_where_the_official_script_gives_up_or_cannot_start_the_cure_is_told(tmp_path, monkeypatch):
    samples, files = write_samples(tmp_path, np.random.default_rng(3), ALL_IDS, images=1)
    png.write(files[0], np.zeros((24, 48), np.uint8))  # of another size than the truth
    with pytest.raises(UserError, match="the official script gave up; its reason is printed above"):
        official.official_scores(samples, files, instances=False, quiet=True)
    monkeypatch.delitem(sys.modules, official.SCRIPT)
    monkeypatch.setenv("CITYSCAPES_EXPORT_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="the official script cannot start: .*; unset the variable"):
        official.official_scores(samples, files, instances=False, quiet=True)


def test_truth_wholly_predicted_scores_one(tmp_path):
    samples, _ = write_samples(tmp_path, np.random.default_rng(10), ALL_IDS)
    ours = scores(score_files(samples, [sample.label for sample in samples]), OFFICIAL)
    averages = [value for key, value in ours.items() if key.startswith("average")]
    assert averages == pytest.approx([1.0] * 4)


def test_void_predicted_on_scored_truth_is_a_miss():
    matrix = np.zeros((34, 34), np.int64)
    matrix[7, 7], matrix[7, 0], matrix[0, 7] = 60, 40, 1000
    ours = scores(Counts(matrix, None), OFFICIAL)
    # 40 road pixels predicted as void are misses; 1000 void pixels predicted as road count for nothing
    assert ours["classScores"]["road"] == pytest.approx(0.6)
    assert ours["categoryScores"]["flat"] == pytest.approx(0.6)
    assert math.isnan(ours["classScores"]["unlabeled"])


def test_parts_sum_to_the_whole(tmp_path):
    samples, files = write_samples(tmp_path, np.random.default_rng(11), ALL_IDS, images=4)
    whole = score_files(samples, files)
    parts = score_files(samples[:1], files[:1]) + score_files(samples[1:], files[1:])
    assert (parts.matrix == whole.matrix).all()
    np.testing.assert_allclose(parts.instances, whole.instances, rtol=1e-12)


def test_difference_sees_one_sided_nan_and_every_key():
    matrix = np.zeros((34, 34), np.int64)
    matrix[7, 7] = matrix[26, 26] = 5
    ours = scores(Counts(matrix, np.ones((34, 3))), OFFICIAL)
    for key in official.SCORE_KEYS + official.INSTANCE_KEYS:
        other = dict(ours)
        other[key] = {**ours[key], "road": 0.25} if isinstance(ours[key], dict) else math.inf
        assert official.largest_difference(ours, other, instances=True) > 0.2, key
    assert official.largest_difference(ours, ours, instances=True) == 0
    other = {**ours, "averageScoreClasses": math.nan}
    assert official.largest_difference(ours, other, instances=False) == math.inf
