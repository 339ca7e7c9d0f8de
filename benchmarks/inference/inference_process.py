"""One runtime of one configuration; a process of its own for `benchmarks.inference.inference_command`.

The first argument is JSON: `runtime`, `file` (of all but keras), `model`, `options`, `weights`, `size`,
`batch`, `scope`, `precision`, `provider`, `pictures` (of end-to-end: paths of images).

It takes turns, see `benchmarks.turn_process`.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.children import die_first
from benchmarks.turn_process import Work, serve
from common import cli


def main() -> int:
    """Take turns with the settings in the first argument."""
    settings = json.loads(sys.argv[1])
    die_first()
    serve(settings["runtime"], lambda: work_of(settings))
    return 0


def work_of(settings: dict) -> Work:
    """What is timed."""
    backend = load(settings)
    about = {"model": backend.name, "size": backend.size, "batch": backend.batch}
    return Work(call_of(backend, settings), backend.device, about)


def load(settings: dict):
    """The `benchmarks.inference.backend.Backend` of the settings."""
    if settings["runtime"] == "keras":
        from benchmarks import backend_devices

        backend_devices.import_keras()
        from benchmarks.inference import keras_backend

        return keras_backend.load(settings)
    if settings["runtime"].startswith("openvino"):
        from benchmarks.inference import openvino_backend

        return openvino_backend.load(Path(settings["file"]), settings["scope"])
    from benchmarks.inference import onnx_backend

    return onnx_backend.load(Path(settings["file"]), settings["provider"], settings["scope"])


def call_of(backend, settings: dict):
    """The function that is timed: the part of the backend that the settings' `scope` names."""
    if settings["scope"] == "end-to-end":
        return EndToEnd(backend, settings["pictures"])
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (backend.batch, *backend.size, 3), np.uint8)
    placed = backend.place(images)
    infer = backend.logits if settings["scope"] == "model" else backend.labels

    def call():
        infer(placed)  # returns nothing: a result would be taken for seconds of stages

    return call


class EndToEnd:
    """From files to label ids of the images' own sizes, on the host; returns the seconds of each stage."""

    def __init__(self, backend, paths: list[str]):
        self._backend, self._paths = backend, itertools.cycle(map(Path, paths))

    def __call__(self) -> dict[str, float]:
        from data.augment import resize_image
        from data.label_sets import CITYSCAPES
        from inference.image_files import decode

        times = [time.perf_counter()]
        paths = itertools.islice(self._paths, self._backend.batch)
        decoded = [decode(path) for path in paths]
        sizes = [one.shape[:2] for one in decoded]
        times.append(time.perf_counter())
        images = np.stack([resize_image(one, self._backend.size) for one in decoded])
        times.append(time.perf_counter())
        resized = set(sizes) != {tuple(self._backend.size)}
        infer = self._backend.logits if resized else self._backend.labels
        found = infer(self._backend.place(images))
        times.append(time.perf_counter())
        for label in self._backend.labels_at(found, sizes) if resized else found:
            CITYSCAPES.train_to_file[label]  # uint8 [H, W]
        times.append(time.perf_counter())
        names = ("decode", "resize", "infer", "label map")
        return dict(zip(names, (after - before for before, after in itertools.pairwise(times))))


if __name__ == "__main__":
    cli.run(main)
