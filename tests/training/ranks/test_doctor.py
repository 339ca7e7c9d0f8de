"""What --doctor tells of real ranks, and what it makes of bad ones."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from common.errors import UserError
from processes import assert_one_line_error, run_script
from rank_processes import launch, require_horovod
from tiny import REPO, tiny_dataset
from training.ranks import doctor

FIRST_OF_TWO = {  # nodes of a task each, as srun tells it
    "SLURM_PROCID": "0",
    "SLURM_NODEID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
    "SLURM_LAUNCH_NODE_IPADDR": "127.0.0.1",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=5, val=3, size=(32, 64), instances=False)


class TestRealRanks:
    @pytest.mark.slow
    def test_one(self, town):
        done = run_script("train.py", "--doctor", "-p", town)
        assert done.returncode == 0, done.stdout + done.stderr
        title, rank, versions, verdict = done.stdout.splitlines()
        assert title.split()[:4] == ["rank", "host", "GPU", "CPUs"]
        assert rank.split()[0] == "0" and "5 + 3" in rank
        assert "tensorflow 2." in versions and verdict == "no problem found"

    @pytest.mark.slow
    def test_two_exchange_and_share_the_images(self, town):
        done = launch(2, REPO / "train.py", "--doctor", "-p", town)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("5 + 3") == 2
        assert "all-reduce of 67 MB over 2 ranks: " in done.stdout
        assert "the ranks meet by Gloo" in done.stdout

    @pytest.mark.slow
    def test_two_without_their_data_set_end_with_status_2(self, tmp_path):
        (tmp_path / "leftImg8bit").mkdir()
        done = launch(2, REPO / "train.py", "--doctor", "-p", tmp_path)
        output = done.stdout + done.stderr
        assert "problem: rank 0: no split 'train'" in output and "problem: rank 1: no split 'train'" in output
        assert "Exit code: 2" in output

    def test_a_wrong_path_is_one_line(self, tmp_path):
        assert_one_line_error(run_script("train.py", "--doctor", "-p", tmp_path / "no"), "no data set at")

    @pytest.mark.slow
    def test_a_rank_that_waits_in_vain_says_where(self, tmp_path):
        """One of two tasks of a job, whose other one never comes."""
        require_horovod()
        alone = "from training.ranks import distributed; distributed.start(timeout=5)"
        with subprocess.Popen(
            [sys.executable, "slurm/rendezvous.py"], cwd=REPO, stdout=subprocess.PIPE
        ) as server:
            try:
                port = server.stdout.readline().decode().strip()
                done = subprocess.run(
                    [sys.executable, "slurm/rank.py", tmp_path, port, sys.executable, "-c", alone],
                    cwd=REPO,
                    env=os.environ | FIRST_OF_TWO | {"PYTHONPATH": str(REPO)},
                    capture_output=True,
                    text=True,
                    timeout=90,
                )
            finally:
                server.kill()
        assert done.returncode == 2, done.stderr
        assert "has waited 5 s in: joining the other ranks; is every rank running" in done.stderr


def answers(rank, **changed):
    sound = {
        "rank": rank,
        "host": "n0",
        "gpu": {"name": "A100", "identity": f"GPU-{rank}"},
        "cpus": [0, 1, 2, 3],
        "cpus_of_host": 8,
        "software": {"tensorflow": "2.18.1"},
        "horovod": {"operations": ["NCCL", "Gloo"], "controller": "Gloo"},
        "without_xla": "",
        "data": {"pictures": [5, 3], "seconds": 0.02},
    }
    return sound | changed


class TestProblems:
    def test_none(self):
        assert doctor.problems([answers(0), answers(1)]) == []

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"gpu": {"name": "A100", "identity": "GPU-0"}}, "ranks 0 and 1 share a GPU of n0: ask for"),
            ({"gpu": None}, "of ranks 0 and 1 only one has a GPU"),
            ({"cpus": [3]}, "rank 1 may use one CPU of 8: raise --cpus-per-task"),
            ({"software": {"tensorflow": "2.17.0"}}, "rank 1 has software {'tensorflow': '2.17.0'}"),
            ({"data": {"pictures": [4, 3], "seconds": 0.02}}, "rank 1 sees other images than rank 0"),
            ({"data": {"error": "no split 'train'"}}, "rank 1: no split 'train'"),
        ],
    )
    def test_of_one_rank(self, changed, told):
        found = doctor.problems([answers(0), answers(1, **changed)])
        assert any(problem.startswith(told) for problem in found), found

    def test_the_same_gpu_number_on_another_host_is_another_gpu(self):
        other = answers(1, host="n1", gpu={"name": "A100", "identity": "GPU-0"})
        assert doctor.problems([answers(0), other]) == []

    def test_gpus_without_nccl_or_xla(self):
        slow = {"horovod": {"operations": ["Gloo"], "controller": "Gloo"}}
        slow |= {"without_xla": "HOROVOD_ENABLE_XLA_OPS is 0: set it to 1, or unset it"}
        without_nccl, without_xla = doctor.problems([answers(0, **slow), answers(1, **slow)])
        assert "without NCCL: `make horovod`" in without_nccl
        assert without_xla == f"steps run without XLA: {slow['without_xla']}"


@pytest.mark.parametrize(
    ("numbers", "text"), [([0], "0"), ([0, 1, 2, 3], "0-3"), ([0, 2, 3, 4, 8], "0,2-4,8")]
)
def test_ranges(numbers, text):
    assert doctor.ranges(numbers) == text


@pytest.mark.parametrize(
    ("rank", "visible", "listed", "identity"),
    [
        (3, "", ["GPU-a", "GPU-b"], "GPU-b"),  # ranks of a machine share its GPUs by turns
        (1, "1,0", ["GPU-a", "GPU-b"], "GPU-a"),
        (0, "GPU-b", ["GPU-a", "GPU-b"], "GPU-b"),
        (1, "", [], "1"),  # without nvidia-smi
    ],
)
def test_a_gpu_has_a_name_and_an_identity_that_tells_it_from_others(
    monkeypatch, rank, visible, listed, identity
):
    import tensorflow as tf

    count = len([part for part in visible.split(",") if part]) or 2
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"gpu {n}" for n in range(count)])
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"device_name": gpu.upper()}
    )
    monkeypatch.setattr(doctor, "nvidia_smi", lambda: listed)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert doctor.gpu(rank) == {"name": f"GPU {rank % count}", "identity": identity}


def test_an_exchange_that_comes_to_another_sum_is_told():
    ranks = SimpleNamespace(rank=0, size=2, sums=lambda tensors: [2 * tensor for tensor in tensors])
    with pytest.raises(UserError, match=r"sum over 2 ranks came to \[2\. .*\], not 3\.0: build Horovod anew"):
        doctor.probe(ranks)
