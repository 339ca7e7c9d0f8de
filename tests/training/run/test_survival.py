"""Runs that are stopped, starved or fed with nonsense: what they leave, and that they go on exactly there."""

import functools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from common.errors import DiskFullError, NoProgressError, NotFiniteError
from data import pipeline
from models.weights import native
from runs import assert_same, log, only_run, signalled, train_here
from tiny import REPO, TRAIN, tiny_dataset
from training.run import checkpoints, interruptions

START = ("-m", "toy", "-t", "32,64", "-b", "2")
STEPS = 3  # of an epoch: 5 images, of which the last batch takes one twice
RECIPES = {
    "plain": "--ema 0.9 --accumulate 2",
    "every part": "--optimizer nadam --schedule onecycle --max-lr 0.01 --warmup-epochs 0.5 --ema 0.9 "
    "--accumulate 2 --clip-norm 1 --weight-decay 0.01 --loss ohem+dice+lovasz --class-weights median "
    "--label-smoothing 0.1 --mixed-precision float16",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=5, val=3, size=(64, 128), instances=False)


@pytest.fixture(scope="module")
def undisturbed(town, tmp_path_factory):
    """Function of a recipe -> the folder of a run of two epochs."""

    @functools.cache
    def run(recipe):
        logs = tmp_path_factory.mktemp("undisturbed")
        assert train_here(*start(recipe, town, logs)) == 0
        return only_run(logs)

    return run


def start(recipe, town, logs):
    return [*START, *RECIPES[recipe].split(), "-e", 2, "-p", town, "--logs", logs]


class TestSignals:
    @pytest.mark.parametrize(
        ("recipe", "kind", "number", "which", "status", "checkpoint"),
        [
            pytest.param(
                *("every part", "training", STEPS + 1, signal.SIGUSR1, 75, "epoch-0001-step-00000004"),
                marks=pytest.mark.slow,
            ),
            ("plain", "training", 2, signal.SIGINT, 130, "epoch-0000-step-00000002"),
            ("plain", "evaluation", 1, signal.SIGTERM, 75, f"epoch-0000-step-{STEPS:08d}"),
        ],
    )
    def test_stop_at_the_step_and_the_resumed_run_ends_with_the_same_bits(
        self, town, undisturbed, tmp_path, recipe, kind, number, which, status, checkpoint, capfd
    ):
        with signalled(kind, number, which):
            assert train_here(*start(recipe, town, tmp_path)) == status
        run = only_run(tmp_path)
        assert (run / "checkpoints" / "last").resolve().name == checkpoint
        said = capfd.readouterr().err
        assert f"{which.name}: stopped and saved after step {int(checkpoint[-8:])}" in said
        assert f"--resume {run}" in said
        assert train_here("--resume", run) == 0
        assert_same(run, undisturbed(recipe))

    def test_before_the_first_step_saves_what_there_is(self, town, tmp_path, monkeypatch):
        stop_before_the_first_step(monkeypatch)
        assert train_here(*START, "-e", 1, "-p", town, "--logs", tmp_path) == 75
        assert [path.name for path in checkpoints.found(only_run(tmp_path))] == ["epoch-0000"]

    def test_a_second_ctrl_c_stops_at_once(self, town, tmp_path, monkeypatch, capfd):
        batches = pipeline.Batches.training

        def impatient(self, *arguments):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            yield from batches(self, *arguments)

        monkeypatch.setattr(pipeline.Batches, "training", impatient)
        before = signal.getsignal(signal.SIGINT)  # a job in the background ignores it
        assert train_here(*START, "-e", 1, "-p", town, "--logs", tmp_path) == 130
        said = capfd.readouterr().err
        assert "Ctrl-C again stops at once" in said and "is lost; go on with" in said
        assert signal.getsignal(signal.SIGINT) is before


