"""What runtimes of `benchmark.py inference` have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.devices import Device


@dataclass(frozen=True)
class Contestant:
    """A model on a device.

    Attributes:
        name: the architecture's.
        size: (height, width) of its input in pixels.
        batch: images of a call.
        device: where it runs.
        place: images uint8 [B, H, W, 3] -> what the others take, on the device.
        logits: calculates logits [B, h, w, classes] on the device, complete, and returns them there.
        labels: calculates the arg-max on the device as well, and fetches it, uint8 [B, h, w].
        labels_at: what `logits` returned, a size (H, W) for each image -> label maps, uint8 [H, W] each, on
            the host; logits are resized before the arg-max, as `predict.py` does it.
    """

    name: str
    size: tuple[int, int]
    batch: int
    device: Device
    place: Callable
    logits: Callable
    labels: Callable
    labels_at: Callable
