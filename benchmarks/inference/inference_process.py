"""One runtime of one configuration; a process of its own for `benchmarks.inference.inference_command`.

The first argument is JSON: `runtime`, `file` (of all but keras), `model`, `options`, `weights`, `size`,
`batch`, `scope`, `precision`, `provider`, `pictures` (of end-to-end: paths of images).

The process loads the model, warms up, and sends what that took, see `benchmarks.children.send`. For each line
of stdin, the least seconds of a turn, it takes a turn and sends it as a `benchmarks.latency.Turn`. For an
empty line it sends the state of the device, and ends.
"""

import itertools
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import latency
from benchmarks.children import die_first, send, send_progress
from common import cli


def main() -> int:
    """Load and warm up, then take a turn for each line of stdin."""
    settings = json.loads(sys.argv[1])
    die_first()
    name = settings["runtime"]
    send_progress(f"{name}: loading")
    start = time.perf_counter()
    backend = load(settings)
    loaded = time.perf_counter()
    send_progress(f"{name}: loaded in {loaded - start:.1f} s; first call, with compilation")
    call = call_of(backend, settings)
    prepared = time.perf_counter()
    call()
    first = time.perf_counter() - prepared
    send_progress(f"{name}: first call {first:.2f} s; warm-up")
    warm_up = latency.warm_up(call)
    send(
        model=backend.name,
        size=backend.size,
        batch=backend.batch,
        device=backend.device.name,
        load_seconds=loaded - start,
        first_call_seconds=first,
        warm_up=warm_up,
    )
    for line in sys.stdin:
        if not line.strip():
            break
        send(**asdict(latency.take_turn(call, float(line), latency.is_slow(warm_up))))
    send(**backend.device.state())
    return 0


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
