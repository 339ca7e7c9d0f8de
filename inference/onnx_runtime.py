"""ONNX files as a runtime, by ONNX Runtime on whatever the machine has."""

import functools
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.threads import usable_cpus
from inference import resizing

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
    if model and model != runtime.name:
        raise UserError(f"{path} holds {runtime.name}, not {model}; leave `model` out")
    if encoder and encoder != runtime.encoder:
        raise UserError(f"{path} holds {runtime.encoder or 'no encoder'}, not {encoder}; leave `encoder` out")
    if size and tuple(size) != runtime.size:
        height, width = runtime.size
        raise UserError(f"{path} takes images of {height},{width} only; leave `size` out, or convert it anew")
    return runtime


class OnnxRuntime:
    """An ONNX graph, arg-max on the device, but on the host where logits are resized before.

    Attributes:
        name: the architecture's, by the file's metadata, else the graph's.
        encoder: its name by the metadata, or None.
        dropout_passes: random passes that the graph averages, by the metadata; 0 without dropout.
        size: (height, width) of its input in pixels.
        label_set: the classes that it tells apart, by the metadata.

    Args:
        model: an `onnx.ModelProto`, all data inside.
        source: its name in messages.
        provider: a key of `PROVIDERS`, or None.

    Raises:
        UserError: no segmentation model, or one that ONNX Runtime does not take.
    """

    def __init__(self, model, source: str, provider: str | None = None):
        from inference import onnx_file

        signature = onnx_file.signature(model, source)
        self._source, self._signature, self.size = source, signature, signature.size
        self.dropout_passes, self.label_set = signature.interface.dropout_passes, signature.label_set
        self._model, self._provider = model, provider
        self._session = self._open(onnx_file.with_labels(model, signature))
        notes = onnx_file.metadata(model)
        self.name, self.encoder = notes.get("model", model.graph.name), notes.get("backbone")

    def predict(self, images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Classify pixels.

        Args:
            images: uint8 RGB [N, h, w, 3] of the runtime's size.
            size: (height, width) of the result, for which logits or probabilities are resized, or labels
                where the graph returns these alone; None: the runtime's.

        Returns:
            uint8 [N, height, width] of train ids.
        """
        if size not in (None, self.size) and not self._signature.interface.argmax:
            scores = (one for part in self._batches(images, self._scores) for one in part)
            return np.stack(
                [resizing.labels_at(one, size, self._signature.returns_probabilities) for one in scores]
            )
        labels = np.concatenate(list(self._batches(images, self._labels)))
        return labels if size in (None, self.size) else resizing.nearest(labels, size, self._source)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of the runtime's size -> softmax, float32 [N, H, W, classes].

        Only of a file that returns logits or probabilities, see `at_scale`.
        """
        return np.concatenate([self._softmax(part) for part in self._batches(images, self._scores)])

    def at_scale(self, scale: float = 1.0) -> "OnnxRuntime":
        """This runtime, if it has `probabilities`; a file has one size, and with arg-max inside none.

        Raises:
            UserError: it has not.
        """
        if scale != 1:
            height, width = self.size
            raise UserError(
                f"{self._source} takes images of {height},{width} only; leave `scales` out, or give Keras "
                "weights"
            )
        if self._signature.interface.argmax:
            raise UserError(
                f"{self._source} returns labels, but `overlap` and `flip` need logits; convert it without "
                "`argmax`, or give Keras weights"
            )
        return self

    def _batches(self, images, run):
        """What `run` makes of the graph's input, a batch after the other, without what fills up the last."""
        batch = self._signature.interface.batch
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            filler = np.repeat(part[-1:], batch - len(part), axis=0)  # the graph's batch has a fixed size
            feed = self._signature.interface.arrange(np.concatenate([part, filler]) if len(filler) else part)
            yield run(feed)[: len(part)]

    def _labels(self, feed):
        found = self._run(self._session, self._signature.labels, feed)
        return self._require(found, (np.uint8,), (len(feed), *self.size), "labels")

    def _scores(self, feed):
        """Logits or probabilities, float32 [N, h, w, classes], in the graph's order in memory."""
        found = self._run(self._logits_session, self._signature.output, feed)
        classes = self.label_set.classes
        if found.shape == (len(feed), classes, *self.size):
            found = found.transpose(0, 2, 3, 1)
        shape = (len(feed), *self.size, classes)
        return self._require(found, (np.float32, np.float16), shape, "logits").astype(np.float32, copy=False)

    def _softmax(self, scores):
        if self._signature.returns_probabilities:
            return scores
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    @functools.cached_property
    def _logits_session(self):
        return self._open(self._model)

    def _open(self, model):
        return session(model, self._source, self._provider)

    def _run(self, session, output, feed):
        try:
            return session.run([output], {self._signature.name: feed})[0]
        except Exception as error:  # its exceptions have no base class of their own
            raise UserError(
                f"{self._source}: ONNX Runtime fails ({_short(error)}); convert it anew"
            ) from error

    def _require(self, found, kinds, shape, what):
        if found.dtype not in kinds or found.shape != shape:  # a stranger's file may lie
            returned = f"{found.dtype} {list(found.shape)}"
            raise UserError(f"{self._source} returned {returned}, not {what}; convert it anew")
        return found


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

    from inference import onnx_tail

    chosen = providers(provider)
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what fails is an exception
    options.intra_op_num_threads = usable_cpus()
    if chosen == [PROVIDERS["cpu"]]:
        model = onnx_tail.for_cpu(model)
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=chosen)
    except Exception as error:  # its exceptions have no base class of their own
        raise UserError(f"{source}: ONNX Runtime refuses it ({_short(error)}); convert it anew") from error


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


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