def stop_before_the_first_step(monkeypatch):
    batches = pipeline.Batches.training

    def stopped(self, *arguments):
        os.kill(os.getpid(), signal.SIGUSR1)
        return batches(self, *arguments)

    monkeypatch.setattr(pipeline.Batches, "training", stopped)


def fail_at_the_first_step(monkeypatch, error):
    def failing(self, *arguments):
        raise error

    monkeypatch.setattr(pipeline.Batches, "training", failing)


@pytest.fixture(scope="module")
def stopped(town, tmp_path_factory):
    """The folder of a run that was stopped before its first step."""
    logs = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        stop_before_the_first_step(patch)
        assert train_here(*START, "-e", 1, "-p", town, "--logs", logs) == 75
    return only_run(logs)


class TestRequeueLoops:
    @pytest.fixture
    def run(self, stopped, tmp_path):
        return shutil.copytree(stopped, tmp_path / "run", symlinks=True)

    def test_of_failures_end(self, run, monkeypatch):
        fail_at_the_first_step(monkeypatch, RuntimeError("no\nmemory"))
        for _ in range(interruptions.ALLOWED - 1):
            interruptions.note_restart(run, 0)
            interruptions.note_failure(run, "another reason")
        with pytest.raises(RuntimeError):
            train_here("--resume", run)
        said = (
            f"{run} was resumed at step 0 and failed 3 times .* by: RuntimeError: no memory; .*restarts.log"
        )
        with pytest.raises(NoProgressError, match=said) as error:
            train_here("--resume", run)
        assert error.value.status == 71

    def test_of_orders_to_stop_go_on(self, run, monkeypatch, capfd):
        stop_before_the_first_step(monkeypatch)
        for _ in range(interruptions.ALLOWED):
            interruptions.note_restart(run, 0)
        assert train_here("--resume", run) == 75
        assert set((run / interruptions.FILE).read_text().splitlines()) == {"resumed at step 0"}
        said = capfd.readouterr().err
        assert said.count("resumed 3 times before at step 0") == 1 and "--save-every" in said

    def test_of_a_run_that_gets_further_go_on(self, tmp_path):
        for step in (5, 5, 5, 6, 6, 6, 7, 7, 7):
            interruptions.note_restart(tmp_path, step)
            interruptions.note_failure(tmp_path, "a reason")
        with pytest.raises(NoProgressError):
            interruptions.note_restart(tmp_path, 7)

    def test_end_whatever_ends_the_run(self, tmp_path):
        for _ in range(interruptions.MOST):
            interruptions.note_restart(tmp_path, 5)
        with pytest.raises(NoProgressError, match="resumed 50 times at step 5 .* too little memory or time"):
            interruptions.note_restart(tmp_path, 5)

    @pytest.mark.parametrize(
        ("ends", "failure"),
        [
            ("os.kill(os.getpid(), signal.SIGKILL)", None),
            ("os.kill(os.getpid(), signal.SIGTERM)", None),
            ("raise RankLostError('another rank has ended')", None),
            ("raise KeyboardInterrupt", None),
            ("raise MemoryError('19 GB')", "MemoryError: 19 GB"),
            ("faulthandler._sigsegv()", "Fatal Python error: Segmentation fault"),
            ("os.abort()", "Fatal Python error: Aborted"),
            ("interruptions.note_failure(run, 'no step for 300 s'); os._exit(73)", "no step for 300 s"),
        ],
    )
    def test_only_what_fails_by_itself_counts(self, ends, failure, tmp_path):
        interruptions.note_restart(tmp_path, 5)
        code = (
            "import faulthandler, os, pathlib, signal, sys\nfrom common.errors import RankLostError\n"
            "from training.run import interruptions\nrun = pathlib.Path(sys.argv[1])\n"
            f"with interruptions.failures_noted(run):\n    {ends}\n"
        )
        command = [sys.executable, "-c", code, tmp_path]
        assert subprocess.run(command, cwd=REPO, capture_output=True, timeout=60).returncode
        start, *noted = (tmp_path / interruptions.FILE).read_text().splitlines()
        assert start == "resumed at step 5" and noted[:1] == ([failure] if failure else [])

    def test_failures_of_several_ranks_are_one(self, tmp_path):
        for _ in range(interruptions.ALLOWED - 1):
            interruptions.note_restart(tmp_path, 5)
            for rank in range(4):
                interruptions.note_failure(tmp_path, f"rank {rank} failed")
        interruptions.note_restart(tmp_path, 5)

    def test_a_run_that_was_not_resumed_leaves_no_note(self, tmp_path):
        with pytest.raises(MemoryError), interruptions.failures_noted(tmp_path):
            raise MemoryError
        assert not any(tmp_path.iterdir())


