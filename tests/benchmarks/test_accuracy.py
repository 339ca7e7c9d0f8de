"""`benchmark.py accuracy`: the scores of evaluate.py, tied to the weights they are of."""

import hashlib
import json

import pytest

import reports
from benchmarks import accuracy, record
from blocked import without
from processes import assert_one_line_error, run_script
from tiny import tiny_dataset
from trained import weights_file

SIZE = (64, 128)
CONFIG = {"target_size": [176, 240], "crop": None, "batch": 4, "steps": 1000, "epochs": 22, "hours": 0.0} | {
    "augment": "flip",
    "seed": 2,
}


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("data") / "town", train=1, val=2, size=(96, 160))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return weights_file(tmp_path_factory.mktemp("run") / "model.weights.h5", "fastscnn", SIZE)


@pytest.mark.slow
def test_scored_here_and_by_evaluate_it_is_the_same(town, weights, tmp_path):
    here = run_script("benchmark.py", "accuracy", "-w", weights, "-p", town, "--save", tmp_path / "here")
    assert here.returncode == 0, here.stderr
    done = run_script("evaluate.py", "-w", weights, "-p", town, "-r", tmp_path / "scores")
    assert done.returncode == 0, done.stderr
    words = ["accuracy", "-w", weights, "--scores", tmp_path / "scores", "--save", tmp_path / "read"]
    blocked = without(tmp_path / "blocked", "tensorflow")  # whose import takes longer than all the rest
    assert run_script("benchmark.py", *words, **blocked).returncode == 0
    ((scored,), _), ((read,), _) = (record.read_folder(tmp_path / name) for name in ("here", "read"))
    assert scored["settings"] == read["settings"] and scored["id"] == read["id"]
    assert scored["settings"] == {
        "model": "fastscnn",
        "options": {"preset": "pytorch"},
        "weights": {
            "file": "model.weights.h5",
            "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        },
        "dataset": "town",
        "split": "val",
        "size": list(SIZE),
        "batch": 1,
        "passes": {},
    }
    assert scored["results"] | {"source": ""} == read["results"] | {"source": ""}
    official = json.loads((tmp_path / "scores" / "scores.json").read_text())
    results = read["results"]
    assert results["miou"] == official["averageScoreClasses"] and results["pictures"] == 2
    assert len(results["iou"]) == 19 and results["iou"]["road"] == official["classScores"]["road"]
    assert results["categories"]["flat"] == official["categoryScores"]["flat"]
    assert f"mIoU {results['miou']:.4f} over 2 images" in here.stdout
    other = tmp_path / "model.weights.h5"
    weights_file(other, "fastscnn", (32, 64), dropout=0.1)
    assert_one_line_error(run_script("benchmark.py", *words[:2], other, *words[3:]), "of other weights than")


def test_weights_of_runs_tell_how_they_were_trained(tmp_path):
    run = reports.run(tmp_path / "fastscnn" / "20260102-030405")
    (run / "config.json").write_text(json.dumps(CONFIG | {"path": "/data/camvid", "model": "fastscnn"}))
    found = accuracy.training_of(run)
    assert found == dict.fromkeys(accuracy.TRAINING) | CONFIG | {"data": "camvid"}
    assert accuracy.training_of(tmp_path / "model.weights.h5") is None


@pytest.mark.slow
def test_mistakes_are_one_line(weights, tmp_path):
    (tmp_path / "scores.json").write_text('{"mIoU": 1}')
    for words, message in (
        (["-w", "/nowhere"], "/nowhere does not exist"),
        (["-w", weights], "no data set: give -p"),
        (["-w", weights, "--scores", tmp_path / "none"], "no scores in"),
        (["-w", weights, "--scores", tmp_path], "is no result of evaluate.py"),
        (["-w", weights, "--scores", tmp_path, "--split", "train"], "--scores knows the data"),
    ):
        assert_one_line_error(run_script("benchmark.py", "accuracy", *words), message)
