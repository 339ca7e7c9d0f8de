"""An ONNX file on ONNX Runtime as a contestant, its tensors bound to the device."""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.devices import Device
from benchmarks.inference.contestant import Contestant
from common.errors import UserError
from deploy import onnx_file
from deploy.form import Form
from deploy.onnx_runtime import providers, session


def load(path: Path, provider: str | None, logits: bool) -> Contestant:
    """A graph as a contestant.

    Args:
        path: an .onnx file, see `deploy.onnx_runtime`.
        provider: a key of `deploy.onnx_runtime.PROVIDERS`; None takes the best.
        logits: it is asked for logits, else for labels: a graph has one output.

    Raises:
        UserError: logits of a graph that returns labels.
    """
    model = onnx_file.read(path)
    signature = onnx_file.signature(model, path)
    if logits and signature.form.argmax:
        raise UserError(f"{path} returns labels; measure it with --scope model+argmax")
    chosen = providers(provider)
    graph = model if logits else onnx_file.with_labels(model, signature)
    opened = session(graph, str(path), provider)
    device = "cpu" if chosen[0] == "CPUExecutionProvider" else "cuda"
    name = onnx_file.metadata(model).get("model", model.graph.name)
    place, run = _bound(opened, signature.form, device)
    return Contestant(
        name,
        signature.size,
        signature.form.batch,
        Device(
            "CPU" if device == "cpu" else chosen[0].removesuffix("ExecutionProvider"),
            device != "cpu",
            lambda: None,
        ),
        place,
        run,
        lambda images: run(images).numpy(),
    )


def _bound(opened, form: Form, device: str):
    """(pictures -> the device's input, that input -> the device's output, complete)."""
    given, returned = opened.get_inputs()[0], opened.get_outputs()[0]
    kind = np.uint8 if "uint8" in returned.type else np.float32
    output = ort.OrtValue.ortvalue_from_shape_and_type(returned.shape, kind, device)
    binding = opened.io_binding()
    binding.bind_ortvalue_output(returned.name, output)

    def place(images):
        return ort.OrtValue.ortvalue_from_numpy(form.arrange(images), device)

    def run(images):
        binding.bind_ortvalue_input(given.name, images)
        opened.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return output

    return place, run
