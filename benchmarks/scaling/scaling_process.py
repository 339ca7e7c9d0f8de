"""One rank of `benchmark.py scaling`; started beside the others by a launcher.

The first argument is JSON: `model`, `size`, `batch` (of this rank), `precision`, `compression`, `threads`,
`seconds`, `path` (of a data set, or null for images made up in memory), `workers`, `out`. The first rank
writes what was measured to the file `out`.
"""

import itertools
import json
import math
import sys
import time
from pathlib import Path

from common import cli, startup

WARM_UP = 3  # steps, the first of which compiles
# Images, about those of Cityscapes. Each epoch starts its pipeline anew, and all ranks wait for it: with a
# data set of a few images a turn would measure little else.
LEAST_EPOCH = 3000


def main() -> int:
    """Measure a turn of whole steps, one of the same without any exchange, and one of each of their parts."""
    settings = json.loads(sys.argv[1])
    startup.tensorflow()
    import tensorflow as tf

    if settings["threads"]:
        tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(1)
    from benchmarks.backend_devices import tensorflow_device
    from training.ranks import distributed

    ranks = distributed.start(settings["compression"])
    whole, parts, tally = steps_of(settings, ranks)
    batches = batches_of(settings, ranks)
    measured = measure(whole, parts, batches, settings["seconds"], ranks)
    if ranks.first:
        measured |= {"exchange": tally.calls, "images_of_a_step": settings["batch"] * ranks.size}
        measured["device"] = tensorflow_device().name
        Path(settings["out"]).write_text(json.dumps(measured))
    return 0


def steps_of(settings: dict, ranks):
    """(the step of training, what it is made of without any exchange, what it exchanges)."""
    import keras

    import models
    from benchmarks.backend_devices import POLICIES
    from benchmarks.scaling.exchange import Tally
    from benchmarks.train import steps_tensorflow
    from benchmarks.train.steps import optimizer
    from data.label_sets import CITYSCAPES
    from training.ranks import xla
    from training.steps.step import training_step

    jit = xla.prepare(ranks=ranks)
    keras.utils.set_random_seed(0)
    model = models.build(
        settings["model"], (*settings["size"], 3), CITYSCAPES.classes, POLICIES[settings["precision"]]
    )
    tally, float16 = Tally(ranks), settings["precision"] == "float16"
    whole = training_step(model, optimizer(model, float16), jit, ranks=tally)
    parts = steps_tensorflow.functions(model, optimizer(model, float16), jit)
    return whole, dict(zip(("forward", "gradients", "compute"), parts)), tally


def batches_of(settings: dict, ranks):
    """Endless batches (uint8 [B, H, W, 3], uint8 [B, H, W]): of a data set's images, or one in memory."""
    import tensorflow as tf

    from benchmarks.train.steps import inputs
    from data.label_sets import CITYSCAPES

    if not settings["path"]:
        batch = inputs(settings["batch"], tuple(settings["size"]), CITYSCAPES.classes)
        return itertools.repeat(tuple(map(tf.constant, batch)))
    from data import datasets
    from data.cache import open_cache
    from data.pipeline import Batches, Shard

    found = datasets.opened(Path(settings["path"])).training()
    samples = found * math.ceil(LEAST_EPOCH / len(found))
    cache, shard = open_cache("none", samples), Shard(ranks.rank, ranks.size)
    batches = Batches(samples, settings["size"], settings["batch"], cache, settings["workers"], shard)
    return batches.endless(seed=0)


def measure(whole, parts: dict, batches, least: float, ranks) -> dict:
    """Mean seconds over turns of `least` seconds: of a `step`, of its `data_wait`, and of each of `parts`."""
    for step in (*parts.values(), whole):
        for _ in range(WARM_UP):
            start = time.perf_counter()
            wait_for(step(*next(batches)))
            took = time.perf_counter() - start
    count = ranks.agree(math.ceil(least / took))
    step, wait = turn(whole, batches, count, ranks)
    batch = itertools.repeat(next(batches))
    alone = {name: turn(part, batch, count, ranks)[0] for name, part in parts.items()}
    return {"steps": count, "step": step, "data_wait": wait} | alone


def turn(step, batches, count: int, ranks) -> tuple[float, float]:
    """Mean seconds of a step, and of waiting for its images, each on the rank that it takes longest."""
    ranks.any(False)  # all start at once
    waited, start = 0.0, time.perf_counter()
    for _ in range(count):
        before = time.perf_counter()
        images, labels = next(batches)
        waited += time.perf_counter() - before
        result = step(images, labels)
    wait_for(result)  # steps follow one another: the last one is done, and so are all
    took = time.perf_counter() - start
    return tuple(map(max, zip(*ranks.gather((took / count, waited / count)))))


def wait_for(result):
    """Return when a step is done, with all that it updates."""
    import tensorflow as tf

    from benchmarks.train.steps_tensorflow import first

    float(first(result))
    tf.test.experimental.sync_devices()


if __name__ == "__main__":
    cli.run(main)
