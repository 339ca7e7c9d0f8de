"""How training scales from one rank to several: images per second, and where a step's time goes.

weak     every rank has --batch images, so that more ranks train on more images in a step
strong   all ranks together have --batch images

Each round starts every number of ranks once, one after the other, and efficiency is taken within a round.
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import children, clock, latency
from benchmarks.backend_devices import POLICIES
from benchmarks.train import step_parts
from common import cli
from common.errors import UserError
from models import registry
from training.ranks.ranks import COMPRESSIONS

HELP = "training by one rank and by several, and where a step's time goes"
MODES = ("weak", "strong")
PROCESS = "benchmarks.scaling.scaling_process"


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("-m", "--model", choices=registry.names(refining=False), default="fastscnn")
    parser.add_argument(
        "-t", "--target-size", type=cli.size, default=(512, 1024), metavar="Y,X", help="(default: 512,1024)"
    )
    parser.add_argument("-b", "--batch", type=cli.positive_int, default=2, help="(default: 2)")
    parser.add_argument(
        "--ranks", type=cli.positive_int, nargs="+", default=[1, 2], help="numbers of them (default: 1 2)"
    )
    parser.add_argument("--mode", nargs="+", choices=MODES, default=["weak"], help="(default: weak)")
    parser.add_argument(
        "-p", "--path", type=Path, help="a data set whose images are read (default: made up in memory)"
    )
    parser.add_argument("--precision", default="float32", choices=POLICIES, help="(default: float32)")
    parser.add_argument("--compression", choices=COMPRESSIONS, default="none", help="of gradients")
    parser.add_argument(
        "--threads", type=cli.positive_int, help="of a rank (default: a CPU's, shared by the most ranks)"
    )
    parser.add_argument(
        "--launcher",
        default="horovodrun -np {ranks}",
        help="how several are started (default: %(default)s)",
    )
    parser.add_argument("--rounds", type=cli.positive_int, default=5, help="(default: 5)")
    parser.add_argument("--seconds", type=cli.positive_float, default=5.0, help="of a turn (default: 5)")


def run(options) -> Iterator[dict]:
    """Measure each mode; yields what their records hold.

    Raises:
        UserError: options that do not fit, or a run that failed.
    """
    require_fitting(options)
    for mode in options.mode:
        rounds = [one_round(options, mode) for _ in range(options.rounds)]
        found = figures(rounds)
        print(table(options, mode, found), flush=True)
        yield about(options, mode, found)


def require_fitting(options) -> None:
    """Raise UserError for options that contradict each other."""
    if 1 not in options.ranks:
        raise UserError("efficiency is relative to one rank; add 1 to --ranks")
    if options.rounds < latency.LEAST_TURNS:
        raise UserError(
            f"--rounds {options.rounds} are too few for a spread; give {latency.LEAST_TURNS} or more"
        )
    for ranks in options.ranks if "strong" in options.mode else []:
        if options.batch % ranks:
            raise UserError(f"{ranks} ranks cannot share a batch of {options.batch}; correct -b or --ranks")
    if options.path:
        from data import datasets

        datasets.opened(options.path).training()  # raises where there are none


def one_round(options, mode: str) -> dict[int, dict]:
    """Number of ranks -> what `benchmarks.scaling.scaling_process` measured."""
    return {ranks: launched(options, mode, ranks) for ranks in sorted(options.ranks)}


def launched(options, mode: str, ranks: int) -> dict:
    """One start of so many ranks, to its end.

    Raises:
        UserError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "measured.json"
        settings = {
            "model": options.model,
            "size": options.target_size,
            "batch": options.batch if mode == "weak" else options.batch // ranks,
            "precision": options.precision,
            "compression": options.compression,
            "threads": threads(options),
            "seconds": options.seconds,
            "path": str(options.path) if options.path else None,
            "workers": 1,
            "out": str(out),
        }
        launcher = shlex.split(options.launcher.format(ranks=ranks)) if ranks > 1 else []
        command = [*launcher, *children.command(PROCESS, json.dumps(settings))]
        try:
            done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise UserError(f"{command[0]} is not there: `make horovod`, or correct --launcher") from error
        if done.returncode or not out.is_file():
            raise UserError(f"{ranks} ranks: {children.reason(done.returncode or 1, done.stderr)}")
        return json.loads(out.read_text())


