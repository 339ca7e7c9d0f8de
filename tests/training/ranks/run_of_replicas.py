"""Runs train.py where the CPU is two devices, so that `--strategy mirrored` has two replicas.

    python run_of_replicas.py whole|signal OPTION...

signal: SIGUSR1 before the second batch of training.
"""

import contextlib
import signal
import sys

import toy
from common import cli
from replicas import split_cpu
from runs import signalled, train_here


def main() -> int:
    what, *options = sys.argv[1:]
    harm = {"signal": lambda: signalled("training", 2, signal.SIGUSR1), "whole": contextlib.nullcontext}[what]
    toy.register()
    split_cpu(2)
    with harm():
        return train_here(*options)


if __name__ == "__main__":
    cli.run(main)
