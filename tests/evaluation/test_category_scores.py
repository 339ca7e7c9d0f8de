"""Scores of Cityscapes' categories as classes: the official script's on the same prediction."""

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import category2labels, id2label

from data import datasets, png
from data.categories import CATEGORIES, CATEGORIES_AND_VOID, CATEGORY_SETS
from evaluation import official, report, scored_labels
from evaluation.predictions import score_files
from evaluation.scores import scores
from tiny import write_pair

pytestmark = pytest.mark.filterwarnings("ignore:`in1d` is deprecated")  # called by the official script
SIZE = (48, 96)
IDS = [*range(34)]  # those that no score counts as well


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Two images of all label ids, with objects of several sizes."""
    root, random = tmp_path_factory.mktemp("town"), np.random.default_rng(3)
    for number in range(2):
        cells = random.choice(IDS, (6, 12)).astype(np.uint8)
        label = cells.repeat(8, 0).repeat(8, 1)  # [48, 96]
        objects = np.arange(72, dtype=np.uint16).reshape(6, 12).repeat(8, 0).repeat(8, 1)
        countable = np.array([id2label[value].hasInstances for value in IDS])[label]
        instance = np.where(countable, label.astype(np.uint16) * 1000 + objects % 5, label).astype(np.uint16)
        image = np.zeros((*SIZE, 3), np.uint8)
        write_pair(root, "val", f"town_{number:06d}_000019", image, label, instance)
    return root


def predicted(root, folder, label_set, classes):
    """The samples, and predictions that are right in two thirds of the pixels."""
    random, paths = np.random.default_rng(4), []
    samples = datasets.opened(root, classes=classes).validation()
    for sample in samples:
        guess = random.integers(0, label_set.classes, SIZE).astype(np.uint8)
        truth = sample.train_ids()
        right = (random.random(SIZE) < 0.67) & (truth < label_set.classes)
        paths.append(folder / f"{sample.name}.png")
        png.write(paths[-1], label_set.train_to_file[np.where(right, truth, guess)])
    return samples, paths


@pytest.mark.parametrize("classes", CATEGORY_SETS)
def test_they_are_those_of_the_official_script(town, tmp_path, classes):
    label_set = CATEGORY_SETS[classes]
    samples, paths = predicted(town, tmp_path, label_set, classes)
    ours = scores(score_files(samples, paths), scored_labels.of(label_set))
    theirs = official.official_scores(samples, paths, instances=True, quiet=True)
    for name in CATEGORIES.names:
        assert ours["categoryScores"][name] == pytest.approx(theirs["categoryScores"][name], abs=1e-12)
        expected = theirs["categoryInstScores"][name]
        assert ours["categoryInstScores"][name] == pytest.approx(expected, abs=1e-9, nan_ok=True)
    for key in ("averageScoreCategories", "averageScoreInstCategories"):
        assert 0 < ours[key] < 1 and ours[key] == pytest.approx(theirs[key], abs=1e-9)
    assert official.largest_difference(ours, theirs, True, label_set) < 1e-9
    ours["categoryScores"]["sky"] += 0.1
    assert official.largest_difference(ours, theirs, True, label_set) == pytest.approx(0.1)


def test_classes_are_the_categories(town, tmp_path):
    samples, paths = predicted(town, tmp_path, CATEGORIES, "categories")
    labels = scored_labels.of(CATEGORIES)
    found = scores(score_files(samples, paths), labels)
    for ours, theirs in (("classScores", "categoryScores"), ("classInstScores", "categoryInstScores")):
        assert {name: found[ours][name] for name in CATEGORIES.names} == pytest.approx(
            found[theirs], nan_ok=True
        )
    assert found["averageScoreClasses"] == pytest.approx(found["averageScoreCategories"])
    assert not np.isnan([found["classInstScores"][name] for name in ("human", "vehicle")]).any()
    assert report.table(found, labels).count("vehicle") == 2


def test_void_as_a_class_is_scored_among_the_classes_alone(town, tmp_path):
    samples, paths = predicted(town, tmp_path, CATEGORIES_AND_VOID, "categories+void")
    found = scores(score_files(samples, paths), scored_labels.of(CATEGORIES_AND_VOID))
    void, flat = ([label.id for label in category2labels[name]] for name in ("void", "flat"))
    truth = np.stack([png.decode_any(sample.label) for sample in samples])
    guess = np.stack([png.decode_any(path) for path in paths])
    scored = ~np.isin(truth, CATEGORIES_AND_VOID.unscored)

    def iou(ids, counted):
        true, answer = np.isin(truth, ids) & counted, np.isin(guess, ids) & counted
        return (true & answer).sum() / (true | answer).sum()

    assert found["classScores"]["void"] == pytest.approx(iou(void, scored))
    assert found["classScores"]["flat"] == pytest.approx(iou(flat, scored))
    assert found["categoryScores"]["flat"] == pytest.approx(iou(flat, scored & ~np.isin(truth, void)))
    assert np.isnan(found["categoryScores"]["void"])
    named = [found["classScores"][name] for name in CATEGORIES_AND_VOID.names]
    assert found["averageScoreClasses"] == pytest.approx(np.mean(named))
