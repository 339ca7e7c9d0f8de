"""An ONNX file on ONNX Runtime, with its tensors on the device."""

import functools
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.backend_devices import Device
from benchmarks.inference.backend import Backend
from common.errors import UserError
from inference import onnx_file, resizing
from inference.onnx_runtime import providers, session


def load(path: Path, provider: str | None, scope: str) -> Backend:
    """Load an ONNX file as a backend.

    A graph has one output, so logits and labels need a session each. With `end-to-end` a session is opened
    when an image first needs it.

    Args:
        path: an .onnx file, see `inference.onnx_runtime`.
        provider: a key of `inference.onnx_runtime.PROVIDERS`; None takes the best.
        scope: the scope that will be measured, see `benchmarks.inference.inference_command`.

    Raises:
        UserError: the scope `model` of a graph that returns labels.
    """
    model = onnx_file.read(path)
    signature = onnx_file.signature(model, path)
    interface = signature.interface
    if scope == "model" and interface.argmax:
        raise UserError(f"{path} returns labels; measure it with `scope` model+argmax")
    chosen = providers(provider)
    device = "cpu" if chosen[0] == "CPUExecutionProvider" else "cuda"

    @functools.cache
    def runner(logits: bool):
        graph = model if logits else onnx_file.with_labels(model, signature)
        return _bound(session(graph, str(path), provider), device)

    def run(logits: bool, images):
        return runner(logits)(images)

    def labels_at(found, sizes):
        found = found.numpy()
        if interface.argmax:
            return [resizing.nearest(one[None], size, str(path))[0] for one, size in zip(found, sizes)]
        scores = found if found.shape[1:3] == signature.size else found.transpose(0, 2, 3, 1)
        return [
            resizing.labels_at(one, size, signature.returns_probabilities) for one, size in zip(scores, sizes)
        ]

    if scope != "end-to-end":
        runner(scope == "model")
    return Backend(
        onnx_file.metadata(model).get("model", model.graph.name),
        signature.size,
        interface.batch,
        Device(
            "CPU" if device == "cpu" else chosen[0].removesuffix("ExecutionProvider"),
            device != "cpu",
            lambda: None,
        ),
        lambda images: ort.OrtValue.ortvalue_from_numpy(interface.arrange(images), device),
        functools.partial(run, True),
        lambda images: run(False, images).numpy(),
        labels_at,
    )


def _bound(opened, device: str):
    """Runs a session: the device's input -> the device's output, complete."""
    given, returned = opened.get_inputs()[0], opened.get_outputs()[0]
    kind = np.uint8 if "uint8" in returned.type else np.float32
    output = ort.OrtValue.ortvalue_from_shape_and_type(returned.shape, kind, device)
    binding = opened.io_binding()
    binding.bind_ortvalue_output(returned.name, output)

    def run(images):
        binding.bind_ortvalue_input(given.name, images)
        opened.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return output

    return run
