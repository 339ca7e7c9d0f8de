"""ONNX files as a runtime, by ONNX Runtime on whatever the machine has."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.threads import may_spin, usable_cpus
from inference.graph_runtime import GraphRuntime, require_expected, short

# name on the command line -> ONNX Runtime's; the CPU takes what the other does not know
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
NEEDS = "needs onnx and onnxruntime; `pip install -c constraints.txt -e .[export]`"


def load(
    path: Path,
    model: str | None = None,
    size: tuple[int, int] | None = None,
    encoder: str | None = None,
    provider: str | None = None,
) -> "OnnxRuntime":
    """Load an exported model.

    Args:
        path: an .onnx file with one image in and logits or labels out, all of static shape.
        model: the architecture's name that is expected; None takes the file's.
        size: (height, width) that is expected; None takes the file's.
        encoder: the name that is expected; None takes the file's.
        provider: a key of `PROVIDERS`; None takes CUDA where it is installed, else the CPU.

    Raises:
        UserError: no or broken file, one that is no such model, or a provider that is not installed.
    """
    try:
        import onnxruntime  # noqa: F401

        from inference import onnx_file
    except ImportError as error:
        raise UserError(f"{path} {NEEDS} ({error})") from error
    runtime = OnnxRuntime(onnx_file.read(path), str(path), provider)
    return require_expected(runtime, path, model, size, encoder)


class OnnxRuntime(GraphRuntime):
    """An ONNX graph on ONNX Runtime; `provider` is a key of `PROVIDERS`, or None for the best."""

    ENGINE = "ONNX Runtime"

    def __init__(self, model, source: str, provider: str | None = None):
        self._provider = provider
        super().__init__(model, source)

    def open(self, model) -> Callable[[np.ndarray], np.ndarray]:
        opened = session(model, self._source, self._provider)
        (given,), (returned,) = opened.get_inputs(), opened.get_outputs()
        return lambda feed: opened.run([returned.name], {given.name: feed})[0]


def session(model, source: str, provider: str | None = None):
    """An `onnxruntime.InferenceSession` of a graph, on all processors that this process may use.

    Args:
        model: an `onnx.ModelProto`.
        source: its name in messages.
        provider: a key of `PROVIDERS`, or None for the best.

    Raises:
        UserError: ONNX Runtime does not take the graph, or has no such provider.
    """
    import onnxruntime as ort

    from inference import onnx_cpu, onnx_int8

    chosen = providers(provider)
    options = session_options()
    if chosen == [PROVIDERS["cpu"]]:
        if onnx_int8.saturates() and onnx_int8.is_for_tensorrt(model):
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        model = onnx_cpu.for_cpu(model)
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=chosen)
    except Exception as error:  # its exceptions have no base class of their own
        raise UserError(f"{source}: ONNX Runtime refuses it ({short(error)}); convert it anew") from error


def session_options():
    """`onnxruntime.SessionOptions` of a quiet session, on all processors that this process may use."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4  # what fails is an exception
    options.intra_op_num_threads = usable_cpus()
    if not may_spin():
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def providers(provider: str | None) -> list[str]:
    """ONNX Runtime's names of a provider, a key of `PROVIDERS` or None for the best, and of its substitute.

    Raises:
        UserError: it is not installed.
    """
    import onnxruntime as ort

    available = ort.get_available_providers()
    if provider is None:
        provider = "cuda" if PROVIDERS["cuda"] in available else "cpu"
    if PROVIDERS[provider] not in available:
        there = ", ".join(name for name, long in PROVIDERS.items() if long in available)
        raise UserError(
            f"this ONNX Runtime has no provider '{provider}', but {there}; install onnxruntime-gpu for more"
        )
    return list(dict.fromkeys([PROVIDERS[provider], PROVIDERS["cpu"]]))
