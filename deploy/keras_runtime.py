"""Keras models as a runtime: weights of this project or of Keras 2, on TensorFlow."""

import functools
from pathlib import Path

import numpy as np

import models
from common.errors import UserError
from data.labels import CLASS_COUNT
from deploy.resizing import labels_at
from models import keras_hdf5, legacy, weights
from models.options import OptionError
from training.devices import prepare
from training.run_folder import weights_file

MOST_SCORES = 2**28  # that are resized at once on a GPU: 1 GiB of them, a picture of 14 million pixels


def load(
    source: Path, model: str | None = None, size: tuple[int, int] | None = None, backbone: str | None = None
) -> "KerasRuntime":
    """Load a trained model as a runtime; arguments and errors are those of `load_network`."""
    jit = prepare()
    network, origin = load_network(source, model, size, backbone)
    return KerasRuntime(network, jit, origin)


def load_network(
    source: Path, model: str | None = None, size: tuple[int, int] | None = None, backbone: str | None = None
):
    """Build the model that weights belong to, and fill it.

    Args:
        source: a run folder (its best checkpoint), a checkpoint folder, a .weights.h5 file, or an .hdf5 file
            of Keras 2 (see `models.legacy`).
        model: the name that is expected; None takes the file's. A file of Keras 2 has none.
        size: (height, width) that pictures are brought to; None takes the training's.
        backbone: the name that is expected; None takes the file's.

    Returns:
        (A `keras.Model`, see `models.build`, with `CLASS_COUNT` outputs, or void beside these from Keras 2,
        the `weights.Origin`).

    Raises:
        UserError: no or broken weights, or those of another model, backbone or class count.
    """
    path = weights_file(Path(source))
    origin, legacy_file = origin_of(path, model), keras_hdf5.has_layers(path)
    if not legacy_file and origin.classes != CLASS_COUNT:
        raise UserError(f"{path} was trained for {origin.classes} classes; this data set has {CLASS_COUNT}")
    if backbone:
        require_backbone(path, origin, backbone)
    network = _build(path, origin, size or origin.size)
    (legacy if legacy_file else weights).load(path, network)
    return network, origin


def origin_of(source: Path, model: str | None = None) -> weights.Origin:
    """What weights were trained as; arguments and errors are those of `load_network`."""
    path = weights_file(source)
    if keras_hdf5.has_layers(path):
        return legacy_origin(path, model)
    origin = weights.read_origin(path)
    if model and model != origin.model:
        raise UserError(f"{path} holds weights of {origin.model}, not of {model}; give -m {origin.model}")
    return origin


def require_backbone(path: Path, origin: weights.Origin, backbone: str) -> None:
    """Raise UserError unless weights are of a model with that backbone."""
    theirs = models.options_of(origin.model, origin.options).get("backbone")
    if theirs is None:
        raise UserError(
            f"{path} holds weights of {origin.model}, which has no backbone; leave --backbone out"
        )
    if theirs != backbone:
        raise UserError(f"{path} holds weights with backbone {theirs}, not {backbone}; leave --backbone out")


def legacy_origin(path: Path, model: str | None) -> weights.Origin:
    """What a file of Keras 2, which does not name its architecture, is taken for.

    Raises:
        UserError: no model is named.
    """
    if model is None:
        raise UserError(f"{path} was written by Keras 2 and names no architecture; give -m separable_unet")
    return weights.Origin(model, legacy.OUTPUTS, legacy.SIZE)


def _build(path: Path | str, origin: weights.Origin, size: tuple[int, int]):
    """The model that a weights file belongs to, with fresh weights."""
    # the file holds the encoder as well; a stranger's may not make this machine download or open another
    options = {name: value for name, value in origin.options.items() if name != "encoder_weights"}
    try:
        return models.build(origin.model, (*size, 3), origin.classes, **options)
    except (OptionError, TypeError) as error:  # an option that is unknown, or its value
        raise UserError(f"{path} was written by another version of this project ({error})") from error


def resized_labels(logits, size: tuple[int, int], on_device: bool) -> np.ndarray:
    """The arg-max of logits that are resized bilinearly.

    A GPU does it itself, unless the picture is huge: its logits would take long to fetch. On a CPU
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

    Args:
        network: a `keras.Model` [N, H, W, 3] -> logits [N, H, W, classes or more].
        jit: compile by XLA.
        origin: what the network was built as; needed for other sizes.
    """

    def __init__(self, network, jit: bool, origin: weights.Origin | None = None):
        import tensorflow as tf

        self.name, self.size = network.name, tuple(network.input_shape[1:3])
        compiled = functools.partial(tf.function, jit_compile=jit, autograph=False)
        pictures = tf.TensorSpec((None, *self.size, 3), tf.uint8)
        scores = tf.TensorSpec((None, *self.size, min(network.output_shape[-1], CLASS_COUNT)), tf.float32)

        @compiled(input_signature=[pictures])
        def logits(images):
            # Void, an old network's last output, means "not scored"; as an answer it would always be wrong.
            return tf.cast(network(images, training=False)[..., :CLASS_COUNT], tf.float32)

        # functions of logits, so that the network is compiled once, whatever is asked for
        @compiled(input_signature=[scores])
        def classify(logits):
            return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)

        self._network, self._jit, self._origin = network, jit, origin
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

    def soft(self, scale: float = 1.0) -> "KerasRuntime":
        """A runtime with `probabilities`: this one, or of the same weights at `scale` times its size.

        Sides are rounded to what the architecture takes.
        """
        if scale == 1:
            return self
        size = models.nearest_size(self._origin.model, [side * scale for side in self.size])
        network = _build(self.name, self._origin, size)
        network.set_weights(self._network.get_weights())
        return KerasRuntime(network, self._jit, self._origin)

    def sampling(self, samples: int, seed: int = 0):
        """The same model with dropout left active, a `deploy.sampling.SamplingRuntime`.

        Args:
            samples: passes per picture.
            seed: of their random numbers.

        Raises:
            UserError: the model has no dropout.
        """
        from deploy.sampling import SamplingRuntime

        return SamplingRuntime(self._network, samples, seed, self._jit)
