"""A runtime of an exported graph, whatever program calculates it: batches, logits and labels."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from common.errors import UserError
from inference import resizing


class GraphRuntime(ABC):
    """An ONNX graph, arg-max on the device, but on the host where logits are resized before.

    A subclass says who calculates (`ENGINE`), and how a graph is opened (`open`).

    Attributes:
        name: the architecture's, by the file's metadata, else the graph's.
        encoder: its name by the metadata, or None.
        dropout_passes: random passes that the graph averages, by the metadata; 0 without dropout.
        size: (height, width) of its input in pixels.
        label_set: the classes that it tells apart, by the metadata.

    Args:
        model: an `onnx.ModelProto`, all data inside.
        source: its name in messages.

    Raises:
        UserError: no segmentation model, or one that the engine does not take.
    """

    ENGINE: str

    def __init__(self, model, source: str):
        from inference import onnx_file

        signature = onnx_file.signature(model, source)
        self._source, self._signature, self.size = source, signature, signature.size
        self.dropout_passes, self.label_set = signature.interface.dropout_passes, signature.label_set
        self._model = model
        self._to_labels = self.open(onnx_file.with_labels(model, signature))
        notes = onnx_file.metadata(model)
        self.name, self.encoder = notes.get("model", model.graph.name), notes.get("backbone")

    @abstractmethod
    def open(self, model) -> Callable[[np.ndarray], np.ndarray]:
        """The function from a graph's input to its output.

        Raises:
            UserError: the engine does not take the graph.
        """

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

    def at_scale(self, scale: float = 1.0) -> "GraphRuntime":
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

    def _batches(self, images, run) -> Iterator[np.ndarray]:
        """What `run` makes of the graph's input, a batch after the other, without what fills up the last."""
        batch = self._signature.interface.batch
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            filler = np.repeat(part[-1:], batch - len(part), axis=0)  # the graph's batch has a fixed size
            feed = self._signature.interface.arrange(np.concatenate([part, filler]) if len(filler) else part)
            yield run(feed)[: len(part)]

    def _labels(self, feed):
        found = self._run(self._to_labels, feed)
        return self._require(found, (np.uint8,), (len(feed), *self.size), "labels")

    def _scores(self, feed):
        """Logits or probabilities, float32 [N, h, w, classes], in the graph's order in memory."""
        found = self._run(self._to_scores, feed)
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
    def _to_scores(self):
        return self.open(self._model)

    def _run(self, function, feed):
        try:
            return function(feed)
        except Exception as error:  # engines' exceptions have no base class of their own
            raise UserError(
                f"{self._source}: {self.ENGINE} fails ({short(error)}); convert it anew"
            ) from error

    def _require(self, found, kinds, shape, what):
        if found.dtype not in kinds or found.shape != shape:  # a stranger's file may lie
            returned = f"{found.dtype} {list(found.shape)}"
            raise UserError(f"{self._source} returned {returned}, not {what}; convert it anew")
        return found


def require_expected(
    runtime: GraphRuntime,
    path: Path,
    model: str | None = None,
    size: tuple[int, int] | None = None,
    encoder: str | None = None,
) -> GraphRuntime:
    """The runtime of a file, if it is of this model, size and encoder; None takes any.

    Raises:
        UserError: it is of another.
    """
    if model and model != runtime.name:
        raise UserError(f"{path} holds {runtime.name}, not {model}; leave `model` out")
    if encoder and encoder != runtime.encoder:
        raise UserError(f"{path} holds {runtime.encoder or 'no encoder'}, not {encoder}; leave `encoder` out")
    if size and tuple(size) != runtime.size:
        height, width = runtime.size
        raise UserError(f"{path} takes images of {height},{width} only; leave `size` out, or convert it anew")
    return runtime


def short(error: Exception) -> str:
    """The start of an engine's message, in one line."""
    return " ".join(str(error).split())[:160]