def environment() -> dict[str, str]:
    """The variables of the ranks; the environment's own launcher is found first."""
    here = str(Path(sys.executable).parent)
    return children.environment(PATH=os.pathsep.join([here, os.environ.get("PATH", "")]))


def threads(options) -> int:
    """TensorFlow's threads in a rank: as many for one rank as for several, else one would have them all."""
    return options.threads or max(len(os.sched_getaffinity(0)) // max(options.ranks), 1)


def figures(rounds: list[dict[int, dict]]) -> dict:
    """The medians of the rounds, and efficiency within them."""
    device = rounds[0][1]["device"]
    found = {"device": device, "ranks": {}, "efficiency": {}, "efficiency_of_rounds": {}}
    for ranks in rounds[0]:
        measured = [one[ranks] for one in rounds]
        speeds = [speed(one) for one in measured]
        found["ranks"][str(ranks)] = {
            "pictures_per_second": latency.spread(speeds),
            "pictures_per_second_per_device": statistics.median(speeds) / ranks,
            "step_seconds": statistics.median(one["step"] for one in measured),
            "split": split(measured),
            "exchange": measured[0]["exchange"] if ranks > 1 else [],
            "noisy": latency.is_noisy(speeds),
        }
        if ranks > 1:
            of_one = [speed(one[1]) for one in rounds]
            of_rounds = [several / one / ranks for several, one in zip(speeds, of_one)]
            found["efficiency"][str(ranks)] = statistics.median(of_rounds)
            found["efficiency_of_rounds"][str(ranks)] = of_rounds
    return found


def speed(measured: dict) -> float:
    """Images of all ranks per second."""
    return measured["images_of_a_step"] / measured["step"]


def split(measured: list[dict]) -> dict[str, dict[str, float]]:
    """Seconds and share of a step's parts; the exchange is what is left, so what it overlaps is not in it."""
    step, wait, compute = (
        statistics.median(one[name] for one in measured) for name in ("step", "data_wait", "compute")
    )
    seconds = step_parts.of_compute([[one["forward"], one["gradients"], one["compute"]] for one in measured])
    seconds |= {"all_reduce": max(step - wait - compute, 0.0), "data_wait": wait}
    return step_parts.shares(seconds, step)


def table(options, mode: str, found: dict) -> str:
    """The figures for people."""
    height, width = options.target_size
    each = "a rank" if mode == "weak" else "all ranks together"
    images = f"of {options.path}" if options.path else "in memory"
    lines = [
        f"{mode} scaling: {options.model} {height}x{width}, batch {options.batch} for {each}, "
        f"{threads(options)} threads a rank, images {images}",
        "ranks images/s efficiency      step forward backward optimizer all-reduce data wait",
        *(row(ranks, one, found["efficiency"].get(ranks)) for ranks, one in found["ranks"].items()),
        *sent(list(found["ranks"].values())[-1]["exchange"]),
        "",
    ]
    return "\n".join(lines)


def row(ranks: str, found: dict, efficiency: float | None) -> str:
    """A line of the table."""
    shares = {name: part["share"] for name, part in found["split"].items()}
    against_one = "" if efficiency is None else f"{efficiency:.1%}"
    return (
        f"{ranks:>5} {found['pictures_per_second']['median']:10.2f} {against_one:>10} "
        f"{found['step_seconds'] * 1e3:6.0f} ms {shares['forward']:7.1%} {shares['backward']:8.1%} "
        f"{shares['optimizer']:9.1%} {shares['all_reduce']:10.1%} {shares['data_wait']:9.1%}"
        f"{'  noisy' if found['noisy'] else ''}"
    )


def sent(exchange: list[dict]) -> list[str]:
    """What a step sends, a line for each call."""
    return [
        f"{call['what']:>10}: {call['tensors']} tensors in one call, {call['bytes'] / 2**20:.2f} MiB"
        for call in exchange
    ]


def about(options, mode: str, found: dict) -> dict:
    """What the record of a mode holds."""
    height, width = options.target_size
    return {
        "label": f"{options.model}-{height}x{width}-b{options.batch}-{mode}",
        "settings": {
            "model": options.model,
            "size": options.target_size,
            "batch": options.batch,
            "mode": mode,
            "input": "real" if options.path else "synthetic",
            "precision": options.precision,
            "compression": options.compression,
            "backend": "tensorflow",
            "threads": threads(options),
            "launcher": options.launcher,
            "rounds": options.rounds,
            "seconds": options.seconds,
        },
        "results": found | {"clock": clock.self_check()},
    }
