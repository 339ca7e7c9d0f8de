"""Two replicas in one process, on a CPU that is two devices: the same bits on both, the numbers of one."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from models.weights import native
from processes import assert_one_line_error, run_script, warm
from rank_processes import COMPARABLE, assert_same_bits, launch_forks
from runs import assert_same, log, only_run, train_here
from tiny import REPO, TRAIN, tiny_dataset
from training import config
from training.optimization import optimizers
from training.ranks import distributed
from training.run import checkpoints

STEPS, SCORE, RUN, OPTIMIZERS = (
    Path(__file__).with_name(name)
    for name in ("steps_of_ranks.py", "score_of_ranks.py", "run_of_replicas.py", "optimizers_of_replicas.py")
)
TINY = ("-m", "toy", "-t", "32,64", "-b", "2")


def run(*words):
    """Run a script of this folder to its end."""
    return warm().run([str(word) for word in words], [dict(os.environ)], REPO)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=9, val=7, size=(32, 64), instances=False)


@pytest.mark.slow
def test_two_replicas_of_two_equal_one_process_of_four(tmp_path):
    common = COMPARABLE | {"clip_norm": 1.0}
    of_images = {"loss": "ohem+dice+lovasz", "label_smoothing": 0.1}
    kinds = {
        "float32": common | of_images,
        "float16": common | {"precision": "mixed_float16", "scale": 256.0, "ema": 0.9},
    }
    for number, batch in ((1, 4), (2, 2)):
        cases = {f"{kind} by {number}": given | {"batch": batch} for kind, given in kinds.items()}
        done = run(STEPS, tmp_path, json.dumps(cases), "--replicas", number)
        assert done.returncode == 0, done.stdout + done.stderr
    for kind, near in (("float32", 1e-4), ("float16", 2e-3)):
        one, first, second = (np.load(tmp_path / f"{kind} by {name}.npz") for name in ("1.0", "2.0", "2.1"))
        np.testing.assert_allclose(first["losses"], one["losses"], rtol=near)
        for key in one.files:
            np.testing.assert_array_equal(second[key], first[key], err_msg=f"{kind} {key}")
            np.testing.assert_allclose(
                first[key], one[key], rtol=10 * near, atol=near, err_msg=f"{kind} {key}"
            )


@pytest.mark.slow
def test_replicas_keep_the_same_bits_but_drop_out_by_themselves(tmp_path):
    """With batch norm and dropout, and a loss scale that is too high at the start: such steps are skipped."""
    case = {"model": "toy", "target_size": (32, 64), "batch": 2, "precision": "mixed_float16"}
    case |= {"ema": 0.9, "scale": 2.0**24}
    done = run(STEPS, tmp_path, json.dumps({"moving": case}), "--replicas", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (np.load(tmp_path / f"moving.{number}.npz") for number in range(2))
    assert np.isfinite(first["losses"]).all()
    assert first["optimizer/3"] < 2.0**24  # the loss scale
    assert "random/0" in first.files
    assert_same_bits([first, second], "moving")


@pytest.mark.slow
def test_every_optimizer_does_the_same_on_two_replicas(tmp_path):
    done = run(OPTIMIZERS, tmp_path / "found.npz")
    assert done.returncode == 0, done.stdout + done.stderr
    found = np.load(tmp_path / "found.npz")
    alone = [key for key in found.files if "/alone/" in key]
    assert {key.split("/")[0] for key in alone} == set(optimizers.STEPS)
    for key in alone:
        first, second = (found[key.replace("alone", f"replica {number}")] for number in range(2))
        np.testing.assert_array_equal(second, first, err_msg=key)
        np.testing.assert_allclose(first, found[key], rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.slow
def test_scores_are_the_same_to_the_last_digit(town, tmp_path):
    rows = []
    for number in (1, 2):  # of 7 images
        done = run(SCORE, town, tmp_path / "row.json", number)
        assert done.returncode == 0, done.stdout + done.stderr
        rows.append(json.loads((tmp_path / "row.json").read_text()))
    one, two = rows
    assert two.pop("val_loss") == pytest.approx(one.pop("val_loss"), rel=1e-6)
    assert str(two) == str(one)


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_bits(town, tmp_path):
    recipe = (*TINY, "-p", town, "-e", 2, "--ema", 0.9, "--strategy", "mirrored")
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    done = run(RUN, "whole", *recipe, "--logs", undisturbed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 replicas, 9 training and 7 validation images" in done.stdout
    done = run(RUN, "signal", *recipe, "--logs", disturbed)
    assert done.returncode == 75, done.stdout + done.stderr
    stopped = only_run(disturbed)
    assert checkpoints.newest(stopped).name == "epoch-0000-step-00000002"
    done = run(RUN, "whole", "--resume", stopped)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(stopped, only_run(undisturbed))


@pytest.mark.slow
def test_a_run_goes_from_one_process_to_replicas_to_ranks_and_back(town, tmp_path):
    assert train_here(*TINY, "-p", town, "-e", 1, "--logs", tmp_path) == 0
    trained = only_run(tmp_path)
    assert run(RUN, "whole", "--resume", trained, "-e", 2, "--strategy", "mirrored").returncode == 0
    assert shared_by(trained) == 2
    back = ["--resume", trained, "--strategy", "horovod", "-e"]
    if importlib.util.find_spec("horovod"):
        assert launch_forks(2, *TRAIN[1:], *back, 3).returncode == 0
        assert shared_by(trained) == 2
    assert train_here(*back, 4) == 0
    assert shared_by(trained) == 1
    assert [int(row["epoch"]) for row in log(trained)] == [1, 2, 3, 4]


def shared_by(run) -> int:
    """How many shared the work when a run's newest checkpoint was written."""
    return native.read_arrays(checkpoints.newest(run) / checkpoints.TRAINING)[1]["ranks"]


@pytest.mark.slow
def test_the_finder_sweeps_with_replicas(town, tmp_path):
    done = run(RUN, "whole", *TINY, "-p", town, "-f", "adam", "--logs", tmp_path, "--strategy", "mirrored")
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = tmp_path.glob("toy/lrfinder_results/*.json")
    assert len(json.loads(found.read_text())["losses"]) > 20


@pytest.mark.parametrize("option", [{"accumulate": 2}, {"compression": "fp16"}])
def test_what_replicas_cannot_do_is_refused(option):
    (name,) = option
    with pytest.raises(UserError, match=f"`{name}` needs `strategy` horovod"):
        config.new({"model": "fastscnn", "strategy": "mirrored", **option}, "town")
    saved = config.new({"model": "fastscnn", **option}, "town")
    with pytest.raises(UserError, match=f"`{name}` needs `strategy` horovod"):
        config.resumed(saved, {"strategy": "mirrored"}, None)


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "8")
    with pytest.raises(UserError, match="SLURM has started 8 processes, but `strategy` mirrored is one"):
        distributed.start(strategy="mirrored")


@pytest.mark.slow
def test_workers_of_tensorflow_are_refused(town):
    workers = json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "task": {"index": 0}})
    options = ("-m", "fastscnn", *TINY[2:], "-p", town, "--strategy", "mirrored")
    done = run_script("train.py", *options, TF_CONFIG=workers)
    assert_one_line_error(done, "TF_CONFIG names 3 workers", "unset TF_CONFIG")
