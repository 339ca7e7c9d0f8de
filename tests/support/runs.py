"""Training runs in this process, and what they leave."""

import csv
import itertools
import os
import signal
import sys
from contextlib import contextmanager

import numpy as np
import pytest

import train
from data import pipeline
from models.weights import native
from training.run.interruptions import SIGNALS

TIMING = ("images_per_s", "data_wait", "seconds")


def train_here(*options) -> int:
    """Run train.py in this process, which has TensorFlow already; its exit status."""
    with pytest.MonkeyPatch.context() as patch, handlers_restored():
        patch.setattr(sys, "argv", ["train.py", *map(str, options)])
        return train.main()


@contextmanager
def handlers_restored():
    """Afterwards `SIGNALS` are handled as before: a run leaves some ignored, also in child processes."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def only_run(logs):
    """The folder of the only run; the finder's results are none."""
    (run,) = logs.glob("*/????????-??????*")
    return run


def log(run) -> list[dict]:
    """The rows of the log, without what two runs never share."""
    with open(run / "csv" / "log.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMING} for row in csv.DictReader(file)]


def assert_same(run, reference) -> None:
    """The same log, and the same bits in every file of the last checkpoint."""
    assert log(run) == log(reference)
    names = {path.name for path in (reference / "checkpoints" / "last").glob("*.h5")}
    assert names == {path.name for path in (run / "checkpoints" / "last").glob("*.h5")} and len(names) >= 2
    for name in names:
        ours, theirs = (
            native.read_arrays(folder / "checkpoints" / "last" / name)[0] for folder in (run, reference)
        )
        assert ours.keys() == theirs.keys()
        for key, array in theirs.items():
            np.testing.assert_array_equal(ours[key], array, err_msg=f"{name} {key}")


@contextmanager
def signalled(kind, number, which):
    """Inside, this process gets a signal before the n-th batch of a kind, "training" or "evaluation"."""
    batches, count = getattr(pipeline.Batches, kind), itertools.count(1)

    def interrupted(self, *arguments):
        for batch in batches(self, *arguments):
            if next(count) == number:
                os.kill(os.getpid(), which)
            yield batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.Batches, kind, interrupted)
        yield
