"""ONNX files as a runtime, by ONNX Runtime on whatever the machine has."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from common.threads import usable_cpus

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
    backbone: str | None = None,
    provider: str | None = None,
) -> "OnnxRuntime":
    """Load an exported model.

    Args:
        path: an .onnx file with one picture in and logits or labels out, all of static shape.
        model: the architecture's name that is expected; None takes the file's.
        size: (height, width) that is expected; None takes the file's.
        backbone: the name that is expected; None takes the file's.
        provider: a key of `PROVIDERS`; None takes CUDA where it is installed, else the CPU.

    Raises:
        UserError: no or broken file, one that is no such model, or a provider that is not installed.
    """
    try:
        import onnxruntime  # noqa: F401

        from deploy import onnx_file
    except ImportError as error:
        raise UserError(f"{path} {NEEDS} ({error})") from error
    runtime = OnnxRuntime(onnx_file.read(path), str(path), provider)
    if model and model != runtime.name:
        raise UserError(f"{path} holds {runtime.name}, not {model}; leave -m out")
    if backbone and backbone != runtime.backbone:
        raise UserError(
            f"{path} holds {runtime.backbone or 'no backbone'}, not {backbone}; leave --backbone out"
        )
    if size and tuple(size) != runtime.size:
        height, width = runtime.size
        raise UserError(f"{path} takes pictures of {height},{width} only; leave -t out, or convert it anew")
    return runtime


class OnnxRuntime:
    """An ONNX graph, arg-max on the device.

    Attributes:
        name: the architecture's, by the file's metadata, else the graph's.
        backbone: its name by the metadata, or None.
        size: (height, width) of its input in pixels.

    Args:
        model: an `onnx.ModelProto`, all data inside.
        source: its name in messages.
        provider: a key of `PROVIDERS`, or None.

    Raises:
        UserError: no segmentation model, or one that ONNX Runtime does not take.
    """

    def __init__(self, model, source: str, provider: str | None = None):
        import onnxruntime as ort

        from deploy import onnx_file

        options = ort.SessionOptions()
        options.log_severity_level = 4  # what fails is an exception
        options.intra_op_num_threads = usable_cpus()
        signature = onnx_file.signature(model, source)
        content = onnx_file.with_labels(model, signature).SerializeToString()
        try:
            self._session = ort.InferenceSession(content, options, providers=_providers(provider))
        except Exception as error:  # its exceptions have no base class of their own
            raise UserError(
                f"{source}: ONNX Runtime refuses it ({_short(error)}); convert it anew"
            ) from error
        self._source, self._signature, self.size = source, signature, signature.size
        notes = onnx_file.metadata(model)
        self.name, self.backbone = notes.get("model", model.graph.name), notes.get("backbone")

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of the runtime's size -> train ids, uint8 [N, H, W]."""
        batch = self._signature.form.batch
        labels = []
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            filler = np.repeat(part[-1:], batch - len(part), axis=0)  # the graph's batch has a fixed size
            feed = self._signature.form.arrange(np.concatenate([part, filler]) if len(filler) else part)
            labels.append(self._run(feed)[: len(part)])
        return np.concatenate(labels)

    def _run(self, feed):
        try:
            (found,) = self._session.run([self._signature.labels], {self._signature.name: feed})
        except Exception as error:  # its exceptions have no base class of their own
            raise UserError(
                f"{self._source}: ONNX Runtime fails ({_short(error)}); convert it anew"
            ) from error
        if found.dtype != np.uint8 or found.shape != (len(feed), *self.size):  # a stranger's file may lie
            kind = f"{found.dtype} {list(found.shape)}"
            raise UserError(f"{self._source} returned {kind}, not labels; convert it anew")
        return found


def _providers(provider: str | None) -> list[str]:
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


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
