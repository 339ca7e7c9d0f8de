"""What every runtime of `benchmark.py inference` provides."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.backend_devices import Device


@dataclass(frozen=True)
class Backend:
    """A model on a device, as functions that can be timed.

    Attributes:
        name: the architecture's.
        size: (height, width) of its input in pixels.
        batch: images of a call.
        device: where it runs.
        place: images uint8 [B, H, W, 3] -> the input of the other functions, on the device.
        logits: input -> logits [B, h, w, classes] on the device; returns when they are calculated.
        labels: input -> arg-max of the logits, uint8 [B, h, w], on the host.
        fetch: output of `logits` -> the same on the host.
        labels_at: output of `logits`, and (H, W) of each image -> a label map uint8 [H, W] of each, on the
            host; logits are resized before the arg-max, as by `predict.py`.
    """

    name: str
    size: tuple[int, int]
    batch: int
    device: Device
    place: Callable
    logits: Callable
    labels: Callable
    fetch: Callable
    labels_at: Callable
