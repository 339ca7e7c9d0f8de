"""Checkpoints: whole or absent, verified before use."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import UserError
from models.weights import Origin
from training import checkpoints
from training.checkpoints import Progress

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
    checkpoints.save(tmp_path, model, optimizer, ORIGIN, Progress(3, 30, 0.25, 3))

    other, other_optimizer = tiny()
    assert checkpoints.restore(tmp_path / "checkpoints" / "last", other, other_optimizer) == Progress(
        3, 30, 0.25, 3
    )
    for a, b in zip([*model.variables, *optimizer.variables], [*other.variables, *other_optimizer.variables]):
        np.testing.assert_array_equal(a, b)
    x = np.ones((8, 3), "float32")
    np.testing.assert_array_equal(model(x, training=True), other(x, training=True))


def test_the_newest_two_and_the_best_are_kept(tmp_path):
    save(tmp_path, epochs=5, best=2)
    assert names(tmp_path) == ["best", "epoch-0002", "epoch-0004", "epoch-0005", "last"]
    assert (tmp_path / "checkpoints" / "best").resolve().name == "epoch-0002"
    assert (tmp_path / "checkpoints" / "last").resolve().name == "epoch-0005"


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
import sys
sys.path[:0] = ["tests/training", "."]
from pathlib import Path
import test_checkpoints as t
from training import checkpoints
model, optimizer = t.tiny()
print("ready", flush=True)
epoch = 0
while True:
    epoch += 1
    checkpoints.save(Path(sys.argv[1]), model, optimizer, t.ORIGIN, t.Progress(epoch, epoch, 0.5, epoch))
"""


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_a_loadable_checkpoint(tmp_path):
    moments = random.Random(0)
    for attempt in range(5):
        run = tmp_path / str(attempt)
        run.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(run)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout.readline() == b"ready\n"
        while not (run / "checkpoints" / "last").exists():
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        newest = checkpoints.newest(run)
        assert newest == checkpoints.found(run)[-1]  # none was damaged
        checkpoints.verify(run / "checkpoints" / "last")
        checkpoints.restore(newest, *tiny())
