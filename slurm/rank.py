"""One rank of a job: tells Horovod its place, runs the command, and notes with which status that ended.

    rank.py NOTES PORT COMMAND ...

PORT is that of slurm/rendezvous.py on the node from which srun was called, or 0 where MPI connects the ranks.
$RENDEZVOUS_ADDRESS replaces that node's address.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")


def tasks_of_nodes(text: str) -> list[int]:
    """SLURM's short notation: `2(x3),1` is three nodes of two tasks, and one of one."""
    found = []
    for part in text.split(","):
        tasks, nodes = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part).groups()
        found += [int(tasks)] * int(nodes or 1)
    return found


def place(environment, port: int) -> dict[str, str]:
    """What Horovod's Gloo reads, for a task that srun has started; ranks are consecutive on each node."""
    tasks = tasks_of_nodes(environment["SLURM_STEP_TASKS_PER_NODE"])
    node, local = int(environment["SLURM_NODEID"]), int(environment["SLURM_LOCALID"])
    peers = [
        number for number, count in enumerate(tasks) if count > local
    ]  # nodes that have such a local rank
    address = environment.get("RENDEZVOUS_ADDRESS") or environment["SLURM_LAUNCH_NODE_IPADDR"]
    return {
        "HOROVOD_RANK": environment["SLURM_PROCID"],
        "HOROVOD_SIZE": str(sum(tasks)),
        "HOROVOD_LOCAL_RANK": str(local),
        "HOROVOD_LOCAL_SIZE": str(tasks[node]),
        "HOROVOD_CROSS_RANK": str(peers.index(node)),
        "HOROVOD_CROSS_SIZE": str(len(peers)),
        "HOROVOD_HOSTNAME": f"node-{node}",
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(port),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
    }


def main() -> int:
    """Run the command; its status."""
    notes, port, *command = sys.argv[1:]
    rank = next(os.environ[name] for name in RANK_VARIABLES if name in os.environ)
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):  # SLURM and mpirun tell the whole group
        signal.signal(number, lambda *_: None)
    given = place(os.environ, int(port)) if int(port) else {}
    status = subprocess.Popen(command, env=os.environ | given).wait()
    status = status if status >= 0 else 128 - status
    (Path(notes) / f"status-{rank}").write_text(f"{status}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
