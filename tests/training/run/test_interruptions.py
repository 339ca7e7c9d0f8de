"""Signals that come while a run ends; those that come during it are in test_survival.py."""

import signal
import subprocess
import sys

import pytest

from runs import handlers_restored
from tiny import REPO
from training.run.interruptions import Interruptions

# Ends as slowly as a program that has TensorFlow to put away: in as many seconds as it is told.
RUN = """
import signal, sys, time
from training.run.interruptions import Interruptions

class Slow:
    def __del__(self):
        time.sleep(float(sys.argv[1]))

slow = Slow()
with Interruptions() as stop:
    print("training", flush=True)
    while not stop.received:
        time.sleep(0.01)
print("ending", flush=True)
sys.exit(stop.status)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "status"), [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)]
)
@pytest.mark.parametrize("more", [signal.SIGTERM, signal.SIGUSR1])
def test_more_signals_do_not_replace_the_status(first, more, status):
    with subprocess.Popen([sys.executable, "-c", RUN, "0.5"], cwd=REPO, stdout=subprocess.PIPE) as run:
        run.stdout.readline()
        run.send_signal(first)
        while run.poll() is None:
            run.send_signal(more)
    assert run.returncode == status


def test_ctrl_c_still_interrupts_the_end():
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "60"], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        run.stdout.readline()
        run.send_signal(signal.SIGTERM)
        assert run.stdout.readline() == b"ending\n"
        while run.poll() is None:
            run.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in run.stderr.read() or run.returncode == -signal.SIGINT


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)])
def test_ctrl_c_counts_whichever_signal_came_first(signals):
    with handlers_restored(), Interruptions() as stop:
        for number in signals:
            signal.raise_signal(number)
    assert stop.received == signal.SIGINT and stop.status == 130
