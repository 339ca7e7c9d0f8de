"""The job scripts under a real SLURM of two nodes: what is disturbed ends as if it had not been.

SLURM requeues a job two minutes later; the tests tell it to do so at once.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import damage
import rank_processes
from data import datasets
from models import ARCHITECTURES
from processes import run_script
from runs import assert_same, log, only_run
from slurm_cluster import Cluster, missing
from tiny import REPO, TRAIN, tiny_dataset

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

TINY = ("-m", "toy", "-t", "32,64", "-b", "2")
TASKS = ("--nodes=2", "--ntasks-per-node=1", "--gpus-per-node=1", "--cpus-per-task=1", "--time=10")
ALONE = ("--nodes=1", "--ntasks-per-node=1", "--gpus-per-node=0", "--cpus-per-task=1", "--time=10")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
EPOCHS = 8  # of three steps
STALLED, SUSPENDED = 30, 35  # seconds; Gloo by itself gives up after 30 as well
NOTING = """#!{python}
import json, os, signal, sys
if sys.argv[1] == "-c" or sys.argv[1].startswith("slurm/"):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with open({folder!r} + "/arguments." + os.environ["SLURM_PROCID"], "w") as file:
    json.dump(sys.argv[1:], file)
if "SLOW" in os.environ:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(75))
    signal.pause()
sys.exit(int(os.environ.get("STATUS", 0)))
"""
SWEEP = """
[[sweep]]
benchmark = "train"
target-size = ["32,64", "64,64"]
turns = 3
seconds = 0.1
"""


@pytest.fixture(scope="module")
def cluster():
    rank_processes.require_horovod()
    if lacking := missing():
        pytest.skip(f"no {', '.join(lacking)}: apt-get install slurm-wlm munge")
    with Cluster() as started:
        yield started


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / 'a "town" of $HOME, it\'s'
    return tiny_dataset(folder, train=9, val=4, size=(32, 64), instances=False)


@contextlib.contextmanager
def held(processes):
    """Inside, the trainings among these processes do not move."""
    commands = {number: Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0") for number in processes}
    trainings = [number for number, words in commands.items() if b"train.py" in words[1:3]]
    for number in trainings:
        os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        for number in trainings:
            os.kill(number, signal.SIGCONT)


def knowing_the_toy(folder: Path) -> Path:
    """A "python" that runs the repository's scripts with the network of `toy.py`."""
    path = folder / "python-with-toy"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {REPO}/tests/support/with_toy.py "$@"\n')
    path.chmod(0o755)
    return path


class Job:
    """A submitted job.

    Args:
        options: of sbatch.
        words: script and its arguments.
        variables: of the environment.
    """

    def __init__(self, cluster, folder: Path, options, *words, **variables):
        self.cluster, self.output = cluster, folder / "job.out"
        variables = {"PYTHON": str(knowing_the_toy(folder))} | variables
        script, *rest = [str(word) for word in words]
        command = ("sbatch", "--parsable", f"--chdir={REPO}", f"--output={self.output}", *options)
        self.number = cluster.call(*command, REPO / script, *rest, **variables).strip()

    @property
    def text(self) -> str:
        return self.output.read_text() if self.output.is_file() else ""

    def wait_for(self, text: str, seconds: float = 240) -> None:
        """Wait until the job has printed something."""
        self.cluster.wait(lambda: text in self.text or self._fail_if_ended(text), seconds)

    def _fail_if_ended(self, text):
        state = self.cluster.show(self.number)["JobState"]
        assert state not in ENDED or text in self.text, f"{state} without '{text}':\n{self.text}"

    def end(self, seconds: float = 300) -> dict:
        """Wait for the end, with SLURM's pause before a requeued job left out; what SLURM tells of it.

        A job that is requeued may run for ten minutes.
        """

        def ended():
            told = self.cluster.show(self.number)
            if told["JobState"] == "PENDING" and told["Reason"] == "BeginTime":
                time.sleep(3)  # the pause is for the remains of the last start
                self.cluster.call(
                    "scontrol", "update", f"JobId={self.number}", "StartTime=now", "TimeLimit=10"
                )
            return told if told["JobState"] in ENDED else None

        return self.cluster.wait(ended, seconds)

    def finished(self) -> None:
        """Wait for the end, which has to be a good one."""
        told = self.end()
        assert (told["JobState"], told["ExitCode"]) == ("COMPLETED", "0:0"), f"{told}\n{self.text}"


