"""Several ranks on this machine, as a user starts them."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from processes import warm
from slurm.rank import place
from tiny import REPO

# a case of `steps_of_ranks.py` in which batch norm does not look at the batch, and rounding stays small
COMPARABLE = {
    "model": "toy",
    "options": {"dropout": 0.0},
    "target_size": (32, 64),
    "norms": False,
    "rate": 1e-5,
}
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def require_horovod() -> None:
    """Skip the test where Horovod is not installed."""
    if not importlib.util.find_spec("horovod"):
        pytest.skip("Horovod is not installed: make horovod")


def require_mpi() -> None:
    """Skip the test where Horovod has not been built with MPI, or nothing starts it."""
    require_horovod()
    if not shutil.which("mpirun"):
        pytest.skip("no mpirun: apt-get install openmpi-bin libopenmpi-dev, then make horovod")
    import horovod.tensorflow as hvd

    if not hvd.mpi_built():
        pytest.skip("Horovod was built without MPI: install one, then make horovod")


def command_of(number: int, *words, launcher: str = "horovodrun") -> list[str]:
    """A Python program of the repository on so many ranks: by Gloo under horovodrun, by MPI under mpirun."""
    if launcher == "mpirun":
        require_mpi()
        start = ("mpirun", "--oversubscribe", "--bind-to", "none", "-np", number)
    else:
        require_horovod()
        start = (Path(sys.executable).with_name("horovodrun"), "--gloo", "-np", number)
    return [str(word) for word in (*start, sys.executable, *words)]


def launch(
    number: int, *words, timeout: float = 400, launcher: str = "horovodrun"
) -> subprocess.CompletedProcess:
    """Run such a program to its end."""
    return subprocess.run(
        command_of(number, *words, launcher=launcher),
        cwd=REPO,
        env=os.environ | AS_ROOT | {"PYTHONPATH": f"{REPO}:{REPO / 'tests' / 'support'}"},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def launch_forks(number: int, *words) -> subprocess.CompletedProcess:
    """Run a program of the repository on so many ranks, forks of a process that has imported TensorFlow.

    They find each other as those that srun starts do. For programs whose ranks all end by themselves: no
    launcher is there to end the others.
    """
    require_horovod()
    job = {"SLURM_STEP_TASKS_PER_NODE": str(number), "SLURM_NODEID": "0", "RENDEZVOUS_ADDRESS": "127.0.0.1"}
    command = [sys.executable, REPO / "slurm" / "rendezvous.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        environments = [
            os.environ | place(job | {"SLURM_LOCALID": str(rank), "SLURM_PROCID": str(rank)}, port)
            for rank in range(number)
        ]
        try:
            return warm().run([str(word) for word in words], environments, REPO)
        finally:
            server.kill()


def assert_same_bits(ends: list, name: str) -> None:
    """Of what `steps_of_ranks.py` wrote of each rank or replica, the seeds of dropout alone differ."""
    first, *others = ends
    for other in others:
        for key in first.files:
            if key.startswith("random/"):  # seed, and how many numbers were drawn
                assert first[key][0] != other[key][0] and first[key][1] == other[key][1], f"{name} {key}"
            else:
                np.testing.assert_array_equal(other[key], first[key], err_msg=f"{name} {key}")
