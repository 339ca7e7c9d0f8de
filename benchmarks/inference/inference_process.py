"""One runtime of one configuration; a process of its own for `benchmarks.inference.inference_command`.

The first argument is JSON: `runtime`, `file` (of ONNX runtimes), `model`, `options`, `weights`, `size`,
`batch`, `scope`, `precision`, `provider`, `images` (of end-to-end: their paths). It loads, warms up and
tells how that went, see `benchmarks.children`. Each line of stdin then holds the least seconds of a turn, and
is answered by the turn; an empty one is answered by the state of the device, and is the end.
"""

import itertools
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import latency
from benchmarks.children import die_first, progress, tell
from common import cli


def main() -> int:
    """Get ready, then take turns as told."""
    settings = json.loads(sys.argv[1])
    die_first()
    name = settings["runtime"]
    progress(f"{name}: loading")
    start = time.perf_counter()
    contestant = load(settings)
    loaded = time.perf_counter()
    progress(f"{name}: loaded in {loaded - start:.1f} s; first call, with compilation")
    call = call_of(contestant, settings)
    prepared = time.perf_counter()
    call()
    first = time.perf_counter() - prepared
    progress(f"{name}: first call {first:.2f} s; warm-up")
    warm_up = latency.warm_up(call)
    tell(
        model=contestant.name,
        size=contestant.size,
        batch=contestant.batch,
        device=contestant.device.name,
        load_seconds=loaded - start,
        first_call_seconds=first,
        warm_up=warm_up,
    )
    for line in sys.stdin:
        if not line.strip():
            break
        tell(**asdict(latency.take_turn(call, float(line), latency.is_slow(warm_up))))
    tell(**contestant.device.state())
    return 0


def load(settings: dict):
    """The contestant that settings tell."""
    if settings["runtime"] == "keras":
        from benchmarks import devices

        devices.import_keras()
        from benchmarks.inference import keras_backend

        return keras_backend.load(settings)
    from benchmarks.inference import onnx_backend

    return onnx_backend.load(Path(settings["file"]), settings["provider"], settings["scope"])


def call_of(contestant, settings: dict):
    """What is timed in a scope."""
    if settings["scope"] == "end-to-end":
        return EndToEnd(contestant, settings["pictures"])
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (contestant.batch, *contestant.size, 3), np.uint8)
    placed = contestant.place(images)
    infer = contestant.logits if settings["scope"] == "model" else contestant.labels

    def call():
        infer(placed)  # what it returns is no stages

    return call


class EndToEnd:
    """From files to label ids of the images' own sizes, on the host; returns the seconds of each stage."""

    def __init__(self, contestant, paths: list[str]):
        self._contestant, self._paths = contestant, itertools.cycle(map(Path, paths))

    def __call__(self) -> dict[str, float]:
        from data.augment import resize_image
        from data.label_sets import CITYSCAPES
        from inference.image_files import decode

        times = [time.perf_counter()]
        paths = itertools.islice(self._paths, self._contestant.batch)
        decoded = [decode(path) for path in paths]
        sizes = [one.shape[:2] for one in decoded]
        times.append(time.perf_counter())
        images = np.stack([resize_image(one, self._contestant.size) for one in decoded])
        times.append(time.perf_counter())
        resized = set(sizes) != {tuple(self._contestant.size)}
        infer = self._contestant.logits if resized else self._contestant.labels
        found = infer(self._contestant.place(images))
        times.append(time.perf_counter())
        for label in self._contestant.labels_at(found, sizes) if resized else found:
            CITYSCAPES.train_to_file[label]  # uint8 [H, W]
        times.append(time.perf_counter())
        names = ("decode", "resize", "infer", "label map")
        return dict(zip(names, (after - before for before, after in itertools.pairwise(times))))


if __name__ == "__main__":
    cli.run(main)