@pytest.fixture
def training(cluster, town, tmp_path):
    """Function that submits a training on two nodes: options of sbatch, epochs, options of train.py."""

    def submit(*options, epochs=EPOCHS, more=(), **variables):
        words = ("slurm/train.sh", *TINY, "-p", town, "-e", epochs, "--logs", tmp_path / "logs", *more)
        return Job(cluster, tmp_path, (*TASKS, *options), *words, **variables)

    return submit


@pytest.fixture(scope="module")
def undisturbed(cluster, town, tmp_path_factory):
    """The folder of a run on this machine alone, by horovodrun."""
    logs = tmp_path_factory.mktemp("undisturbed")
    done = rank_processes.launch(2, *TRAIN, *TINY, "-p", town, "-e", EPOCHS, "--logs", logs)
    assert done.returncode == 0, done.stdout + done.stderr
    return only_run(logs)


class TestTraining:
    def test_two_nodes_train_as_one_machine_does(self, training, undisturbed, tmp_path):
        job = training()
        job.finished()
        assert "2 ranks" in job.text
        assert_same(only_run(tmp_path / "logs"), undisturbed)

    @pytest.mark.parametrize("way", ["scancel", "scontrol"])
    def test_a_stopped_job_goes_on_by_itself(self, way, cluster, training, undisturbed, tmp_path):
        job = training()
        job.wait_for("epoch 1/")
        if way == "scontrol":  # by an administrator, or for a job of higher priority
            cluster.call("scontrol", "requeue", job.number)
        else:
            cluster.call("scancel", "--signal=USR1", job.number)
        job.finished()
        assert "stopped and saved after step" in job.text and "resuming " in job.text
        assert cluster.show(job.number)["Restarts"] == "1"
        assert_same(only_run(tmp_path / "logs"), undisturbed)

    def test_a_suspended_job_goes_on(self, cluster, training, undisturbed, tmp_path):
        job = training(more=("--stall-timeout", STALLED))
        job.wait_for("epoch 1/")
        cluster.call("scontrol", "suspend", job.number)
        time.sleep(SUSPENDED)  # it is the length that matters, so there is nothing to wait for
        assert cluster.show(job.number)["JobState"] == "SUSPENDED"
        cluster.call("scontrol", "resume", job.number)
        job.finished()
        assert cluster.show(job.number)["Restarts"] == "0"
        assert_same(only_run(tmp_path / "logs"), undisturbed)

    def test_a_time_limit_is_survived(self, cluster, training, undisturbed, tmp_path):
        job = training("--signal=B:USR1@10")
        job.wait_for("epoch 1/")
        with held(cluster.processes()):  # else they might be done before the limit is near
            cluster.call("scontrol", "update", f"JobId={job.number}", "EndTime=now+50seconds")
            job.wait_for("told to stop")
        job.finished()
        assert "stopped and saved after step" in job.text and "resuming " in job.text
        assert cluster.show(job.number)["Restarts"] == "1"
        assert_same(only_run(tmp_path / "logs"), undisturbed)

    def test_a_cancelled_job_saves_and_stays_cancelled(self, cluster, training, tmp_path):
        job = training(epochs=10_000)
        job.wait_for("epoch 1/")
        cluster.call("scancel", job.number)
        assert job.end()["JobState"] == "CANCELLED"
        cluster.wait(lambda: "stopped and saved after step" in job.text, 30)
        time.sleep(2)
        assert cluster.show(job.number)["JobState"] == "CANCELLED"

    def test_a_node_that_dies_fails_the_job_and_is_named(self, cluster, training):
        job = training("--no-requeue", epochs=10_000)
        job.wait_for("epoch 1/")
        cluster.crash("n1")
        try:
            assert job.end(60)["JobState"] == "NODE_FAIL"
            assert "Node failure on n1" in job.text
            assert "another rank has ended" in job.text
        finally:
            cluster.start_node("n1")
            cluster.wait(cluster.idle, 60)

    def test_what_one_rank_cannot_read_is_the_jobs_status(self, training, town, tmp_path):
        spoilt = shutil.copytree(town, tmp_path / "town")
        image = datasets.opened(spoilt).training()[4].image
        damage.truncate(image)
        job = training(epochs=2, more=("-p", spoilt))
        told = job.end()
        assert (told["JobState"], told["ExitCode"], told["Restarts"]) == ("FAILED", "2:0", "0"), job.text
        assert f"train.py: error: {image}" in job.text

    def test_an_array_trains_one_model_each(self, cluster, town, tmp_path):
        words = ("-t", "32,32", "-b", 2, "-p", town, "-e", 1, "--logs", tmp_path / "logs")
        job = Job(cluster, tmp_path, (*ALONE, "--array=0-1"), "slurm/train.sh", *words)
        array = job.number
        for task in (0, 1):
            job.number = f"{array}_{task}"
            job.finished()
        assert {path.name for path in (tmp_path / "logs").iterdir()} == {"fastscnn", "separable_unet"}
        for model in (tmp_path / "logs").iterdir():
            (run,) = model.iterdir()
            assert len(log(run)) == 1

    def test_mpirun(self, cluster, training, undisturbed, tmp_path):
        rank_processes.require_mpi()
        job = training(LAUNCHER="mpirun", OMPI_MCA_mpi_yield_when_idle="1", **rank_processes.AS_ROOT)
        job.wait_for("epoch 1/")
        cluster.call("scancel", "--signal=USR1", "--batch", job.number)
        job.finished()
        assert "resuming " in job.text
        assert_same(only_run(tmp_path / "logs"), undisturbed)  # sums of two are the same in any order

    def test_pmix_connects_the_ranks(self, cluster, training):
        rank_processes.require_mpi()
        if "pmix" not in cluster.call("srun", "--mpi=list"):
            pytest.skip("this SLURM has no PMIx")
        # of one node: the folders of PMIx have the same name on two nodes, which are here one machine
        one = ("--nodes=1", "--ntasks-per-node=2", "--gpus-per-node=2")
        job = training(*one, more=("--doctor",), LAUNCHER="srun-pmix")
        job.finished()
        assert "the ranks meet by MPI" in job.text and "no problem found" in job.text


