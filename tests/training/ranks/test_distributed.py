"""Several ranks as real processes: the same bits on all of them, and the numbers of one."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import damage
from common.errors import UserError
from data import datasets
from models.weights import native
from rank_processes import COMPARABLE, assert_same_bits, command_of, launch, launch_forks
from runs import assert_same, log, only_run
from tiny import REPO, TRAIN, tiny_dataset
from training.ranks import distributed
from training.run import checkpoints

COSTLY = (
    "every rank is a process, and horovodrun, whose part it is to end the others, imports TensorFlow as well"
)

STEPS, SCORE, RUN = (Path(__file__).with_name(f"{name}_of_ranks.py") for name in ("steps", "score", "run"))
PLAIN = {"model": "toy", "target_size": (32, 64), "batch": 2}
CASES = {
    "plain": PLAIN,
    "accumulated": {**PLAIN, "accumulate": 3, "ema": 0.9, "clip_norm": 1.0},
    "bfloat16": {**PLAIN, "precision": "mixed_bfloat16", "loss": "ohem+dice+lovasz"},
    "float16": {**PLAIN, "precision": "mixed_float16", "accumulate": 2, "ema": 0.9},
}


TINY = ("-m", "toy", "-t", "32,64", "-b", "2")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=9, val=7, size=(32, 64), instances=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "launcher", "compression", "names"),
    [
        (2, "forks", "none", CASES),
        (3, "forks", "none", CASES),
        (2, "mpirun", "fp16", ("accumulated", "float16")),
    ],
)
def test_ranks_keep_the_same_bits(number, launcher, compression, names, tmp_path):
    cases = json.dumps({name: CASES[name] for name in names})
    words = (STEPS, tmp_path, cases, "--compression", compression)
    done = launch_forks(number, *words) if launcher == "forks" else launch(number, *words, launcher=launcher)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in names:
        ends = [np.load(tmp_path / f"{name}.{rank}.npz") for rank in range(number)]
        assert np.isfinite(ends[0]["losses"]).all()
        assert_same_bits(ends, name)


@pytest.mark.slow
def test_two_ranks_of_two_equal_one_of_four(tmp_path):
    common = COMPARABLE | {"loss": "ohem+dice+lovasz", "label_smoothing": 0.1}
    for number, batch in ((1, 4), (2, 2)):
        cases = json.dumps({f"by {number}": common | {"batch": batch}})
        done = launch_forks(number, STEPS, tmp_path, cases)
        assert done.returncode == 0, done.stdout + done.stderr
    one, two = (np.load(tmp_path / f"by {number}.0.npz") for number in (1, 2))
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-4)
    assert one["losses"][-1] < one["losses"][0]
    for key in one.files:
        np.testing.assert_allclose(two[key], one[key], rtol=1e-3, atol=1e-4, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ranks", "replicas"])
def test_synchronized_batch_norm_of_two_and_two_images_is_that_of_four(kind, tmp_path):
    common = COMPARABLE | {"norms": True, "rate": 0.01}
    together = {**common, "batch": 2, "together": True}
    cases = {"two": together, "two with remat": {**together, "remat": True}}
    number, options = (2, ()) if kind == "ranks" else (1, ("--replicas", 2))
    one = {"four": {**common, "batch": 4}}
    for ranks, given, words in ((1, one, ()), (number, cases, options)):
        done = launch_forks(ranks, STEPS, tmp_path, json.dumps(given), *words)
        assert done.returncode == 0, done.stdout + done.stderr
    four = np.load(tmp_path / "four.0.npz")
    assert four["losses"][-1] < 0.95 * four["losses"][0]
    for name in cases:
        ends = [np.load(tmp_path / f"{name}.{rank}.npz") for rank in range(2)]
        assert_same_bits(ends, name)
        for key in four.files:
            np.testing.assert_allclose(ends[0][key], four[key], rtol=1e-3, atol=1e-5, err_msg=key)


@pytest.mark.slow
def test_scores_of_one_two_and_three_ranks_are_the_same_to_the_last_digit(town, tmp_path):
    rows = []
    for number in (1, 2, 3):  # of 7 images
        done = launch_forks(number, SCORE, town, tmp_path / "row.json")
        assert done.returncode == 0, done.stdout + done.stderr
        rows.append(json.loads((tmp_path / "row.json").read_text()))
    for row in rows[1:]:
        assert row.pop("val_loss") == pytest.approx(rows[0]["val_loss"], rel=1e-6)
        assert str(row) == str({name: value for name, value in rows[0].items() if name != "val_loss"})


class TestRuns:
    """Whole runs by horovodrun, disturbed in various ways."""

    @contextmanager
    def started(self, town, logs, *options, purpose=("-e", 10_000)):
        """A run of two ranks that will not end by itself, once both have done some steps."""
        words = (*TRAIN, *TINY, "-p", town, "--logs", logs, *options, *purpose)
        process = subprocess.Popen(
            command_of(2, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPO
        )
        try:
            while len(steps := self.steps(logs)) < 2 or min(steps) < 8:
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.2)
            yield process
        finally:
            process.kill()
            process.stdout.close()

    def notes(self, logs):
        found = []
        for path in sorted(logs.glob("toy/*/.ranks/?")):
            with contextlib.suppress(ValueError):
                found.append(json.loads(path.read_text()))
        return found

    def steps(self, logs):
        return [note["beats"] for note in self.notes(logs)]

    def assert_no_process_left(self, processes):
        for process in processes:
            assert (
                not Path(f"/proc/{process}/cmdline").is_file()
                or not Path(f"/proc/{process}/cmdline").read_bytes()
            ), f"process {process} is still there"

    @pytest.mark.slow
    @pytest.mark.parametrize("which", [signal.SIGKILL, signal.SIGSTOP])
    def test_a_rank_that_is_dead_or_stuck_ends_all(self, town, tmp_path, which):
        with self.started(town, tmp_path, "--stall-timeout", "20") as process:
            processes = [note["process"] for note in self.notes(tmp_path)]
            os.kill(processes[1], which)
            output, _ = process.communicate(timeout=60)
        assert process.returncode != 0
        self.assert_no_process_left(processes)
        if which == signal.SIGSTOP:
            assert f"all wait for rank 1 (process {processes[1]} on" in output

    @pytest.mark.slow
    def test_a_stuck_rank_ends_the_finder(self, town, tmp_path):
        options = ("-t", "128,256", "--stall-timeout", "20")  # a size that takes it some seconds
        with self.started(town, tmp_path, *options, purpose=("-f", "adam")) as process:
            processes = [note["process"] for note in self.notes(tmp_path)]
            os.kill(processes[1], signal.SIGSTOP)
            output, _ = process.communicate(timeout=60)
        assert process.returncode != 0
        self.assert_no_process_left(processes)
        assert f"all wait for rank 1 (process {processes[1]} on" in output

    @pytest.mark.slow
    def test_a_signal_to_one_rank_saves_once_and_another_number_of_ranks_goes_on(self, town, tmp_path):
        with self.started(town, tmp_path) as process:
            os.kill(self.notes(tmp_path)[1]["process"], signal.SIGUSR1)
            output, _ = process.communicate(timeout=60)
        assert process.returncode != 0 and "Exit code: 75" in output
        assert output.count("SIGUSR1: stopped and saved after step") == 1
        run = only_run(tmp_path)
        saved = checkpoints.newest(run)
        _, progress = native.read_arrays(saved / checkpoints.TRAINING)
        assert progress["ranks"] == 2
        epochs = progress["epoch"] + 2
        done = launch_forks(3, *TRAIN[1:], "--resume", run, "-e", epochs)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"resuming {run} after epoch {progress['epoch']}, step {progress['step']}" in done.stdout
        assert [int(row["epoch"]) for row in log(run)] == list(range(1, epochs + 1))

    @pytest.mark.slow
    def test_a_stopped_run_goes_on_to_the_same_bits(self, town, tmp_path):
        """Epochs of three steps, two to an update: the first epoch ends amid one."""
        recipe = [*TINY, "-p", town, "-e", 2, "--accumulate", 2, "--ema", 0.9, "--mixed-precision", "float16"]
        undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
        done = launch_forks(2, *TRAIN[1:], *recipe, "--logs", undisturbed)
        assert done.returncode == 0, done.stdout + done.stderr
        done = launch_forks(2, RUN, "signal", *recipe, "--logs", disturbed)
        assert done.returncode == 75
        assert (done.stdout + done.stderr).count("SIGUSR1: stopped and saved after step 4") == 1
        run = only_run(disturbed)
        assert checkpoints.newest(run).name == "epoch-0001-step-00000004"
        done = launch_forks(2, *TRAIN[1:], "--resume", run)
        assert done.returncode == 0, done.stdout + done.stderr
        assert_same(run, only_run(undisturbed))

    @pytest.mark.slow
    def test_a_rank_whose_weights_differ_ends_all_and_is_named(self, town, tmp_path):
        done = launch(3, RUN, "drift", *TINY, "-p", town, "-e", 3, "--logs", tmp_path)
        assert done.returncode != 0
        assert "at step 0 the weights of rank 1 differ from the others'" in done.stdout + done.stderr
        assert not list(tmp_path.glob("toy/*/checkpoints/*/*.h5"))

    @pytest.mark.slow
    def test_a_rank_that_raises_ends_all(self, town, tmp_path):
        done = launch(2, RUN, "fault", *TINY, "-p", town, "-e", 10_000, "--logs", tmp_path)
        assert done.returncode != 0
        assert "RuntimeError: a fault of the second rank" in done.stdout + done.stderr
        (second,) = tmp_path.glob("toy/*/.ranks/1")
        assert time.time() - second.stat().st_mtime < 60  # it wrote this each second until it ended
        self.assert_no_process_left([note["process"] for note in self.notes(tmp_path)])

    @pytest.mark.slow
    def test_a_damaged_image_ends_all_and_is_named(self, town, tmp_path):
        spoilt = shutil.copytree(town, tmp_path / "town")
        image = datasets.opened(spoilt).training()[4].image
        damage.truncate(image)
        done = launch(2, *TRAIN, *TINY, "-p", spoilt, "-e", 3, "--logs", tmp_path / "logs")
        assert done.returncode != 0
        (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "truncated PNG" in line]
        assert f"train.py: error: {image}" in line

    @pytest.mark.slow
    def test_the_finder_sweeps_with_all_ranks_and_writes_once(self, town, tmp_path):
        done = launch_forks(2, *TRAIN[1:], *TINY, "-p", town, "-f", "adam", "--logs", tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("written: ") == 1
        (found,) = tmp_path.glob("toy/lrfinder_results/*.json")
        assert len(json.loads(found.read_text())["losses"]) > 20


def test_one_process_needs_no_horovod(monkeypatch):
    for variable in distributed.LAUNCHERS:
        monkeypatch.delenv(variable, raising=False)
    assert distributed.start().size == 1


def test_separate_trainings_are_refused(monkeypatch):
    pytest.importorskip("horovod", reason="Horovod is not installed: make horovod")
    monkeypatch.setenv("SLURM_NTASKS", "8")
    with pytest.raises(UserError, match="SLURM has 8 tasks, but this process is alone.*slurm/train.sh"):
        distributed.start()


def test_a_launcher_without_horovod_is_told_the_cure(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    monkeypatch.setitem(sys.modules, "horovod.tensorflow", None)
    with pytest.raises(UserError, match="mpirun has started 4 processes, but Horovod is not .*make horovod"):
        distributed.start()


@pytest.mark.parametrize(
    ("built", "variables", "told"),
    [
        ({}, {}, "Horovod was built without CUDA: `make horovod`"),
        ({"cuda": True}, {"HOROVOD_ENABLE_XLA_OPS": "0"}, "HOROVOD_ENABLE_XLA_OPS is 0: set it to 1"),
        ({"rocm": True}, {"HOROVOD_ENABLE_XLA_OPS": "1"}, "it does not know Horovod's all-reduce (no"),
    ],
)
def test_why_steps_run_without_xla_is_told(monkeypatch, built, variables, told):
    ranks = distributed.Horovod.__new__(distributed.Horovod)
    ranks._hvd = SimpleNamespace(
        cuda_built=lambda: "cuda" in built,
        rocm_built=lambda: "rocm" in built,
        allgather_object=lambda value: [value],
    )
    monkeypatch.setattr(distributed, "failure_of_xla", lambda sums: "no kernel")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert told in ranks.without_xla() and not ranks._by_xla
    monkeypatch.setattr(distributed, "failure_of_xla", lambda sums: "")
    assert ranks.without_xla() == "" and ranks._by_xla


@pytest.mark.parametrize("text", ["{", "[]", '{"cluster": 3}', '{"cluster": {"worker": 3}}', "{}"])
def test_a_cluster_of_tensorflow_that_is_none_has_no_workers(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert distributed.tensorflow_workers() == 0
