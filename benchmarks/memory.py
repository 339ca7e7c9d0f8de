"""Peak memory of training steps, with activations kept and recomputed, each in a process of its own."""

import json
import subprocess
import sys

from common import cli
from common.errors import EXIT_USER_ERROR, UserError

HELP = "peak memory of a training step, with and without --remat"
CHILD = "benchmarks.memory_of_steps"
GIB = 2**30


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("-m", "--model", default="fastscnn", help="(default: fastscnn)")
    parser.add_argument(
        "-t", "--target-size", type=cli.size, default=(1024, 2048), metavar="Y,X", help="(default: 1024,2048)"
    )
    parser.add_argument("-b", "--batch", type=cli.positive_int, default=1, help="(default: 1)")
    parser.add_argument(
        "--precision",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
        default="float32",
        help="(default: float32)",
    )
    parser.add_argument("--steps", type=cli.positive_int, default=2, help="(default: 2)")
    cli.add_model_options(parser)


def run(options) -> dict:
    """Measure both; returns bytes and seconds of each, or why there are none."""
    settings = {
        "model": options.model,
        "options": cli.model_options(options),
        "size": options.target_size,
        "batch": options.batch,
        "precision": options.precision,
        "steps": options.steps,
    }
    results = {}
    for name, remat in (("kept", False), ("recomputed", True)):
        results[name] = found = measured(settings | {"remat": remat})
        print(f"{name:10}  {line(found)}", flush=True)
    return {"settings": settings, "results": results}


def measured(settings: dict) -> dict:
    """What the child process tells; a process that dies for lack of memory is a result too.

    Raises:
        UserError: settings that the model does not take.
    """
    command = [sys.executable, "-m", CHILD, json.dumps(settings)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    if done.returncode == EXIT_USER_ERROR:
        raise UserError(done.stderr.strip().splitlines()[-1].partition("error: ")[2])
    last = (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]
    starved = done.returncode == -9 or "ResourceExhausted" in done.stderr or "OOM" in done.stderr
    return {"failed": "out of memory" if starved else last}


def line(found: dict) -> str:
    """A result for people."""
    if "failed" in found:
        return found["failed"]
    return (
        f"{found['peak'] / GIB:6.2f} GiB at the peak on {found['device']}, "
        f"{found['before'] / GIB:.2f} of them before the first step; {found['seconds'][-1]:.2f} s a step"
    )
