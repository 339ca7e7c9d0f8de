"""Training on crops: of scaled images, and validated on whole ones by the same weights."""

import csv
import json

import pytest

import evaluate
from common.errors import UserError
from models.weights import native, run_files
from runs import assert_same, only_run, signalled, train_here
from tiny import tiny_dataset

SIZE = (64, 128)
OPTIONS = (
    "-m",
    "toy",
    "-t",
    "64,128",
    "--crop",
    "32,64",
    "-b",
    2,
    "-e",
    2,
    "--balance",
    "--augment",
    "strong",
)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=4, val=3, size=SIZE)


@pytest.fixture(scope="module")
def run(town, tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    assert train_here(*OPTIONS, "-p", town, "--logs", logs) == 0
    return only_run(logs)


def test_the_run_is_validated_on_whole_images(run, town, tmp_path, monkeypatch):
    assert native.read_origin(run_files.weights_file(run)).size == SIZE
    words = ("evaluate.py", "-w", run / "checkpoints" / "last", "-p", town, "-r", tmp_path)
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    assert evaluate.main() == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    with open(run / "csv" / "log.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["val_miou"]) == pytest.approx(scores["averageScoreClasses"], abs=1e-6)


def test_the_configuration_names_what_was_drawn_from(run):
    config = json.loads((run / run_files.CONFIG).read_text())
    kept = {name: config[name] for name in ("crop", "balance", "augment", "scale", "flip", "color")}
    assert kept == {
        "crop": [32, 64],
        "balance": 0.75,
        "augment": "strong",
        "scale": [0.5, 2.0],
        "flip": True,
        "color": "strong",
    }


@pytest.mark.slow
def test_a_resumed_run_has_the_same_bits(run, town, tmp_path):
    import signal

    with signalled("training", 3, signal.SIGTERM):
        assert train_here(*OPTIONS, "-p", town, "--logs", tmp_path) == 75
    assert train_here("--resume", only_run(tmp_path)) == 0
    assert_same(only_run(tmp_path), run)


def test_parts_of_a_named_augmentation_can_be_replaced(run, tmp_path):
    config = run / run_files.CONFIG
    words = ("--config", config, "-e", 1, "--augment", "flip", "--scale", "0.75,1.5", "--logs", tmp_path)
    assert train_here(*words) == 0
    found = json.loads((only_run(tmp_path) / run_files.CONFIG).read_text())
    assert (found["scale"], found["flip"], found["color"]) == ([0.75, 1.5], True, "none")


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--crop", "30,64"), "multiples of 32"), (("-t", "60,128"), "multiples of 32")],
)
def test_sizes_that_the_model_does_not_take_are_refused(words, message, town, tmp_path):
    with pytest.raises(UserError, match=message):
        train_here(*OPTIONS, *words, "-p", town, "--logs", tmp_path)
    assert not list(tmp_path.iterdir())
