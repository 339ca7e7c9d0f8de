"""Whole runs as real processes: repeated, killed and resumed, they end with the same bits."""

import signal
import subprocess
import sys
import time

import pytest

from runs import assert_same, log, only_run
from tiny import TRAIN, tiny_dataset

EPOCHS = 6


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    root = tmp_path_factory.mktemp("town")
    tiny_dataset(root, train=10, val=3, size=(64, 128))  # 10 images in batches of 4: the last is filled up
    return root


def command(town, logs, *options):
    return [
        sys.executable,
        *map(str, TRAIN),
        *("-m", "toy", "-p", str(town), "-t", "64,128", "-b", "4", "-e", str(EPOCHS)),
        *("--logs", str(logs), *options),
    ]


@pytest.fixture(scope="module")
def undisturbed(town, tmp_path_factory):
    logs = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(town, logs), check=True, capture_output=True)
    return only_run(logs)


@pytest.mark.slow
def test_a_killed_and_resumed_run_ends_bit_identical(town, undisturbed, tmp_path):
    saving = command(town, tmp_path, "--save-every", "0.0001")  # minutes: after each step
    process = subprocess.Popen(saving, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("toy/*/checkpoints/epoch-0002-step-*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    run = only_run(tmp_path)
    assert len(list((run / "checkpoints").glob("epoch-*"))) >= 1
    done = subprocess.run(command(town, tmp_path, "--resume"), check=True, capture_output=True, text=True)
    assert f"resuming {run} after epoch" in done.stdout
    assert only_run(tmp_path) == run
    assert_same(run, undisturbed)


@pytest.mark.slow
def test_the_same_command_gives_the_same_bits_from_the_cache_and_with_deterministic_operations(
    town, undisturbed, tmp_path
):
    options = ("--cache", "memory", "--workers", "1", "--deterministic")
    subprocess.run(command(town, tmp_path, *options), check=True, capture_output=True)
    assert_same(only_run(tmp_path), undisturbed)


@pytest.mark.slow
def test_a_run_leaves_what_the_readme_says(undisturbed):
    for name in (
        "config.json",
        "environment.json",
        "csv/log.csv",
        "curves.png",
        "checkpoints/best",
        "checkpoints/last",
        *(f"images/epoch_{epoch}.png" for epoch in range(1, EPOCHS + 1)),
    ):
        assert (undisturbed / name).exists(), name
    assert list((undisturbed / "tensorboard").glob("events*"))
    assert [int(row["epoch"]) for row in log(undisturbed)] == list(range(1, EPOCHS + 1))


@pytest.mark.slow
def test_an_earlier_checkpoint_goes_on_in_a_new_folder(town, undisturbed, tmp_path):
    earlier = undisturbed / "checkpoints" / f"epoch-{EPOCHS - 1:04d}"
    options = ("--resume", str(earlier))
    done = subprocess.run(command(town, tmp_path, *options), check=True, capture_output=True, text=True)
    run = only_run(tmp_path)
    assert f"going on in {run}" in done.stdout
    assert_same(run, undisturbed)
