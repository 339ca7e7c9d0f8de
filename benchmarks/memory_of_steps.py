"""Runs training steps and prints the peak of memory; a child process of `benchmarks.memory`.

On a GPU the peak is what TensorFlow allocated there. On a CPU it is the resident memory of the process, with
that of the libraries; `before` is the peak before the first step.
"""

import json
import sys
import time

from benchmarks.children import die_first
from common import cli, startup


def main() -> int:
    """Run the steps of the settings in the first argument, JSON; print bytes and seconds as JSON."""
    settings = json.loads(sys.argv[1])
    die_first()
    startup.tensorflow()
    import tensorflow as tf

    import models
    from benchmarks.backend_devices import POLICIES, tensorflow_device
    from benchmarks.train import steps
    from common import devices
    from data.label_sets import CITYSCAPES
    from training.steps import step

    jit = devices.prepare()
    size = tuple(settings["size"])
    precision = settings["precision"]
    model = models.build(
        settings["model"], (*size, 3), CITYSCAPES.classes, POLICIES[precision], **settings["options"]
    )
    optimizer = steps.optimizer(model, precision == "float16")
    run = step.training_step(model, optimizer, jit, settings["remat"])
    batch = [tf.constant(array) for array in steps.inputs(settings["batch"], size, CITYSCAPES.classes)]
    device, seconds = tensorflow_device(), []
    before = device.state()["memory"]["peak_bytes"]
    for _ in range(settings["steps"]):
        start = time.perf_counter()
        float(run(*batch))
        seconds.append(time.perf_counter() - start)
    peak = device.state()["memory"]["peak_bytes"]
    print(json.dumps({"peak": peak, "before": before, "seconds": seconds, "device": device.name}))
    return 0


if __name__ == "__main__":
    cli.run(main)
