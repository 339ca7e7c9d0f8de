"""Training steps of one configuration; a process of its own for `benchmarks.train.train_command`.

The first argument is JSON: `model`, `options`, `size`, `batch`, `precision`, `turns`, `seconds`, `all_turns`.
It sends two objects, see `benchmarks.children.send`: the figures of whole steps, and the seconds and shares
of a step's parts. The parts come last because they need functions of their own, whose memory is not a step's.
"""

import json
import math
import statistics
import sys
import time

from benchmarks import backend_devices, latency
from benchmarks.children import die_first, send, send_progress
from benchmarks.train import step_parts
from common import cli

LEAST_ROUNDS = 2  # of a step's parts


def main() -> int:
    """Measure the training steps of the settings in the first argument."""
    settings = json.loads(sys.argv[1])
    die_first()
    send_progress("building")
    start = time.perf_counter()
    steps, device = load(settings)
    loaded = time.perf_counter()
    send_progress(f"built in {loaded - start:.1f} s; first step, with compilation")
    steps.step()
    first = time.perf_counter() - loaded
    send_progress(f"first step {first:.1f} s; warm-up")
    warm_up = latency.warm_up(silent(steps.step))
    turns = take_turns(steps, latency.is_slow(warm_up), settings)
    send(
        device=device.name,
        load_seconds=loaded - start,
        first_call_seconds=first,
        warm_up=warm_up,
        **device.state(),
        **latency.figures(turns, settings["batch"]),
    )
    send(**split(steps, settings["seconds"], latency.is_slow(warm_up)))
    return 0


def take_turns(steps, slow: bool, settings: dict) -> list[latency.Turn]:
    """Turns of whole steps; ends the process where the loss becomes no number.

    Of `slow` ones no more than it takes for them to agree, unless settings ask for `all_turns`.
    """
    losses, turns, stops = [0.0], [], slow and not settings["all_turns"]

    def call():
        losses[0] = steps.step()  # returns nothing: a result would be taken for seconds of stages

    while len(turns) < settings["turns"] and not (stops and latency.settled([turns])):
        turns.append(latency.take_turn(call, settings["seconds"], slow))
        rate = latency.rates(turns, settings["batch"])["median"]
        most = "at most " if stops else ""
        send_progress(f"turn {len(turns)} of {most}{settings['turns']}: {rate:.3g} images/s")
    if not math.isfinite(losses[0]):
        sys.exit(f"the loss became {losses[0]}")  # other numbers may be calculated faster, or slower
    return turns


def load(settings: dict):
    """(steps, device) of the settings' model."""
    backend = backend_devices.import_keras()
    import keras

    import models
    from benchmarks.train import steps
    from data.label_sets import CITYSCAPES

    assert backend == keras.backend.backend()
    device = backend_devices.of_backend()
    keras.utils.set_random_seed(0)
    size, precision = tuple(settings["size"]), settings["precision"]
    model = models.build(
        settings["model"],
        (*size, 3),
        CITYSCAPES.classes,
        backend_devices.POLICIES[precision],
        **settings["options"],
    )
    optimizer = steps.optimizer(model, precision == "float16")
    batch = steps.inputs(settings["batch"], size, CITYSCAPES.classes)
    return steps.compiled(model, optimizer, *batch, device.gpu), device


def split(steps, seconds: float, slow: bool) -> dict:
    """Seconds and share of a step's parts, by what each adds to the one before, in turns.

    Args:
        steps: see `benchmarks.train.steps.Steps`; the whole one has been called.
        seconds: of a turn of each.
        slow: a round less will do, if it agrees with the one before.
    """
    functions = [steps.forward, steps.gradients, steps.step]
    send_progress("parts of a step: compilation")
    for function in functions[:2]:
        function()
    taken = [[] for _ in functions]
    for number in range(1, latency.LEAST_TURNS + 1):
        if slow and latency.settled(taken, LEAST_ROUNDS):
            break
        send_progress(f"parts of a step: round {number} of {'at most ' if slow else ''}{latency.LEAST_TURNS}")
        for turns, function in zip(taken, functions):
            turns.append(latency.take_turn(silent(function), seconds, slow))
    rounds = list(zip(*map(latency.medians, taken)))
    return step_parts.shares(step_parts.of_compute(rounds), statistics.median(whole for *_, whole in rounds))


def silent(function):
    """The same, returning nothing: turns take what a call returns for its stages."""

    def call():
        function()

    return call


if __name__ == "__main__":
    cli.run(main)
