"""Class weights from labels and from files."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from data import datasets, stats
from data.cityscapes import CityscapesSample
from data.label_sets import CITYSCAPES
from tiny import tiny_dataset
from training.losses import class_weights

SAMPLES = [CityscapesSample(Path("a.png"), None)]
NUMBERS = [c / 10 for c in range(19)]


def test_none_needs_no_labels():
    assert class_weights.resolve("none", []) == ()


@pytest.mark.parametrize(
    ("name", "formula"), [("median", stats.median_frequency_weights), ("enet", stats.enet_weights)]
)
def test_formulas_use_the_counts_of_the_training_split(tmp_path, name, formula):
    samples = datasets.opened(tiny_dataset(tmp_path, train=3)).training()
    weights = class_weights.resolve(name, samples)
    np.testing.assert_array_equal(weights, formula(stats.count(samples)))
    assert min(weights) == 0 < max(weights)  # a class that occurs nowhere has no weight


@pytest.mark.parametrize("content", [NUMBERS, dict(zip(CITYSCAPES.names, NUMBERS))])
def test_a_file_of_numbers_or_names(tmp_path, content):
    (tmp_path / "weights.json").write_text(json.dumps(content))
    assert class_weights.resolve(str(tmp_path / "weights.json"), SAMPLES) == tuple(NUMBERS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "takes none, median, enet or a JSON file"),
        (json.dumps(NUMBERS[1:]), "a list of 19 weights"),
        (json.dumps([-1.0, *NUMBERS[1:]]), "a list of 19 weights"),
        (json.dumps(["a"] * 19), "a list of 19 weights"),
        (json.dumps([0] * 19), "not all 0"),
        (json.dumps({"road": 1.0}), "lacks sidewalk"),
        (json.dumps(dict(zip(CITYSCAPES.names, NUMBERS)) | {"cow": 1.0}), "has the unknown cow"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, content, message):
    (tmp_path / "weights.json").write_text(content)
    with pytest.raises(UserError) as raised:
        class_weights.read(tmp_path / "weights.json", CITYSCAPES)
    assert message in str(raised.value) and "weights.json" in str(raised.value)


def test_a_missing_file_is_named_with_the_other_choices(tmp_path):
    with pytest.raises(UserError, match="takes none, median, enet or a JSON file; .*missing"):
        class_weights.resolve(str(tmp_path / "missing"), SAMPLES)
