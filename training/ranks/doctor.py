"""What a cluster gives each rank, and what is wrong with that: asked before the first training there."""

import os
import platform
import time
from itertools import combinations
from pathlib import Path

import numpy as np

from common import startup
from common.arguments import as_options
from common.environment import lines_of, versions
from common.errors import EXIT_USER_ERROR, UserError
from data import datasets
from training.ranks import distributed
from training.ranks.distributed import JOIN_TIMEOUT, at_most
from training.ranks.ranks import Ranks

IMAGES = 8  # read by each rank
PROBE = 16 * 2**20  # float32 numbers in the all-reduce that is timed: 64 MiB
TURNS = 5
SOFTWARE = ("tensorflow", "keras", "horovod", "numpy")


def examine(path: Path | None, dataset: str | None = None, classes: str | None = None) -> int:
    """Ask every rank, print a table on the first one, and return the exit status: 2 with a problem.

    Args:
        path: data set to read from, or None.
        dataset, classes: of what kind it is, see `data.datasets.found`.

    Raises:
        UserError: the ranks do not see each other.
    """
    startup.tensorflow()
    ranks = distributed.start()
    with at_most(JOIN_TIMEOUT, distributed.host(), "an all-reduce"):
        seconds = probe(ranks)
    with at_most(JOIN_TIMEOUT, distributed.host(), "the other ranks' answers"):
        reports = ranks.gather(report(ranks, path, dataset, classes))
    found = problems(reports)
    if ranks.first:
        print(as_options("\n".join([*table(reports), *summary(reports, seconds)])))
        for problem in found:
            print(as_options(f"problem: {problem}"))
        print("no problem found" if not found else f"problems: {len(found)}", flush=True)
    ranks.any(False)  # launchers stop all ranks when one of them ends with a status
    return EXIT_USER_ERROR if found else 0


