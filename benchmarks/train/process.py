"""Training steps of one configuration; a process of its own for `benchmarks.train.command`.

The first argument is JSON: `model`, `options`, `size`, `batch`, `precision`, `turns`, `seconds`. It writes
two lines of JSON: the figures of whole steps, and the seconds and shares of a step's parts. The parts come
last because they need functions of their own, whose memory is none of a step's.
"""

import json
import math
import statistics
import sys
import time

from benchmarks import devices, latency
from benchmarks.children import die_first
from benchmarks.train import parts
from common import cli


def main() -> int:
    """Measure the steps that the first argument tells."""
    settings = json.loads(sys.argv[1])
    die_first()
    start = time.perf_counter()
    steps, device = load(settings)
    loaded = time.perf_counter()
    losses = [steps.step()]
    first = time.perf_counter() - loaded

    def call():
        losses[0] = steps.step()  # what it returns is no stages

    warm_up = latency.warm_up(call)
    turns = [latency.take_turn(call, settings["seconds"]) for _ in range(settings["turns"])]
    if not math.isfinite(losses[0]):
        sys.exit(f"the loss became {losses[0]}")  # other numbers may be calculated faster, or slower
    tell(
        device=device.name,
        load_seconds=loaded - start,
        first_call_seconds=first,
        warm_up=warm_up,
        **device.state(),
        **latency.figures(turns, settings["batch"]),
    )
    tell(**split(steps, settings["seconds"]))
    return 0


def tell(**values) -> None:
    """Write a line of JSON."""
    print(json.dumps(values), flush=True)


def load(settings: dict):
    """(steps, device) of the model that settings tell."""
    backend = devices.import_keras()
    import keras

    import models
    from benchmarks.train import steps, synthetic
    from data.labels import CLASS_COUNT

    assert backend == keras.backend.backend()
    device = devices.of_backend()
    keras.utils.set_random_seed(0)
    size, precision = tuple(settings["size"]), settings["precision"]
    model = models.build(
        settings["model"], (*size, 3), CLASS_COUNT, devices.POLICIES[precision], **settings["options"]
    )
    optimizer = synthetic.optimizer(model, precision == "float16")
    batch = synthetic.inputs(settings["batch"], size, CLASS_COUNT)
    return steps.compiled(model, optimizer, *batch, device.gpu), device


def split(steps, seconds: float) -> dict:
    """Seconds and share of a step's parts, by what each adds to the one before, in turns.

    Args:
        steps: see `benchmarks.train.steps.Steps`.
        seconds: of a turn of each.
    """
    functions = [steps.forward, steps.gradients, steps.step]
    for function in functions:
        function()  # compiles
    rounds = []
    for _ in range(latency.LEAST_TURNS):
        turns = [latency.take_turn(silent(function), seconds) for function in functions]
        rounds.append([statistics.median(turn.seconds) for turn in turns])
    return parts.shares(parts.of_compute(rounds), statistics.median(whole for *_, whole in rounds))


def silent(function):
    """The same, returning nothing: turns take what a call returns for its stages."""

    def call():
        function()

    return call


if __name__ == "__main__":
    cli.run(main)
