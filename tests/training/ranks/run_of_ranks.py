"""A process of several, started by a launcher: trains as train.py does, but harm comes to the second rank.

    horovodrun -np 2 python run_of_ranks.py signal|drift|fault OPTION...

signal: SIGUSR1 before its fourth batch; drift: one of its weights is not the others'; fault: an error
that nobody expects after the third batch of an epoch.
"""

import contextlib
import itertools
import os
import signal
import sys
from contextlib import contextmanager

import pytest

import toy
from common import cli
from data import pipeline
from runs import signalled, train_here
from training.ranks import seeds


@contextmanager
def drifted():
    """Inside, a weight is changed as soon as all ranks hold the same ones."""
    spread = seeds.spread

    def change(model, ranks):
        model.weights[0].assign(model.weights[0] * 1.001)
        spread(model, ranks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeds, "spread", change)
        yield


@contextmanager
def faulty():
    """Inside, an epoch raises after its third batch."""
    training = pipeline.Batches.training

    def broken(self, *arguments):
        yield from itertools.islice(training(self, *arguments), 3)
        raise RuntimeError("a fault of the second rank")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.Batches, "training", broken)
        yield


def main() -> int:
    what, *options = sys.argv[1:]
    toy.register()
    harms = {
        "signal": lambda: signalled("training", 4, signal.SIGUSR1),
        "drift": drifted,
        "fault": faulty,
    }
    is_second = os.environ["HOROVOD_RANK"] == "1"
    with harms[what]() if is_second else contextlib.nullcontext():
        return train_here(*options)


if __name__ == "__main__":
    cli.run(main)
