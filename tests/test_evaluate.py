"""evaluate.py from its command line: written predictions, a model, the original script, and mistakes."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import evaluate
from common import cli
from common.errors import UserError
from data import datasets, png
from data.label_sets import CITYSCAPES
from models.weights import native
from tiny import tiny_dataset

REPO = Path(evaluate.__file__).parent


@pytest.fixture
def town(tmp_path):
    """A tiny data set and a folder as predict.py leaves it, with a wrong patch in every prediction."""
    root, results = tiny_dataset(tmp_path / "town", train=1, val=3), tmp_path / "results"
    for sample in datasets.opened(root).labelled("val"):
        prediction = png.decode_labels(sample.label)
        prediction[:30, :40] = 26
        for kind, image in (("labelIds", prediction), ("color", np.zeros((64, 128, 3), np.uint8))):
            path = results / kind / sample.folder / f"{sample.name}_{kind}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            png.write(path, image)
    return root, results


def evaluate_process(*options):
    command = [sys.executable, str(REPO / "evaluate.py"), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=REPO.parent)


def require_one_line_error(result, *words):
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr and result.stderr.startswith("evaluate.py: error: ")
    assert all(str(word) in result.stderr for word in words), result.stderr


def test_predictions_with_the_original_script(town, tmp_path):
    root, results = town
    result = evaluate_process("--predictions", results, "-p", root, "-r", tmp_path / "scores", "--official")
    assert result.returncode == 0, result.stderr
    ours, theirs = result.stdout.split("Evaluating 3 pairs of images...")
    table = ours.strip()
    assert "needs" not in ours and table.startswith("classes          IoU      nIoU")
    assert all(line in theirs for line in table.splitlines())
    difference = float(result.stdout.splitlines()[-1].rpartition(" ")[2])
    assert difference <= 1e-9
    data = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert data["pictures"] == 3 and data["split"] == "val" and data["predictions"] == str(results)
    assert 0 < data["averageScoreClasses"] < 1 and 0 < data["averageScoreInstClasses"] < 1
    assert (tmp_path / "scores" / "scores.txt").read_text().strip() == table


def test_results_go_beside_the_predictions_and_a_second_run_is_the_same(town):
    root, results = town
    runs = [evaluate_process("--predictions", results, "-p", root) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[1].stderr
    assert runs[0].stdout == runs[1].stdout
    assert len(list((results / "evaluation").iterdir())) == 3


def test_missing_instances_are_said_in_one_line(town):
    root, results = town
    for path in root.rglob("*_instanceIds.png"):
        path.unlink()
    result = evaluate_process("--predictions", results, "-p", root, "--official")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("nIoU needs an instanceIds image") == 1
    assert "(nIoU left out)" in result.stdout
    assert "Score Average : " in result.stdout and "      nan" in result.stdout


def test_other_splits_and_coarse_labels(town, tmp_path):
    root, _ = town
    shutil.copytree(root / "gtFine" / "train", tmp_path / "predictions")
    for path in (tmp_path / "predictions").rglob("*_instanceIds.png"):
        path.unlink()
    result = evaluate_process("--predictions", tmp_path / "predictions", "-p", root, "--split", "train")
    assert result.returncode == 0, result.stderr
    assert "Score Average : 1.000    1.000" in result.stdout
    result = evaluate_process("--predictions", tmp_path / "predictions", "-p", root, "--split", "train", "-c")
    require_one_line_error(result, "gtCoarse")


@pytest.mark.slow
def test_mistakes_on_the_command_line(town, tmp_path):
    root, results = town
    require_one_line_error(evaluate_process("-p", root), "--weights", "--predictions")
    require_one_line_error(evaluate_process("-w", results, "--predictions", results, "-p", root), "-w")
    require_one_line_error(evaluate_process("--predictions", results, "-p", tmp_path / "no"), tmp_path / "no")
    require_one_line_error(evaluate_process("--predictions", tmp_path / "no", "-p", root), tmp_path / "no")
    require_one_line_error(evaluate_process("-w", tmp_path / "no", "-p", root), tmp_path / "no")
    require_one_line_error(evaluate_process("--predictions", results, "-p", root, "--split", "tset"), "tset")
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "scores"
    require_one_line_error(evaluate_process("--predictions", results, "-p", root, "-r", folder), folder)


@pytest.mark.slow
def test_predictions_that_cannot_be_scored(town):
    root, results = town
    path = sorted((results / "labelIds").rglob("*.png"))[1]
    for image, words in (
        (np.zeros((64, 128, 3), np.uint8), "8-bit RGB"),
        (np.full((64, 128), 200, np.uint8), "label 200"),
        (np.zeros((32, 64), np.uint8), "32x64"),
    ):
        png.write(path, image)
        require_one_line_error(evaluate_process("--predictions", results, "-p", root), path, words)
    path.write_bytes(path.read_bytes()[:-9])
    require_one_line_error(evaluate_process("--predictions", results, "-p", root), path, "truncated")
    path.unlink()
    require_one_line_error(evaluate_process("--predictions", results, "-p", root), "no prediction for")
    assert not (results / "evaluation" / "scores.json").exists()


@pytest.fixture
def model(monkeypatch):
    """A stand-in for a model: labels follow from the colours. Returns what `load` was called with."""
    calls = []

    def load(weights, model, size, encoder, provider):
        assert encoder is None and provider is None
        calls.append((weights, model, size))
        return SimpleNamespace(size=size or (64, 128), label_set=CITYSCAPES)

    def segment(runtime, image):
        return (image.sum(axis=2) // 8 % 19).astype(np.uint8)

    for name, function in (("runtimes", load), ("segment", segment)):
        module = ModuleType(f"inference.{name}")
        setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, f"inference.{name}", module)
    sys.modules["inference.runtimes"].label_set_of = lambda source, name: CITYSCAPES
    return calls


def evaluate_here(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, options)])
    return evaluate.main()


def test_model_without_images(town, model, tmp_path, monkeypatch, capsys):
    root, _ = town
    run = tmp_path / "run"
    (run / "checkpoints" / "last").mkdir(parents=True)
    (run / "checkpoints" / "last" / "weights.h5").write_bytes(b"weights")
    assert evaluate_here(monkeypatch, "-m", "fastscnn", "-w", run, "-p", root, "-t", "32,64") == 0
    assert model == [(run, "fastscnn", (32, 64))]
    written = sorted(tmp_path.rglob("scores.*"))
    assert [path.name for path in written] == ["scores.csv", "scores.json", "scores.txt"]
    hashed = json.loads(written[1].read_text())["weightsSha256"]
    assert hashed == hashlib.sha256(b"weights").hexdigest()
    assert "Score Average" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:`in1d` is deprecated")
def test_model_with_images_scores_like_its_images(town, model, tmp_path, monkeypatch, capsys):
    root, _ = town
    weights = tmp_path / "model.weights.h5"
    weights.touch()
    assert evaluate_here(monkeypatch, "-w", weights, "-p", root, "--official") == 0
    assert model == [(weights, None, None)]
    results = tmp_path / "evaluation"
    from_model = json.loads((results / "scores.json").read_text())
    sample = datasets.opened(root).labelled("val")[0]
    written = png.decode_labels(results / "labelIds" / sample.folder / f"{sample.name}_labelIds.png")
    expected = CITYSCAPES.train_to_file[(png.decode_image(sample.image).sum(axis=2) // 8 % 19)]
    assert (written == expected).all()
    assert evaluate_here(monkeypatch, "--predictions", results, "-p", root, "-r", tmp_path / "again") == 0
    from_images = json.loads((tmp_path / "again" / "scores.json").read_text())
    assert from_model["confMatrix"] == from_images["confMatrix"]
    assert from_model["classInstScores"] == from_images["classInstScores"]


@pytest.mark.slow
def test_samples_are_averaged_and_their_uncertainty_is_written(town, tmp_path, monkeypatch):
    import models

    root, _ = town
    network = models.build("fastscnn", (32, 64, 3), 19)
    native.write(tmp_path / "model.weights.h5", network, native.Origin("fastscnn", 19, (32, 64)))
    results = tmp_path / "results"
    options = ("-w", tmp_path / "model.weights.h5", "-p", root, "--samples", 3)
    assert evaluate_here(monkeypatch, *options, "-r", results) == 0
    data = json.loads((results / "scores.json").read_text())
    assert data["samples"] == 3 and data["seed"] == 0
    for sample in datasets.opened(root).labelled("val"):
        stem = results / "uncertainty" / sample.folder / sample.name
        with np.load(f"{stem}_uncertainty.npz") as file:
            assert file["entropy"].shape == file["mutual_information"].shape == (64, 128)
        assert png.decode_image(Path(f"{stem}_entropy.png")).shape == (64, 128, 3)
        assert (results / "labelIds" / sample.folder / f"{sample.name}_labelIds.png").is_file()
    assert evaluate_here(monkeypatch, *options) == 0
    assert sorted(path.name for path in (tmp_path / "evaluation").iterdir()) == [
        "scores.csv",
        "scores.json",
        "scores.txt",
    ]
    again = json.loads((tmp_path / "evaluation" / "scores.json").read_text())
    assert again["confMatrix"] == data["confMatrix"]


def test_samples_belong_to_a_model(town, monkeypatch):
    root, results = town
    with pytest.raises(UserError, match="-m, --encoder, -t, --provider, --samples, .* belong to a model"):
        evaluate_here(monkeypatch, "--predictions", results, "-p", root, "--samples", 3)
    with pytest.raises(UserError, match="--seed belongs to --samples"):
        evaluate_here(monkeypatch, "--predictions", results, "-p", root, "--seed", 3)


@pytest.mark.filterwarnings("ignore:`in1d` is deprecated")
def test_difference_to_the_original_script_is_reported(town, monkeypatch, capsys):
    root, results = town
    monkeypatch.setattr("evaluation.official.largest_difference", lambda *_: 2e-9)
    monkeypatch.setattr(evaluate.cli, "program", lambda: "evaluate.py")
    assert evaluate_here(monkeypatch, "--predictions", results, "-p", root, "--official") == 1
    captured = capsys.readouterr()
    assert "largest difference to the official script: 2.0e-09" in captured.out
    assert "evaluate.py: error: more than" in captured.err


def test_truth_in_train_ids_and_the_original_script(town, monkeypatch):
    root, results = town
    for path in (root / "gtFine" / "val").rglob("*_labelIds.png"):
        train_ids = path.with_name(path.name.replace("labelIds", "labelTrainIds"))
        png.write(train_ids, np.zeros((64, 128), np.uint8))
        path.unlink()
    with pytest.raises(UserError, match="needs labelIds files"):
        evaluate_here(monkeypatch, "--predictions", results, "-p", root, "--official")


def test_data_set_from_the_environment(town, monkeypatch, capsys):
    root, results = town
    monkeypatch.setenv(cli.DATASET_VARIABLE, str(root))
    assert evaluate_here(monkeypatch, "--predictions", results) == 0


@pytest.mark.slow
def test_passes_over_a_image_are_scored_and_recorded(town, tmp_path, monkeypatch):
    from evaluation import predictions
    from evaluation.scored_labels import OFFICIAL
    from evaluation.scores import scores
    from inference import runtimes
    from inference.segment import segment
    from trained import weights_file

    root, _ = town
    weights = weights_file(tmp_path / "model.weights.h5", "unet", (32, 64), width=4)
    options = ("-w", weights, "-p", root, "-r", tmp_path / "results")
    assert evaluate_here(monkeypatch, *options, "--scales", "0.5,1", "--flip", "--tile") == 0
    data = json.loads((tmp_path / "results" / "scores.json").read_text())
    assert (data["scales"], data["flip"], data["overlap"]) == ([0.5, 1.0], True, 0.25)
    runtime = runtimes.with_passes(runtimes.load(weights), (0.5, 1.0), True, 0.25)
    counts = predictions.score_arrays(
        datasets.opened(root).labelled("val"),
        lambda _, image: CITYSCAPES.train_to_file[segment(runtime, image)],
    )
    assert data["averageScoreClasses"] == pytest.approx(
        scores(counts, OFFICIAL)["averageScoreClasses"], abs=1e-12
    )


@pytest.mark.slow
def test_logits_are_resized_to_the_truth(town, tmp_path, monkeypatch):
    """A model of half the images' size; its logits, by another implementation of resizing."""
    import tensorflow as tf

    from data.augment import resize_image
    from evaluation import predictions
    from trained import network, weights_file

    root, _ = town
    weights = weights_file(tmp_path / "model.weights.h5", "unet", (32, 64), width=4)
    assert evaluate_here(monkeypatch, "-w", weights, "-p", root, "-r", tmp_path / "results") == 0
    model = network("unet", (32, 64), width=4)

    def predict(_, image):
        logits = model(resize_image(image, (32, 64))[None], training=False)
        return CITYSCAPES.train_to_file[tf.image.resize(logits, (64, 128))[0].numpy().argmax(-1)]

    expected = predictions.score_arrays(datasets.opened(root).labelled("val"), predict).matrix
    found = np.array(json.loads((tmp_path / "results" / "scores.json").read_text())["confMatrix"])
    assert found.sum() == expected.sum() > 10000
    assert np.abs(found - expected).sum() <= 4  # two pixels, whose best classes differ by rounding


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scales", "0"), "'0' is not a scale above 0, at most 4"),
        (("--scales", "1,,2"), "'' is not a scale above 0"),
        (("--scales", "1,1.0"), "'1,1.0' names a scale twice"),
        (("--scales", "0.5,9"), "'9' is not a scale above 0, at most 4"),
        (("--tile", "1"), "'1' is not an overlap from 0 to 0.9"),
        (("--tile", "--samples", "3"), "--samples averages passes of its own; leave --tile, --scales and"),
        (("--predictions", "x", "--flip"), "--tile, --scales, --flip and --refine belong to a model"),
    ],
)
def test_passes_that_do_not_go_together(options, said):
    source = () if "--predictions" in options else ("-w", "x")
    require_one_line_error(evaluate_process(*source, *options), said)
