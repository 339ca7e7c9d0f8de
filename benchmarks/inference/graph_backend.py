"""An ONNX file on an engine, ONNX Runtime or OpenVINO, with its tensors on the device."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.backend_devices import Device
from benchmarks.inference.backend import Backend
from common.errors import UserError
from inference import onnx_file, resizing


@dataclass(frozen=True)
class Engine:
    """What runs a graph.

    Attributes:
        device: where it calculates.
        open: `onnx.ModelProto` -> a function from the device's input to the device's output, complete.
        place: array of the graph's input -> the same on the device.
        fetch: the device's output -> array.
    """

    device: Device
    open: Callable
    place: Callable
    fetch: Callable


def load(path: Path, engine: Engine, scope: str) -> Backend:
    """Load an ONNX file as a backend.

    A graph has one output, so logits and labels need to be opened each. With `end-to-end` that is done when
    an image first needs it.

    Args:
        path: an .onnx file, see `inference.graph_runtime`.
        engine: what runs it.
        scope: the scope that will be measured, see `benchmarks.inference.inference_command`.

    Raises:
        UserError: the scope `model` of a graph that returns labels.
    """
    model = onnx_file.read(path)
    signature = onnx_file.signature(model, path)
    interface = signature.interface
    if scope == "model" and interface.argmax:
        raise UserError(f"{path} returns labels; measure it with `scope` model+argmax")

    @functools.cache
    def opened(logits: bool):
        return engine.open(model if logits else onnx_file.with_labels(model, signature))

    def run(logits: bool, images):
        return opened(logits)(images)

    def labels_at(found, sizes):
        found = engine.fetch(found)
        if interface.argmax:
            return [resizing.nearest(one[None], size, str(path))[0] for one, size in zip(found, sizes)]
        scores = found if found.shape[1:3] == signature.size else found.transpose(0, 2, 3, 1)
        return [
            resizing.labels_at(one, size, signature.returns_probabilities) for one, size in zip(scores, sizes)
        ]

    if scope != "end-to-end":
        opened(scope == "model")
    return Backend(
        onnx_file.metadata(model).get("model", model.graph.name),
        signature.size,
        interface.batch,
        engine.device,
        lambda images: engine.place(interface.arrange(images)),
        functools.partial(run, True),
        lambda images: engine.fetch(run(False, images)),
        engine.fetch,
        labels_at,
    )
