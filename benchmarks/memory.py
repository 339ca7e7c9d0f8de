"""Peak memory of training steps, with activations kept and recomputed, each in a process of its own."""

import json

from benchmarks import backend_devices, children
from common import cli
from common.errors import UserError
from models import model_options

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
        choices=tuple(backend_devices.POLICIES),
        default="float32",
        help="(default: float32)",
    )
    parser.add_argument("--steps", type=cli.positive_int, default=2, help="(default: 2)")
    model_options.add_arguments(parser)


def run(options) -> dict:
    """Measure both; returns bytes and seconds of each, or why there are none."""
    settings = {
        "model": options.model,
        "options": model_options.to_record(options.model, model_options.given(options)),
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
    """The child process's figures; or `failed`, the reason, such as lack of memory.

    Raises:
        UserError: settings that the model does not take.
    """
    try:
        return json.loads(children.run(CHILD, json.dumps(settings)))
    except children.Ended as ended:
        if ended.mistake:
            raise UserError(ended.why) from ended
        return {"failed": ended.why}


def line(found: dict) -> str:
    """A result for people."""
    if "failed" in found:
        return found["failed"]
    return (
        f"{found['peak'] / GIB:6.2f} GiB at the peak on {found['device']}, "
        f"{found['before'] / GIB:.2f} of them before the first step; {found['seconds'][-1]:.2f} s a step"
    )
