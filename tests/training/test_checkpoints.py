"""Checkpoints: whole or absent, verified before use."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import UserError
from models.weights import Origin
from training import checkpoints
from training.progress import Epoch, Progress

ORIGIN = Origin("tiny", 2, (4, 4))
REPOSITORY = Path(__file__).parents[2]


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

    monkeypatch.setattr(checkpoints.weights, "write_arrays", full)
    with pytest.raises(UserError, match=r"epoch-0002: No space left on device .*MiB free.*--resume$"):
        checkpoints.save(tmp_path, model, optimizer, ORIGIN, Progress(2, 20, 0.5, 2))
    assert names(tmp_path) == ["best", "epoch-0001", "last"]
    assert checkpoints.newest(tmp_path).name == "epoch-0001"


ENDLESS = """
import itertools, sys
sys.path[:0] = ["tests/training", "."]
from pathlib import Path
import test_checkpoints as t
from training import checkpoints
model, optimizer = t.tiny()
print("ready", flush=True)
for epoch in itertools.count(1):
    checkpoints.save(Path(sys.argv[1]), model, optimizer, t.ORIGIN, t.Progress(epoch, epoch, 0.5, epoch))
"""


def killed_after(run, seconds):
    """Save without end in a process of its own, until it is killed so long after its first checkpoint."""
    run.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(run)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        while not (run / "checkpoints" / "last").exists():
            time.sleep(0.005)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


def assert_loadable(run):
    newest = checkpoints.newest(run)
    assert newest == checkpoints.found(run)[-1]  # none was damaged
    checkpoints.verify(run / "checkpoints" / "last")
    checkpoints.restore(newest, *tiny())


@pytest.mark.slow
def test_twenty_kills_at_random_instants_leave_a_loadable_checkpoint(tmp_path):
    moments = random.Random(0)
    runs = {tmp_path / str(number): moments.uniform(0.0, 0.5) for number in range(20)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(killed_after, runs, runs.values()))
    for run in runs:
        assert_loadable(run)


PHASES = """
import os, signal, sys
sys.path[:0] = ["tests/training", "."]
from pathlib import Path
import test_checkpoints as t
from training import checkpoints
run, left = Path(sys.argv[1]), 0

def fatal(function):
    def counted(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return counted

model, optimizer = t.tiny()
saved = lambda epoch: checkpoints.save(run, model, optimizer, t.ORIGIN, t.Progress(epoch, epoch, 0.5, epoch))
saved(1), saved(2)
for name in ("mkdir", "write_bytes", "write_text", "rename", "symlink_to", "replace", "unlink"):
    setattr(Path, name, fatal(getattr(Path, name)))
os.fsync, checkpoints.shutil.rmtree = fatal(os.fsync), fatal(checkpoints.shutil.rmtree)
left = int(sys.argv[2])
saved(3)
print(left)
"""


@pytest.mark.slow
def test_a_kill_before_each_operation_of_saving_leaves_a_loadable_checkpoint(tmp_path):
    def killed_before(operation):
        run = tmp_path / str(operation)
        command = [sys.executable, "-c", PHASES, str(run), str(operation)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        assert_loadable(run)
        return done.returncode, checkpoints.newest(run).name

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(killed_before, range(1, 19)))
    assert ends[0] == (-signal.SIGKILL, "epoch-0002")
    assert ends[-1] == (0, "epoch-0003")  # there are no more operations than these
    assert (-signal.SIGKILL, "epoch-0003") in ends  # after the renaming
