"""Monte-Carlo dropout (Gal, Ghahramani; arXiv 1506.02142): predictions with dropout left active, averaged.

Each pass of a network with its dropout active is one sample of the network; how much the samples disagree
tells how uncertain the model is. What comes before the first dropout is the same in every pass, so that the
network is cut there and its trunk computed once per image.
"""

from dataclasses import dataclass

import cv2
import keras
import numpy as np
import tensorflow as tf

from common.errors import UserError
from data.label_sets import LabelSet
from inference.resizing import labels_at

PIXELS = 2**21  # of all the passes that run at a time: one Cityscapes image, whose activations fill GBs


@dataclass(frozen=True)
class Sampled:
    """The averaged prediction of N images.

    Attributes:
        labels: uint8 [N, H, W], the most probable train ids by the mean softmax.
        entropy: float32 [N, H, W] in nats, of the mean softmax: all uncertainty, 0..ln(classes).
        mutual_information: float32 [N, H, W] in nats, the entropy less the passes' mean entropy ("BALD",
            arXiv 1112.5745): the part on which the samples disagree, which more training data could mend.
    """

    labels: np.ndarray
    entropy: np.ndarray
    mutual_information: np.ndarray


class SamplingRuntime:
    """A Keras model whose dropout stays active, behind the runtimes' `predict` and `sample`.

    Batch norm stays in inference mode. Random numbers follow from the seed alone, for each image anew:
    an image's result depends on no other image.

    Attributes:
        name: the architecture's.
        size: (height, width) of its input in pixels.
        label_set: the classes that it tells apart.

    Args:
        network: a functional model [N, H, W, 3] -> logits [N, H, W, classes or more].
        dropout_passes: per image.
        seed: of the random numbers.
        jit: compile by XLA.
        label_set: the classes of its first outputs.

    Raises:
        UserError: the network has no dropout.
    """

    def __init__(self, network: keras.Model, dropout_passes: int, seed: int, jit: bool, label_set: LabelSet):
        self.name, self.size = network.name, tuple(network.input_shape[1:3])
        self.dropout_passes, self.label_set = dropout_passes, label_set
        trunk, head, dropouts = split(network)
        self._seeds = [
            (dropout.seed_generator.state, np.array([part, 0], np.uint32))
            for dropout, part in zip(dropouts, np.random.SeedSequence(seed).generate_state(len(dropouts)))
        ]

        @tf.function(
            input_signature=[tf.TensorSpec((None, *self.size, 3), tf.uint8)], jit_compile=jit, autograph=False
        )
        def features(images):
            return keras.tree.flatten(trunk(images, training=False))  # Keras unwraps a list of one

        @tf.function(autograph=False, jit_compile=jit)
        def passes(tensors, count):
            """Sums over `count` passes of one image: softmax [H, W, classes] and its entropy [H, W]."""
            repeated = [tf.repeat(tensor, count, axis=0) for tensor in tensors]
            log = tf.nn.log_softmax(_logits(head(repeated, training=False), label_set))
            softmax = tf.exp(log)
            return tf.reduce_sum(softmax, 0), -tf.reduce_sum(softmax * log, (0, 3))

        self._features, self._passes = features, passes

    def predict(self, images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """The labels of `sample`."""
        return self.sample(images, size).labels

    def sample(self, images: np.ndarray, size: tuple[int, int] | None = None) -> Sampled:
        """Average the passes over images.

        Args:
            images: uint8 RGB [N, h, w, 3] of the runtime's size.
            size: (height, width) of the result; None: the runtime's. The mean softmax is resized, by
                `labels_at`, before the arg-max. Both uncertainties are resized as they are: the entropy of a
                resized mean is high between any two classes, however certain the model is of each.

        Returns:
            Maps [N, height, width].
        """
        tensors = self._features(images)
        found = [
            self._one([tensor[i : i + 1] for tensor in tensors], size or self.size)
            for i in range(len(images))
        ]
        return Sampled(*(np.stack(maps) for maps in zip(*found)))

    def _one(self, tensors, size):
        for state, start in self._seeds:
            state.assign(start)
        total = uncertain = 0.0
        for count in rounds(self.dropout_passes, self.size):
            softmax, entropy = self._passes(tensors, count)
            total, uncertain = total + softmax, uncertain + entropy
        mean = total / self.dropout_passes
        entropy = -tf.reduce_sum(tf.math.xlogy(mean, mean), -1)
        # below 0 only by rounding
        mutual_information = tf.maximum(entropy - uncertain / self.dropout_passes, 0.0)
        maps = entropy.numpy(), mutual_information.numpy()
        if size == self.size:
            return tf.cast(tf.argmax(mean, -1, output_type=tf.int32), tf.uint8).numpy(), *maps
        linear = (cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR) for values in maps)
        return labels_at(mean.numpy(), size, probabilities=True), *linear


