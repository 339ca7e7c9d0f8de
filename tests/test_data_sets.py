"""The whole way with each kind of data set: checked, counted, trained on, scored, predicted."""

import json
import sys

import numpy as np
import pytest

import evaluate
import layouts
import predict
import prepare_data
from common.errors import UserError
from data import datasets, png, stats
from data.categories import CATEGORIES, CATEGORIES_AND_VOID
from evaluation import scored_labels
from models.weights import native, run_files
from runs import train_here
from training import config
from training.run import run_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`in1d` is deprecated"),  # called by the official script
]
TOY = ("-m", "toy", "-t", "32,64", "-b", "2", "-e", "1")
WITH_CLASSES = [(kind, classes) for kind, written in layouts.KINDS.items() for classes in written.classes]


def call(monkeypatch, script, *options):
    monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, options)])
    return script.main()


@pytest.fixture(scope="module", params=WITH_CLASSES, ids=" ".join)
def made(request, tmp_path_factory):
    """(data set, its folder, options that name its classes, a run of one epoch on it)."""
    kind, classes = request.param
    folder = tmp_path_factory.mktemp(kind)
    root = layouts.KINDS[kind].write(folder / "set")
    options = ("--classes", classes) if classes else ()
    assert train_here(*TOY, "-p", root, *options, "--logs", folder / "logs") == 0
    data_set = datasets.opened(root, classes=classes or None)
    return data_set, root, options, run_folder.newest(folder / "logs", "toy")


def test_it_is_recognised_and_whole(made, monkeypatch, capsys):
    data_set, root, options, _ = made
    named = datasets.opened(root, data_set.name, data_set.classes)
    assert type(named) is type(data_set) and named.validation() == data_set.validation()
    assert call(monkeypatch, prepare_data, "verify", root, *options) == 0
    assert "0 errors" in capsys.readouterr().out
    assert not {sample.image for sample in data_set.training()} & {
        sample.image for sample in data_set.validation()
    }


def test_its_pixels_are_counted(made, monkeypatch, capsys):
    data_set, root, options, _ = made
    assert call(monkeypatch, prepare_data, "stats", root, *options, "--split", "val") == 0
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in shown for name in data_set.label_set.names)
    counts = stats.count(data_set.validation())
    ids = np.concatenate([sample.train_ids().ravel() for sample in data_set.validation()])
    assert counts.pixels.tolist() == [(ids == number).sum() for number in range(data_set.label_set.classes)]
    assert (counts.pixels > 0).all()


def test_the_run_tells_what_it_was_trained_on(made):
    data_set, _, _, run = made
    settings = config.read(run / run_files.CONFIG)
    assert settings.label_set == data_set.label_set and settings.classes == data_set.classes
    assert native.read_label_set(run_files.weights_file(run)) == data_set.label_set
    assert train_here("-m", "toy", "--resume", run) == 0


def test_it_is_scored_and_predicted_alike(made, tmp_path, monkeypatch, capsys):
    data_set, root, options, run = made
    call(monkeypatch, predict, "-w", run, "-p", root, "-r", tmp_path)
    assert call(monkeypatch, evaluate, "-w", run, "-p", root, "-r", tmp_path / "scores") == 0
    given = ("--predictions", tmp_path, "-p", root, *options, "-r", tmp_path / "again")
    assert call(monkeypatch, evaluate, *given) == 0
    found, again = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("scores", "again"))
    assert found["confMatrix"] == again["confMatrix"] and found["pictures"] == len(data_set.validation())
    assert {*data_set.label_set.names} <= {*found["classScores"]} and 0 <= found["averageScoreClasses"] <= 1
    sample = data_set.validation()[0]
    (path,) = (tmp_path / "labelIds").rglob(f"{sample.name}_labelIds.png")
    values = png.decode_labels(path)
    assert set(np.unique(values)) <= set(data_set.label_set.file_values)
    assert values.shape == sample.image_size()
    colors = png.decode_image(tmp_path / "color" / sample.folder / f"{sample.name}_color.png")
    expected = data_set.label_set.colorize(data_set.label_set.file_to_train[values])
    np.testing.assert_array_equal(colors, expected)


def test_a_baseline_is_scored(made, tmp_path, monkeypatch, capsys):
    data_set, root, options, _ = made
    assert call(monkeypatch, evaluate, "--baseline", "colour", "-p", root, *options, "-r", tmp_path) == 0
    shown = capsys.readouterr().out
    names = np.array(scored_labels.of(data_set.label_set).names)
    assert all(f"\n{name[:14]}" in shown for name in names[scored_labels.of(data_set.label_set).scored])


def test_categories_of_cityscapes_are_scored_as_by_the_official_script(tmp_path, monkeypatch, capsys):
    root = layouts.KINDS["cityscapes"].write(tmp_path / "set")
    for classes, label_set in (("categories", CATEGORIES), ("categories+void", CATEGORIES_AND_VOID)):
        logs, results = tmp_path / classes, tmp_path / f"results {classes}"
        assert train_here(*TOY, "-p", root, "--classes", classes, "--logs", logs) == 0
        run = run_folder.newest(logs, "toy")
        assert native.read_origin(run_files.weights_file(run)).classes == label_set.classes
        assert call(monkeypatch, evaluate, "-w", run, "-p", root, "--official", "-r", results) == 0
        difference = float(capsys.readouterr().out.splitlines()[-1].rpartition(" ")[2])
        assert difference <= 1e-9
    with pytest.raises(UserError, match=r"categories and void \(8 classes\), but .*categories \(7 classes\)"):
        call(monkeypatch, evaluate, "-w", run, "-p", root, "--classes", "categories", "-r", results)
    with pytest.raises(
        UserError, match=r"`classes` categories differs from the resumed run's categories\+void"
    ):
        train_here("-m", "toy", "--resume", run, "--classes", "categories")


def test_weights_of_cityscapes_are_scored_on_bdd100k_in_its_values(tmp_path, monkeypatch):
    town = layouts.KINDS["cityscapes"].write(tmp_path / "town")
    other = layouts.KINDS["bdd100k-semantic"].write(tmp_path / "bdd")
    assert train_here(*TOY, "-p", town, "--logs", tmp_path / "logs") == 0
    run = run_folder.newest(tmp_path / "logs", "toy")
    call(monkeypatch, predict, "-w", run, "-p", other, "-r", tmp_path / "results")
    assert call(monkeypatch, evaluate, "-w", run, "-p", other, "-r", tmp_path / "scores") == 0
    given = ("--predictions", tmp_path / "results", "-p", other, "-r", tmp_path / "again")
    assert call(monkeypatch, evaluate, *given) == 0
    found, again = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("scores", "again"))
    assert found["confMatrix"] == again["confMatrix"] and found["averageScoreCategories"] > 0
    for path in (tmp_path / "results" / "labelIds").glob("*.png"):
        assert png.decode_labels(path).max() < 19
