"""An ONNX file on ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.backend_devices import Device
from benchmarks.inference import graph_backend
from benchmarks.inference.backend import Backend
from inference.onnx_runtime import providers, session


def load(path: Path, provider: str | None, scope: str) -> Backend:
    """Load an ONNX file as a backend, see `graph_backend.load`.

    Args:
        path: an .onnx file.
        provider: a key of `inference.onnx_runtime.PROVIDERS`; None takes the best.
        scope: the scope that will be measured.
    """
    chosen = providers(provider)[0]
    gpu = chosen != "CPUExecutionProvider"
    device = "cuda" if gpu else "cpu"
    engine = graph_backend.Engine(
        Device(chosen.removesuffix("ExecutionProvider"), gpu, lambda: None),
        lambda model: _bound(session(model, str(path), provider), device),
        lambda images: ort.OrtValue.ortvalue_from_numpy(images, device),
        lambda found: found.numpy(),
    )
    return graph_backend.load(path, engine, scope)


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
