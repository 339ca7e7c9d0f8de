"""An ONNX file on OpenVINO."""

from pathlib import Path

import openvino

from benchmarks.backend_devices import Device
from benchmarks.inference import graph_backend
from benchmarks.inference.backend import Backend
from inference.openvino_runtime import compiled


def load(path: Path, scope: str) -> Backend:
    """Load an ONNX file as a backend, see `graph_backend.load`."""
    engine = graph_backend.Engine(
        Device("CPU", False, lambda: None),
        lambda model: _bound(compiled(model, str(path))),
        openvino.Tensor,
        lambda found: found.data.copy(),
    )
    return graph_backend.load(path, engine, scope)


def _bound(model):
    """Runs a compiled model: input tensor -> its output tensor, which the next call writes anew."""
    request = model.create_infer_request()

    def run(images):
        request.set_input_tensor(images)
        request.infer()
        return request.get_output_tensor()

    return run
