"""SegFix (Yuan et al.; arXiv 2007.04269): labels at borders are replaced by those found inside.

A network tells which pixels are at a border, and the direction in which their region lies. Whatever gave the
labels, a pixel at a border takes the label of the first pixel inside that these directions lead to.
"""

import math
from pathlib import Path

import numpy as np

from common.errors import UserError
from data.augment import resize_image
from inference.resizing import labels_at
from inference.segment import segment
from models import registry
from models.decoders.segfix import BORDER, DIRECTIONS

MOST_STEPS = 10  # pixels of the network's image that a label is fetched from at most: twice a border's width


class Refiner:
    """Moves the labels of images.

    Args:
        network: a `keras.Model` [N, H, W, 3] -> [N, H, W, 10], see `models.decoders.segfix`.
        jit: compile it by XLA.
    """

    def __init__(self, network, jit: bool):
        import tensorflow as tf

        self.size = tuple(network.input_shape[1:3])
        specification = tf.TensorSpec((1, *self.size, 3), tf.uint8)
        self._outputs = tf.function(
            lambda images: network(images, training=False)[0],
            input_signature=[specification],
            jit_compile=jit,
            autograph=False,
        )

    def refine(self, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The labels of an image, moved.

        Args:
            image: uint8 RGB [H, W, 3], of any size.
            labels: uint8 [H, W] of train ids.

        Returns:
            uint8 [H, W].
        """
        outputs = self._outputs(resize_image(image, self.size)[None]).numpy()  # [h, w, 10]
        border = labels_at(outputs[..., :BORDER], labels.shape).astype(bool)
        directions = labels_at(outputs[..., BORDER:], labels.shape)
        enlarged = max(side / own for side, own in zip(labels.shape, self.size))
        return shifted(labels, border, directions, math.ceil(MOST_STEPS * max(enlarged, 1.0)))


def shifted(labels: np.ndarray, border: np.ndarray, directions: np.ndarray, most_steps: int) -> np.ndarray:
    """Labels in which pixels at borders have that of the pixel inside to which the directions lead.

    From a pixel at a border one step follows the other, each in the direction of the pixel that is reached,
    until one is inside, or there are too many (the paper's second scheme, section 3.3).

    Args:
        labels: uint8 [H, W].
        border: bool [H, W].
        directions: [H, W], numbers of `DIRECTIONS`.
        most_steps: after which the label of the pixel that is reached is taken.

    Returns:
        uint8 [H, W].
    """
    last = np.array(labels.shape) - 1
    at = np.argwhere(border)  # [pixels, (row, column)]
    walking = np.arange(len(at))
    for _ in range(most_steps):
        here = tuple(at[walking].T)
        at[walking] = np.clip(at[walking] + np.array(DIRECTIONS)[directions[here]], 0, last)
        walking = walking[border[tuple(at[walking].T)]]
    moved = labels.copy()
    moved[border] = labels[tuple(at.T)]
    return moved


class RefiningRuntime:
    """A model whose labels a refiner moves, behind the runtimes' `predict`.

    Attributes:
        name: the architecture's.
        size: None, for images of any size.
        label_set: the classes that it tells apart.
        left_out: keys of a PyTorch file that it has no use for.

    Args:
        runtime: see `inference.runtimes`.
        refiner: of its labels.
    """

    def __init__(self, runtime, refiner: Refiner):
        self.name, self.size, self.label_set = runtime.name, None, runtime.label_set
        self.left_out = getattr(runtime, "left_out", ())
        self._runtime, self._refiner = runtime, refiner

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of any size -> train ids, uint8 [N, H, W]."""
        return np.stack([self._refiner.refine(image, segment(self._runtime, image)) for image in images])


def load(source: Path) -> Refiner:
    """The refiner in a run or weights file.

    Raises:
        UserError: no or broken weights, or those of a network that gives labels of its own.
    """
    from common.devices import prepare
    from models.weights.loading import load_network

    jit = prepare()
    network, origin = load_network(source)
    if not registry.architecture(origin.model).refines:
        raise UserError(
            f"{source} is of {origin.model}, which gives labels of its own; `refine` takes "
            f"{', '.join(names())}"
        )
    return Refiner(network, jit)


def names() -> list[str]:
    """The architectures that refine others' labels."""
    return [name for name in registry.names() if registry.architecture(name).refines]


def require_none(model: str, source: Path) -> None:
    """Raise UserError if a file's model gives no labels of its own, but refines others'."""
    if registry.architecture(model).refines:
        raise UserError(
            f"{source} is of {model}, which refines the labels of another model; give that one's weights, "
            "and this file as `refine`"
        )
