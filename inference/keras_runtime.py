"""Keras models as a runtime: weights of this project or of Keras 2, on TensorFlow."""

import functools
from pathlib import Path

import numpy as np

import models
from common.devices import prepare
from data.label_sets import LabelSet
from inference import refinement
from inference.resizing import labels_at
from models.building import About
from models.weights import native
from models.weights.loading import build_network, load_network

NOTHING_KNOWN = About((), 1)  # of a model that `models.build` did not make
MOST_SCORES = 2**28  # that are resized at once on a GPU: 1 GiB of them, an image of 14 million pixels


def load(
    source: Path, model: str | None = None, size: tuple[int, int] | None = None, encoder: str | None = None
) -> "KerasRuntime":
    """Load a trained model as a runtime; arguments and errors are those of
    `models.weights.loading.load_network`."""
    jit = prepare()
    network, origin = load_network(source, model, size, encoder)
    refinement.require_none(origin.model, source)
    return KerasRuntime(network, jit, origin.label_set, origin)


def resized_labels(logits, size: tuple[int, int], on_device: bool) -> np.ndarray:
    """The arg-max of logits that are resized bilinearly.

    A GPU does it itself, unless the image is huge: its logits would take long to fetch. On a CPU
    `labels_at` is faster than TensorFlow, and takes a few MB instead of hundreds.

    Args:
        logits: of Keras's backend, on the device, float32 [N, h, w, classes].
        size: (height, width) in pixels.
        on_device: resize there, not on the host.

    Returns:
        uint8 [N, height, width] on the host.
    """
    from keras import ops

    count, *_, classes = logits.shape
    if on_device and count * size[0] * size[1] * classes <= MOST_SCORES:
        larger = ops.image.resize(logits, size, interpolation="bilinear")  # [N, height, width, classes]
        return ops.convert_to_numpy(ops.cast(ops.argmax(larger, axis=-1), "uint8"))
    host = ops.convert_to_numpy(logits) if on_device else np.asarray(logits)  # which on a CPU copies nothing
    return np.stack([labels_at(one, size) for one in host])


class KerasRuntime:
    """A Keras model on TensorFlow, arg-max on the device.

    Attributes:
        name: the architecture's.
        size: (height, width) of its input in pixels.
        label_set: the classes that it tells apart.
        left_out: keys of a PyTorch file that the network has no use for.

    Args:
        network: a `keras.Model` [N, H, W, 3] -> logits [N, H, W, classes or more].
        jit: compile by XLA.
        label_set: the classes of its first outputs.
        origin: what the network was built as; needed for other sizes.
    """

    def __init__(self, network, jit: bool, label_set: LabelSet, origin: native.Origin | None = None):
        import tensorflow as tf

        self.name, self.size, self.label_set = network.name, tuple(network.input_shape[1:3]), label_set
        compiled = functools.partial(tf.function, jit_compile=jit, autograph=False)
        specification = tf.TensorSpec((None, *self.size, 3), tf.uint8)
        scores = tf.TensorSpec(
            (None, *self.size, min(network.output_shape[-1], label_set.classes)), tf.float32
        )

        @compiled(input_signature=[specification])
        def logits(images):
            return tf.cast(label_set.without_void(network(images, training=False)), tf.float32)

        # functions of logits, so that the network is compiled once, whatever is asked for
        @compiled(input_signature=[scores])
        def classify(logits):
            return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)

        self._network, self._jit, self._origin = network, jit, origin
        self.left_out = getattr(network, "about", NOTHING_KNOWN).left_out
        self._logits, self._classify = logits, classify
        self._softmax = compiled(tf.nn.softmax, input_signature=[scores])

    def predict(self, images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Classify pixels.

        Args:
            images: uint8 RGB [N, h, w, 3] of the runtime's size.
            size: (height, width) of the result, for which logits are resized; None: the runtime's.

        Returns:
            uint8 [N, height, width] of train ids.
        """
        logits = self._logits(images)
        if size in (None, self.size):
            return self._classify(logits).numpy()
        return resized_labels(logits, size, on_device=self._jit)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of the runtime's size -> softmax, float32 [N, H, W, classes]."""
        return self._softmax(self._logits(images)).numpy()

    def at_scale(self, scale: float = 1.0) -> "KerasRuntime":
        """A runtime with `probabilities`: this one, or of the same weights at `scale` times its size.

        Sides are rounded to what the architecture takes.
        """
        if scale == 1:
            return self
        size = models.nearest_size(
            self._origin.model, self._origin.options, [side * scale for side in self.size]
        )
        network = build_network(self.name, self._origin, size)
        network.set_weights(self._network.get_weights())
        return KerasRuntime(network, self._jit, self.label_set, self._origin)

    def sampling(self, dropout_passes: int, seed: int = 0):
        """The same model with dropout left active, a `inference.sampling.SamplingRuntime`.

        Args:
            dropout_passes: per image.
            seed: of their random numbers.

        Raises:
            UserError: the model has no dropout.
        """
        from inference.sampling import SamplingRuntime

        return SamplingRuntime(self._network, dropout_passes, seed, self._jit, self.label_set)