class TestBenchmark:
    def test_a_sweep_is_measured_by_an_array_and_reported(self, cluster, tmp_path):
        sweep, kept = tmp_path / "sweep.toml", tmp_path / "records"
        sweep.write_text(SWEEP)
        words = ("slurm/benchmark.sh", "sweep", sweep, "--save", kept)
        job = Job(cluster, tmp_path, (*ALONE, "--array=0-1"), *words)
        array = job.number
        for task in (0, 1):
            job.number = f"{array}_{task}"
            job.finished()
        assert len(list(kept.glob("train-*.json"))) == 2
        page = run_script("benchmark.py", "report", kept, "-o", tmp_path / "report")
        assert page.returncode == 0, page.stderr
        text = (tmp_path / "report" / "report.md").read_text()
        assert "32x64" in text and "64x64" in text


@pytest.fixture
def python(tmp_path):
    """A "python" that notes the arguments of the programs that it is given, and ends with $STATUS."""
    path = tmp_path / "python"
    path.write_text(NOTING.format(python=sys.executable, folder=str(tmp_path)))
    path.chmod(0o755)
    return str(path)


class TestScripts:
    """What they do around the programs, with one that only notes its arguments."""

    def arguments(self, folder):
        return json.loads((folder / "arguments.0").read_text())

    @pytest.mark.parametrize("script", ["train", "lr_finder", "predict", "benchmark"])
    def test_arguments_arrive_as_they_were_given(self, script, cluster, python, tmp_path):
        given = ["-p", "two  words", "it's", '"$HOME"', "*", "", "\\n", "-m=unet", "--x={a,b}"]
        Job(cluster, tmp_path, (*ALONE, "--wait"), f"slurm/{script}.sh", *given, PYTHON=python)
        assert self.arguments(tmp_path)[-len(given) :] == given

    @pytest.mark.parametrize("status", [2, 70, 71, 73, 74, 130, 137, 139])  # killed for memory; a crash
    def test_a_status_is_kept_and_not_requeued(self, status, cluster, python, tmp_path):
        job = Job(cluster, tmp_path, ALONE, "slurm/train.sh", PYTHON=python, STATUS=str(status))
        told = job.end()
        assert (told["JobState"], told["ExitCode"], told["Restarts"]) == ("FAILED", f"{status}:0", "0")

    def test_requeues_end_at_the_cap(self, cluster, python, tmp_path):
        job = Job(cluster, tmp_path, ALONE, "slurm/train.sh", PYTHON=python, STATUS="75", MAX_REQUEUES="2")
        told = job.end()
        assert (told["JobState"], told["ExitCode"], told["Restarts"]) == ("FAILED", "75:0", "2"), job.text
        assert job.text.count("requeued for the ") == 2
        assert "not requeued, because it was 2 times" in job.text

    def test_who_saves_only_when_the_limit_is_there_goes_on_as_well(self, cluster, python, tmp_path):
        options = (*ALONE, "--time=1", "--signal=B:USR1@1")
        job = Job(cluster, tmp_path, options, "slurm/train.sh", PYTHON=python, SLOW="1")
        job.wait_for("requeued for the 1. time", 300)  # SLURM looks for limits twice a minute
        cluster.call("scancel", job.number)
        assert "DUE TO TIME LIMIT" in job.text

    def test_of_an_array_one_task_alone_is_requeued(self, cluster, python, tmp_path):
        options = (*ALONE, "--array=0-1", f"--output={tmp_path}/%a.out")
        variables = {"PYTHON": python, "STATUS": "75", "MAX_REQUEUES": "1"}
        job = Job(cluster, tmp_path, options, "slurm/train.sh", **variables)
        for task in ("0", "1"):
            job.number = f"{job.number.split('_')[0]}_{task}"
            told = job.end()
            assert (told["JobState"], told["Restarts"]) == ("FAILED", "1")
            assert (tmp_path / f"{task}.out").read_text().count("requeued for the ") == 1

    def test_an_array_is_a_sweep_and_each_task_one_configuration(self, cluster, python, tmp_path):
        job = Job(
            *(cluster, tmp_path, (*ALONE, "--array=3"), "slurm/benchmark.sh", "sweep", "gpu.toml", "--save"),
            PYTHON=python,
        )
        job.number += "_3"
        job.finished()
        assert self.arguments(tmp_path)[-5:] == ["sweep", "gpu.toml", "--save", "--only", "3"]

    def test_the_models_of_an_array_end(self, cluster, python, tmp_path):
        number = len(ARCHITECTURES) - 1  # without the toy network, which only the tests know
        job = Job(cluster, tmp_path, (*ALONE, f"--array={number}"), "slurm/train.sh", PYTHON=python)
        job.number += f"_{number}"
        assert job.end()["ExitCode"] == "2:0"
        assert f"no model has number {number}; submit with --array=0-{number - 1}" in job.text

    def test_staging_unpacks_on_the_node_and_cleans_up(self, cluster, python, town, tmp_path):
        data = tmp_path / "data set"
        shutil.copytree(town, data)
        scratch = tmp_path / "local disk"
        scratch.mkdir()
        variables = {"STAGE": "1", "CITYSCAPES_DATASET": str(data), "STAGE_FOLDER": str(scratch)}
        job = Job(cluster, tmp_path, TASKS, "slurm/train.sh", "-m", "unet", PYTHON=python, **variables)
        job.finished()
        _, _, name, option, folder, *rest = self.arguments(tmp_path)
        assert (option, rest) == ("-p", ["-m", "unet"])
        assert folder == f"{scratch}/street-scenes-{name}"
        assert not any(scratch.iterdir())
        names = subprocess.run(["tar", "-tf", f"{data}.tar"], capture_output=True, text=True, timeout=60)
        assert names.stdout.count(".png") == 2 * (9 + 4)

    def test_staging_refuses_another_data_set(self, cluster, python, tmp_path):
        variables = {"STAGE": "1", "CITYSCAPES_DATASET": str(tmp_path)}
        job = Job(cluster, tmp_path, ALONE, "slurm/train.sh", "-p", "here", PYTHON=python, **variables)
        assert job.end()["ExitCode"] == "2:0"
        assert "STAGE=1 stages $CITYSCAPES_DATASET: leave -p out" in job.text


def test_the_scripts_are_clean():
    if not shutil.which("shellcheck"):
        pytest.skip("no shellcheck: apt-get install shellcheck")
    scripts = sorted((REPO / "slurm").glob("*.sh"))
    done = subprocess.run(
        ["shellcheck", "-x", *scripts], cwd=REPO, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    for script in scripts:
        assert os.access(script, os.X_OK) == (script.name not in ("env.sh", "job.sh")), script
