"""Checkpoints: whole or absent, verified before use."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import UserError
from models.weights.native import Origin
from tiny import REPO
from training.run import checkpoints
from training.run.progress import Epoch, Progress

ORIGIN = Origin("tiny", 2, (4, 4))
KILLED_SAVES = Path(__file__).with_name("killed_saves.py")


def tiny():
    layers = [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(4, name="dense")]
    model = keras.Sequential(layers, name="tiny")
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def save(run, epochs, best=1):
    model, optimizer = tiny()
    for epoch in range(1, epochs + 1):
        model.set_weights([np.full(w.shape, epoch, "float32") for w in model.get_weights()])
        checkpoints.save(run, model, optimizer, ORIGIN, Progress(epoch, 10 * epoch, 0.5, min(best, epoch)))
    return model, optimizer


def names(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_everything_comes_back(tmp_path):
    model, optimizer = tiny()
    for _ in range(3):  # moves momenta, the step count and dropout's generator
        optimizer.apply([np.ones(v.shape, "float32") for v in model.trainable_variables])
        model(np.ones((1, 3), "float32"), training=True)
    progress = Progress(3, 30, 0.25, 2, Epoch(8, 4, 0.1 + 0.2, 0.3, 1.5, 0.5))
    checkpoints.save(tmp_path, model, optimizer, ORIGIN, progress)

    other, other_optimizer = tiny()
    assert checkpoints.restore(tmp_path / "checkpoints" / "last", other, other_optimizer) == progress
    for a, b in zip([*model.variables, *optimizer.variables], [*other.variables, *other_optimizer.variables]):
        np.testing.assert_array_equal(a, b)
    x = np.ones((8, 3), "float32")
    np.testing.assert_array_equal(model(x, training=True), other(x, training=True))


def test_the_newest_two_and_the_best_are_kept(tmp_path):
    save(tmp_path, epochs=5, best=2)
    assert names(tmp_path) == ["best", "epoch-0002", "epoch-0004", "epoch-0005", "last"]
    assert (tmp_path / "checkpoints" / "best").resolve().name == "epoch-0002"
    assert (tmp_path / "checkpoints" / "last").resolve().name == "epoch-0005"


def test_checkpoints_within_an_epoch_sort_behind_it_and_are_never_the_best(tmp_path):
    model, optimizer = save(tmp_path, epochs=1)
    for steps in (9, 10):
        progress = Progress(1, 10 + steps, 0.5, 1, Epoch(steps=steps))
        checkpoints.save(tmp_path, model, optimizer, ORIGIN, progress)
    within = ["epoch-0001-step-00000019", "epoch-0001-step-00000020"]
    assert names(tmp_path) == ["best", "epoch-0001", *within, "last"]
    assert (tmp_path / "checkpoints" / "best").resolve().name == "epoch-0001"
    checkpoints.save(tmp_path, model, optimizer, ORIGIN, Progress(2, 40, 0.6, 2))
    assert names(tmp_path) == ["best", within[1], "epoch-0002", "last"]


@pytest.mark.parametrize("file", [checkpoints.WEIGHTS, checkpoints.TRAINING, checkpoints.MANIFEST])
def test_a_damaged_checkpoint_is_named_and_passed_over(tmp_path, capfd, file):
    save(tmp_path, epochs=2)
    path = tmp_path / "checkpoints" / "epoch-0002" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert checkpoints.newest(tmp_path).name == "epoch-0001"
    assert "epoch-0002" in capfd.readouterr().err


def test_no_checkpoint_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no usable checkpoint"):
        checkpoints.newest(tmp_path)


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path, monkeypatch):
    model, optimizer = save(tmp_path, epochs=1)

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(checkpoints.native, "write_arrays", full)
    with pytest.raises(UserError, match=r"epoch-0002: No space left on device .*MiB free.*`resume`$"):
        checkpoints.save(tmp_path, model, optimizer, ORIGIN, Progress(2, 20, 0.5, 2))
    assert names(tmp_path) == ["best", "epoch-0001", "last"]
    assert checkpoints.newest(tmp_path).name == "epoch-0001"


def killed(way, folder, *given) -> str:
    """Runs `killed_saves.py`; what it printed."""
    words = [sys.executable, KILLED_SAVES, way, folder, *map(str, given)]
    paths = f"{REPO}:{REPO / 'tests' / 'support'}:{KILLED_SAVES.parent}"
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_loadable(run):
    newest = checkpoints.newest(run)
    assert newest == checkpoints.found(run)[-1]  # none was damaged
    checkpoints.verify(run / "checkpoints" / "last")
    checkpoints.restore(newest, *tiny())


@pytest.mark.slow
def test_twenty_kills_at_random_instants_leave_a_loadable_checkpoint(tmp_path):
    moments = random.Random(0)
    killed("after", tmp_path, *(moments.uniform(0.0, 0.5) for _ in range(20)))
    for number in range(20):
        assert_loadable(tmp_path / str(number))


@pytest.mark.slow
def test_a_kill_before_each_operation_of_saving_leaves_a_loadable_checkpoint(tmp_path):
    statuses = [int(word) for word in killed("before", tmp_path, 18).split()]
    newest = []
    for number in range(18):
        assert_loadable(tmp_path / str(number))
        newest.append(checkpoints.newest(tmp_path / str(number)).name)
    ends = list(zip(statuses, newest, strict=True))
    assert set(statuses) == {0, -signal.SIGKILL}
    assert ends[0] == (-signal.SIGKILL, "epoch-0002")
    assert ends[-1] == (0, "epoch-0003")  # there are no more operations than these
    assert (-signal.SIGKILL, "epoch-0003") in ends  # after the renaming
