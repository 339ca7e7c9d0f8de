"""ONNX files as a runtime, by OpenVINO on the CPU."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.threads import usable_cpus
from inference.graph_runtime import GraphRuntime, require_expected, short

NEEDS = "needs onnx and openvino; `pip install -c constraints.txt -e .[export,openvino]`"


def load(
    path: Path,
    model: str | None = None,
    size: tuple[int, int] | None = None,
    encoder: str | None = None,
) -> "OpenVINORuntime":
    """Load an exported model; arguments and errors are those of `inference.onnx_runtime.load`."""
    try:
        import openvino  # noqa: F401

        from inference import onnx_file
    except ImportError as error:
        raise UserError(f"{path} {NEEDS} ({error})") from error
    runtime = OpenVINORuntime(onnx_file.read(path), str(path))
    return require_expected(runtime, path, model, size, encoder)


class OpenVINORuntime(GraphRuntime):
    """An ONNX graph on OpenVINO."""

    ENGINE = "OpenVINO"

    def open(self, model) -> Callable[[np.ndarray], np.ndarray]:
        request = compiled(model, self._source).create_infer_request()
        return lambda feed: request.infer([feed])[0]


@functools.cache
def shared_core():
    """The process's `openvino.Core`.

    Each core has its signals handled on a stack of its own and, when it goes, on that of the core before.
    Where that one went first its memory is gone, and the next signal ends the process.
    """
    import openvino

    return openvino.Core()


def compiled(model, source: str):
    """An `openvino.CompiledModel` of a graph, for single calls on all processors that this process may use.

    It calculates in float32 and in a QDQ graph's integers, also where a processor has bfloat16, which
    OpenVINO would take unasked.

    Args:
        model: an `onnx.ModelProto`.
        source: its name in messages.

    Raises:
        UserError: OpenVINO does not take the graph.
    """
    import openvino
    from openvino import properties

    settings = {
        properties.hint.performance_mode(): properties.hint.PerformanceMode.LATENCY,
        properties.hint.inference_precision(): openvino.Type.f32,
        properties.inference_num_threads(): usable_cpus(),
    }
    core = shared_core()
    try:
        return core.compile_model(core.read_model(model.SerializeToString()), "CPU", settings)
    except Exception as error:  # a RuntimeError, or whatever its C++ throws
        raise UserError(f"{source}: OpenVINO refuses it ({short(error)}); convert it anew") from error