class TestNotFinite:
    def test_loss_stops_before_the_update_and_names_step_rate_and_images(self, town, tmp_path):
        # a step an epoch: the rate of the second is absurd, and so are the weights that the third one meets
        rates = "--schedule cyclic --max-lr 1e30 --min-lr 0.001 --cycle 4 --optimizer sgd --batch 5 -e 4"
        with pytest.raises(
            NotFiniteError, match=r"no longer a number at step 3 \(learning rate 1e\+30"
        ) as error:
            train_here(*START, "-p", town, "--logs", tmp_path, *rates.split())
        assert error.value.status == 70
        names = {path.name for path in (town / "leftImg8bit" / "train" / "tinytown").iterdir()}
        assert len(names) == 5 and all(name in str(error.value) for name in names)
        run = only_run(tmp_path)
        assert checkpoints.newest(run).name == "epoch-0002"
        saved, _ = native.read_arrays(checkpoints.newest(run) / "weights.h5")
        assert all(np.isfinite(array).all() for array in saved.values())


def limited_to(megabytes):
    """For a child process: no file may grow beyond that."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes << 20, megabytes << 20))

    return limit


@pytest.fixture(scope="module")
def finished(town, tmp_path_factory):
    """The folder of a run of one epoch."""
    logs = tmp_path_factory.mktemp("finished")
    assert train_here(*START, "-m", "fastscnn", "-e", 1, "-p", town, "--logs", logs) == 0
    return only_run(logs)


class TestDiskFull:
    def resume(self, run, **options):
        command = [sys.executable, REPO / "train.py", "--resume", run, "-e", "3"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)

    def assert_previous_checkpoint_survives(self, done, run, reason):
        assert done.returncode == DiskFullError.status == 74, done.stderr
        (line,) = done.stderr.splitlines()
        assert f"cannot write {run}/checkpoints/epoch-0002: {reason} (" in line
        assert " MiB free); earlier checkpoints are untouched: free some space" in line
        assert checkpoints.newest(run).name == "epoch-0001"
        assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best", "epoch-0001", "last"]

    @pytest.mark.slow
    def test_by_a_limit_of_file_sizes(self, finished, tmp_path):
        run = shutil.copytree(finished, tmp_path / "run", symlinks=True)
        done = self.resume(run, preexec_fn=limited_to(2))
        self.assert_previous_checkpoint_survives(done, run, "File too large")

    @pytest.mark.slow
    def test_on_a_small_disk(self, finished, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", disk]  # a checkpoint is 14 MB
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("only root can mount a small disk")
        try:
            run = shutil.copytree(finished, disk / "run", symlinks=True)
            self.assert_previous_checkpoint_survives(self.resume(run), run, "No space left on device")
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.slow
def test_a_run_can_be_repeated_from_its_config(undisturbed, tmp_path):
    assert train_here("--config", undisturbed("plain") / "config.json", "--logs", tmp_path) == 0
    assert_same(only_run(tmp_path), undisturbed("plain"))


@pytest.mark.slow
def test_patience_ends_a_run_and_epochs_without_validation_are_blank(town, tmp_path, capsys):
    options = "-e 9 --validate-every 2 --patience 2 -l 1e-12 --seed 1"  # statistics alone move
    assert train_here(*START, "-p", town, "--logs", tmp_path, *options.split()) == 0
    run = only_run(tmp_path)
    assert [(row["epoch"], bool(row["val_miou"])) for row in log(run)] == [
        ("1", False),
        ("2", True),
        ("3", False),
        ("4", True),
    ]
    assert sorted(path.name for path in (run / "images").iterdir()) == ["epoch_2.png", "epoch_4.png"]
    assert (run / "curves.png").is_file()
    assert (run / "checkpoints" / "best").resolve().name == "epoch-0002"
    assert "no better score in 2 epochs; best mIoU" in capsys.readouterr().out


class TestTrackers:
    @pytest.mark.slow
    def test_weights_and_biases_offline(self, town, tmp_path):
        pytest.importorskip(
            "wandb", reason="wandb is not installed: pip install -c constraints.txt -e .[tracking]"
        )
        options = (*START, "-e", "2", "-p", town, "--logs", tmp_path, "--wandb", "streets")
        environment = os.environ | {"WANDB_MODE": "offline"}
        command = [sys.executable, *map(str, TRAIN), *map(str, options)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and not done.stderr, done.stderr
        run = only_run(tmp_path)
        (record,) = run.glob("wandb/offline-run-*/run-*.wandb")
        content = record.read_bytes()
        assert b"val_miou" in content and b"iou_road" in content and b"images_per_s" in content
        assert list(run.glob("wandb/offline-run-*/files/media/images/*.png"))

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow's use of SQLAlchemy
    def test_mlflow_in_a_database(self, town, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # where images go
        mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: see the extra 'tracking'")
        uri = f"sqlite:///{tmp_path}/mlflow.db"
        options = (*START, "-p", town, "--logs", tmp_path, "--mlflow", uri)
        assert train_here(*options, "-e", 1) == 0
        run = only_run(tmp_path)
        assert train_here("--resume", run, "-e", 2) == 0  # goes on in the same MLflow run
        client = mlflow.MlflowClient(tracking_uri=uri)
        (found,) = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
        assert (found.info.run_name, found.info.status) == (run.name, "FINISHED")
        history = client.get_metric_history(found.info.run_id, "val_miou")
        assert [(point.step, f"{point.value:.6g}") for point in history] == [
            (int(row["epoch"]), row["val_miou"]) for row in log(run)
        ]
        assert found.data.params["model"] == "toy"

    def test_that_are_not_installed_say_how(self, town, tmp_path, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(ValueError, match="`wandb` needs wandb; `pip install .*tracking"):
            train_here(*START, "-p", town, "--logs", tmp_path / "logs", "--wandb", "streets")
        assert not (tmp_path / "logs").exists()

    def test_that_cannot_be_started_leave_nothing(self, town, tmp_path):
        pytest.importorskip("mlflow", reason="mlflow is not installed: see the extra 'tracking'")
        with pytest.raises(ValueError, match="cannot start an MLflow run at nosuch://x"):
            train_here(*START, "-e", 1, "-p", town, "--logs", tmp_path / "logs", "--mlflow", "nosuch://x")
        assert not list((tmp_path / "logs" / "toy").iterdir())


def test_the_configuration_of_another_model_is_refused(undisturbed):
    with pytest.raises(ValueError, match="the configuration is of a toy, not of a unet; leave `model` out"):
        train_here("-m", "unet", "--config", undisturbed("plain") / "config.json")


def test_another_optimizer_than_the_configs_brings_its_own_rates(undisturbed):
    from training import config

    saved = config.read(undisturbed("plain") / "config.json")
    repeated = config.repeated(saved, {"optimizer": "sgd", "class_weights": "none"}, None)
    assert (repeated.optimizer, repeated.momentum, repeated.rates.maximum) == ("sgd", 0.9, 0.045)
    assert json.loads(config.to_json(repeated))["ema"] == 0.9
