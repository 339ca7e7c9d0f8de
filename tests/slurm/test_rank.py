"""Where a task of SLURM's stands among the ranks, and which of their statuses a job ends with."""

import importlib.util
import os
import shutil
import subprocess

import pytest

from rank_processes import require_horovod
from tiny import REPO

SPEC = importlib.util.spec_from_file_location("slurm_rank", REPO / "slurm" / "rank.py")
rank = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rank)


@pytest.mark.parametrize(
    ("text", "tasks"), [("1", [1]), ("4(x2)", [4, 4]), ("2(x3),1", [2, 2, 2, 1]), ("1,8(x2)", [1, 8, 8])]
)
def test_tasks_of_nodes(text, tasks):
    assert rank.tasks_of_nodes(text) == tasks


@pytest.mark.parametrize(("text", "hosts"), [("2(x2)", [2, 2]), ("3,1(x2)", [3, 1, 1]), ("1,2", [1, 2])])
def test_places_are_those_that_horovodrun_would_give(text, hosts):
    require_horovod()
    from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts
    from horovod.runner.gloo_run import create_slot_env_vars

    names = ",".join(f"node-{node}:{tasks}" for node, tasks in enumerate(hosts))
    slots = get_host_assignments(parse_hosts(names), sum(hosts))
    tasks = [(node, local) for node, count in enumerate(hosts) for local in range(count)]
    assert len(slots) == len(tasks)
    for number, (slot, (node, local)) in enumerate(zip(slots, tasks)):
        told = {"SLURM_STEP_TASKS_PER_NODE": text, "SLURM_PROCID": str(number), "SLURM_NODEID": str(node)}
        told |= {"SLURM_LOCALID": str(local), "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.1"}
        place = rank.place(told, 4321)
        assert {name: place[name] for name in create_slot_env_vars(slot)} == create_slot_env_vars(slot)
        assert place["HOROVOD_GLOO_RENDEZVOUS_ADDR"] == "10.0.0.1"
        assert place["HOROVOD_GLOO_RENDEZVOUS_PORT"] == "4321"


@pytest.mark.parametrize(
    ("launcher", "noted", "verdict"),
    [
        (0, [0, 0], 0),
        (75, [75, 75], 75),
        (72, [72, 2], 2),  # a damaged image on one rank; the other only lost it
        (75, [75, 74], 74),  # the disk was full when all were to save
        (143, [143, 70], 70),
        (73, [72, 73], 73),
        (137, [72, 137], 137),  # out of memory
        (138, [138, 72], 138),  # told to stop before it had begun
        (1, [75, 75], 75),  # as horovodrun has it
        (1, [], 1),  # the launcher itself has failed
        (1, [0, 0], 1),
    ],
)
def test_the_verdict_is_the_cause(launcher, noted, verdict):
    if not shutil.which("bash"):
        pytest.skip("no bash")
    code = "source slurm/job.sh; mkdir -p $notes; number=0; "
    code += (
        f"for status in {' '.join(map(str, noted))}; do echo $status > $notes/status-$((number++)); done; "
    )
    code += f"verdict {launcher}"
    environment = os.environ | {"SLURM_JOB_ID": f"test-{os.getpid()}", "SLURM_JOB_NUM_NODES": "1"}
    done = subprocess.run(
        ["bash", "-c", code], cwd=REPO, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (verdict, "")
