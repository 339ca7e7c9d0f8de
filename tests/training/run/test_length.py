"""How long a run is: in steps, or in hours of training; and after which epochs it is validated."""

import signal

import numpy as np
import pytest

from models.weights import native
from runs import assert_same, log, only_run, signalled, train_here
from tiny import tiny_dataset

OPTIONS = ("-m", "toy", "-t", "32,64", "-b", 2, "--steps", 5, "--validate-steps", 3)  # two steps an epoch


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=4, val=2, size=(32, 64))


@pytest.fixture(scope="module")
def run(town, tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    assert train_here(*OPTIONS, "-p", town, "--logs", logs) == 0
    return only_run(logs)


def test_the_last_epoch_is_as_long_as_the_steps_allow(run):
    assert [int(row["step"]) for row in log(run)] == [2, 4, 5]
    _, progress = native.read_arrays(run / "checkpoints" / "last" / "training.h5")
    assert (progress["epoch"], progress["step"]) == (3, 5)


def test_the_schedule_ends_with_the_steps(run):
    rates = [float(row["learning_rate"]) for row in log(run)]  # of the first step of each epoch
    np.testing.assert_allclose(rates, 0.045 * (1 - np.array([0, 2, 4]) / 5) ** 0.9, rtol=1e-5)


def test_epochs_that_see_a_multiple_are_validated_and_the_last(run):
    assert [bool(row["val_miou"]) for row in log(run)] == [False, True, True]


@pytest.mark.slow
def test_a_resumed_run_has_the_same_bits(run, town, tmp_path):
    with signalled("training", 5, signal.SIGTERM):
        assert train_here(*OPTIONS, "-p", town, "--logs", tmp_path) == 75
    assert train_here("--resume", only_run(tmp_path)) == 0
    assert_same(only_run(tmp_path), run)


def test_a_run_out_of_time_is_validated_and_saved(town, tmp_path, capsys):
    assert train_here(*OPTIONS, "-b", 1, "--hours", 1e-9, "-p", town, "--logs", tmp_path) == 0
    rows = log(only_run(tmp_path))
    assert [int(row["step"]) for row in rows] == [2] and rows[0]["val_miou"]  # of four
    assert "1e-09 hours of training are over" in capsys.readouterr().out