def probe(ranks: Ranks) -> float:
    """Seconds of an all-reduce of `PROBE` numbers, the least of `TURNS`.

    Raises:
        UserError: the sum is wrong.
    """
    import tensorflow as tf

    own = tf.fill([PROBE], float(ranks.rank + 1))
    times = []
    for _ in range(TURNS + 1):  # the first one allocates
        start = time.perf_counter()
        (total,) = ranks.sums([own])
        sample = total.numpy()[:: PROBE // 16]
        times.append(time.perf_counter() - start)
    expected = ranks.size * (ranks.size + 1) / 2
    if not (sample == expected).all():
        raise UserError(
            f"the sum over {ranks.size} ranks came to {sample}, not {expected}: build Horovod anew"
        )
    return min(times[1:])


def report(ranks: Ranks, *data_set) -> dict:
    """What this rank has, as plain values; of the data set, see the arguments of `examine`."""
    from common import devices
    from training.ranks.xla import xla

    devices.see_gpus(ranks.own)
    found = versions()
    return {
        "rank": ranks.rank,
        "host": distributed.host(),
        "gpu": gpu(ranks.local_rank),
        "cpus": sorted(os.sched_getaffinity(0)),
        "cpus_of_host": os.cpu_count(),
        "software": {name: found[name] for name in SOFTWARE if name in found}
        | {"python": platform.python_version()},
        "horovod": distributed.build() if ranks.size > 1 else {},
        "without_xla": xla(ranks)[1],
        "data": data(ranks, *data_set),
    }


def gpu(local_rank: int) -> dict | None:
    """Name and identity of the GPU that this rank takes, or None."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    number = local_rank % len(gpus)
    visible = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
    identity = visible[number] if visible else str(number)
    shown = nvidia_smi()
    if identity.isdigit() and int(identity) < len(shown):  # shown one GPU alone, all ranks have "0"
        identity = shown[int(identity)]
    details = tf.config.experimental.get_device_details(gpus[number])
    return {"name": details.get("device_name", "GPU"), "identity": identity}


def nvidia_smi() -> list[str]:
    """Unique names of this machine's GPUs, in the order of their numbers."""
    return lines_of("nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader")


def data(ranks: Ranks, path: Path | None, *kind) -> dict:
    """How many images there are, and how fast this rank reads some of its own."""
    if path is None:
        return {}
    try:
        data_set = datasets.opened(path, *kind)
        samples, validation = data_set.training(), data_set.validation()
        mine = samples[ranks.rank :: ranks.size][:IMAGES]
        start = time.perf_counter()
        for sample in mine:
            sample.decode()
        seconds = (time.perf_counter() - start) / max(1, len(mine))
        return {"pictures": [len(samples), len(validation)], "seconds": seconds}
    except UserError as error:
        return {"error": str(error)}


def problems(reports: list[dict]) -> list[str]:
    """What is wrong, each with its cure."""
    found = [f"rank {each['rank']}: {each['data']['error']}" for each in reports if "error" in each["data"]]
    for one, other in combinations(reports, 2):
        shared = one["gpu"] and other["gpu"] and one["gpu"]["identity"] == other["gpu"]["identity"]
        if shared and one["host"] == other["host"]:
            found.append(
                f"ranks {one['rank']} and {other['rank']} share a GPU of {one['host']}: ask for as many GPUs "
                "as tasks on each node (--gpus-per-node)"
            )
    found += _differences(reports)
    for each in reports:
        if len(each["cpus"]) == 1 and each["cpus_of_host"] > 1:
            found.append(
                f"rank {each['rank']} may use one CPU of {each['cpus_of_host']}: raise --cpus-per-task, and "
                "give mpirun --bind-to none"
            )
    first = reports[0]
    if first["gpu"] and len(reports) > 1:
        if "NCCL" not in first["horovod"]["operations"]:
            found.append("Horovod was built without NCCL: `make horovod` where the CUDA and NCCL modules are")
        if first["without_xla"]:
            found.append(f"steps run without XLA: {first['without_xla']}")
    return found


def _differences(reports: list[dict]) -> list[str]:
    """Where ranks are not alike that should be."""
    found = []
    first = reports[0]
    for each in reports[1:]:
        for what, cure in (
            ("software", "let all nodes use one environment or container"),
            ("horovod", "let all nodes use one build"),
        ):
            if each[what] != first[what]:
                found.append(f"rank {each['rank']} has {what} {each[what]}, rank 0 {first[what]}: {cure}")
        if bool(each["gpu"]) != bool(first["gpu"]):
            found.append(
                f"of ranks 0 and {each['rank']} only one has a GPU: check drivers and GPUs of the nodes"
            )
        if each["data"].get("pictures") != first["data"].get("pictures"):
            found.append(f"rank {each['rank']} sees other images than rank 0: check what is mounted where")
    return found


def table(reports: list[dict]) -> list[str]:
    """A line for each rank."""
    rows = [("rank", "host", "GPU", "CPUs", "training and validation images")]
    for each in reports:
        gpu_name = each["gpu"]["name"] if each["gpu"] else "none"
        cpus = f"{ranges(each['cpus'])} of {each['cpus_of_host']}"
        rows.append((str(each["rank"]), each["host"], gpu_name, cpus, _data_text(each["data"])))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _data_text(found: dict) -> str:
    if not found:
        return "not asked for: give `path`"
    if "error" in found:
        return "not readable"
    return f"{found['pictures'][0]} + {found['pictures'][1]}, {1000 * found['seconds']:.0f} ms to decode one"


def summary(reports: list[dict], seconds: float) -> list[str]:
    """Lines on what all ranks share, by the first one's answers."""
    first, size = reports[0], len(reports)
    lines = [", ".join(f"{name} {version}" for name, version in first["software"].items())]
    if size > 1:
        megabytes = 4 * PROBE / 1e6
        rate = 2 * (size - 1) / size * megabytes / seconds  # what each rank sends, and gets, in a ring
        built, time_taken = first["horovod"], f"{1000 * seconds:.0f} ms, {rate:.0f} MB/s a rank"
        lines += [
            f"Horovod with {', '.join(built['operations'])}; the ranks meet by {built['controller']}",
            f"all-reduce of {megabytes:.0f} MB over {size} ranks: {time_taken}",
        ]
    return lines


def ranges(numbers: list[int]) -> str:
    """Sorted whole numbers in short: 0-3,8."""
    numbers = np.array(numbers)
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