def rounds(passes: int, size: tuple[int, int]) -> list[int]:
    """How many passes run at a time: as equal as can be, for each count is compiled anew."""
    most = max(1, PIXELS // (size[0] * size[1]))
    parts = -(-passes // most)
    return [passes // parts + (part < passes % parts) for part in range(parts)]


def passes_with_masks(
    network: keras.Model, images: np.ndarray, label_set: LabelSet, passes: int, seed: int = 0, run=None
):
    """Passes with dropout active, each with what was dropped in it.

    Args:
        network: see `split`.
        images: RGB [N, H, W, 3] of the network's size.
        label_set: the classes of the network's first outputs.
        passes: how many.
        seed: of the random numbers.
        run: function (a part of the network, its inputs) -> outputs in inference mode; None calls the part.

    Yields:
        (softmax float32 [N, H, W, classes], dropout layer's name -> its values kept or not, bool [N, ...]).

    Raises:
        UserError: the network has no dropout.
    """
    trunk, head, dropouts = split(network)
    run = run or (lambda part, inputs: part(inputs, training=False))
    tensors = keras.tree.flatten(run(trunk, images))
    for states in np.random.SeedSequence(seed).generate_state(passes * len(dropouts)).reshape(passes, -1):
        kept = {}
        for dropout, state in zip(dropouts, states):
            dropout.seed_generator.state.assign([state, 0])
            ones = tf.ones((len(images), *dropout.output.shape[1:]))
            kept[dropout.dropout.name] = np.asarray(dropout(ones)) > 0
            dropout.seed_generator.state.assign([state, 0])  # the pass draws the same again
        yield tf.nn.softmax(_logits(run(head, tensors), label_set)).numpy(), kept


def _logits(outputs, label_set):
    """float32 [N, H, W, classes]."""
    return label_set.without_void(tf.cast(outputs, tf.float32))


class ActiveDropout(keras.layers.Layer):
    """A dropout layer of any kind that drops in inference as well, by random numbers of its own."""

    def __init__(self, dropout: keras.layers.Layer):
        super().__init__(name=f"{dropout.name}_active", dtype=dropout.dtype_policy)
        self.dropout = type(dropout).from_config(dropout.get_config())
        self.seed_generator = self.dropout.seed_generator

    def call(self, inputs):
        return self.dropout(inputs, training=True)

    def compute_output_shape(self, input_shape):
        return input_shape


def split(network: keras.Model) -> tuple[keras.Model, keras.Model, list[ActiveDropout]]:
    """Cut a functional model, each of whose layers is used once, before its first dropout layers.

    Both parts share the model's layers, and with them its weights.

    Returns:
        (trunk: images -> list of all tensors that cross the cut, head: these -> the model's output with
        dropout always active, the head's dropout layers).

    Raises:
        UserError: no dropout on the way to the output.
    """
    random, crossing = set(), {}  # ids of the tensors that depend on dropout; those they are made from
    for operation in network.operations:  # in order: inputs precede what is made of them
        inputs, outputs = keras.tree.flatten(operation.input), keras.tree.flatten(operation.output)
        if _drops(operation) or any(id(tensor) in random for tensor in inputs):
            random |= {id(tensor) for tensor in outputs}
            crossing |= {id(tensor): tensor for tensor in inputs if id(tensor) not in random}
    require_dropout(random, network)
    crossing = list(crossing.values())
    trunk = keras.Model(network.input, crossing, name=f"{network.name}_trunk")
    head = keras.Model(crossing, network.output, name=f"{network.name}_head")
    return trunk, *with_dropouts(head, ActiveDropout)


def dropouts(network: keras.Model) -> list[keras.layers.Layer]:
    """The dropout layers of a functional model."""
    return [layer for layer in network.layers if _drops(layer)]


def with_dropouts(network: keras.Model, replace) -> tuple[keras.Model, list[keras.layers.Layer]]:
    """A functional model with other layers for its dropout layers, sharing all others, and these layers.

    Args:
        network: each of its layers is used once.
        replace: a function of a dropout layer.
    """
    replaced = []

    def change(layer):
        if not _drops(layer):
            return layer
        replaced.append(replace(layer))
        return replaced[-1]

    return keras.models.clone_model(network, clone_function=change), replaced


def require_dropout(found, network: keras.Model) -> None:
    """Raise UserError if there is nothing random in a network."""
    if not found:
        raise UserError(f"{network.name} has no dropout to sample; leave `dropout_passes` out")


def _drops(operation) -> bool:
    return isinstance(operation, keras.layers.Dropout) and operation.rate > 0
