"""A run in stages: frozen parts stand still, and a run resumes to the bit in any stage."""

import signal

import numpy as np
import pytest

from models.weights import native
from runs import assert_same, only_run, signalled, train_here
from tiny import tiny_dataset
from training.run import checkpoints

STAGES = """
[parts]
stem = "stem_.*"
rest = "middle_.*|scores"

[[stages]]
epochs = 1
frozen = ["stem"]
[[stages]]
rate = 0.5
rates = {stem = 0.1}
"""
OPTIONS = ("-m", "toy", "-t", "32,64", "-b", 2, "-e", 3)  # two steps an epoch


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    (folder / "stages.toml").write_text(STAGES)
    return tiny_dataset(folder / "set", train=4, val=2, size=(32, 64))


def words(town, logs):
    return (*OPTIONS, "--stages", town.parent / "stages.toml", "-p", town, "--logs", logs)


@pytest.fixture(scope="module")
def run(town, tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "KEPT", 3)
        assert train_here(*words(town, logs)) == 0
    return only_run(logs)


def weights_after(run, epoch):
    return native.read_arrays(run / "checkpoints" / f"epoch-{epoch:04d}" / "weights.h5")[0]


@pytest.mark.slow
def test_a_frozen_part_stands_still_and_then_moves(run):
    first, last = weights_after(run, 1), weights_after(run, 3)
    norm = {name: array for name, array in first.items() if name.startswith("stem_bn")}
    np.testing.assert_array_equal(norm["stem_bn/moving_mean"], 0)  # batch norm rests as well
    np.testing.assert_array_equal(norm["stem_bn/gamma"], 1)
    assert (first["middle_bn/moving_mean"] != 0).any()
    assert (last["stem_bn/moving_mean"] != 0).any() and (last["stem_bn/gamma"] != 1).any()


@pytest.mark.slow
@pytest.mark.parametrize("batch", [2, 5])  # in the first stage, and in the second
def test_a_run_resumes_in_any_stage_to_the_bit(run, town, tmp_path, batch):
    with signalled("training", batch, signal.SIGTERM):
        assert train_here(*words(town, tmp_path)) == 75
    assert train_here("--resume", only_run(tmp_path)) == 0
    assert_same(only_run(tmp_path), run)


@pytest.mark.slow
def test_it_does_amid_an_accumulation_over_the_end_of_a_stage(town, tmp_path):
    accumulating = ("--accumulate", 3)  # steps of which an epoch has two
    assert train_here(*words(town, tmp_path / "undisturbed"), *accumulating) == 0
    with signalled("training", 4, signal.SIGTERM):  # after three, of which two were in the first stage
        assert train_here(*words(town, tmp_path / "resumed"), *accumulating) == 75
    assert train_here("--resume", only_run(tmp_path / "resumed")) == 0
    assert_same(only_run(tmp_path / "resumed"), only_run(tmp_path / "undisturbed"))
