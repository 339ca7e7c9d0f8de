"""Weights of the networks that TensorFlow 2.1 / Keras 2 trained with void as a class of its own.

Keras 2 numbered layers differently in every session, so they are mapped by their order onto our model's,
and their kind and every shape are checked.
"""

from pathlib import Path

from common.errors import UserError
from models.weights import keras_hdf5
from models.weights.keras_hdf5 import Layer

SIZE = (512, 1024)  # (height, width) they were trained at


def outputs(classes: int) -> int:
    """Outputs of a network that tells apart so many classes: void is the last."""
    return classes + 1


def load(path: Path, model, classes: int) -> None:
    """Fill a model of `outputs(classes)` outputs from a file of Keras 2, all weights or none.

    Raises:
        UserError: unreadable, of another class count, or of another architecture: the first layer that
            differs is named with both shapes.
    """
    theirs = keras_hdf5.read(path)
    found = list(theirs[-1].arrays.values())[-1].shape[-1:] if theirs else ()
    if found != (outputs(classes),):
        raise UserError(
            f"{path} has {found[0] if found else 'no'} outputs; a network of that kind has "
            f"{outputs(classes)}, {classes} classes and void"
        )
    ours = [layer for layer in model.layers if layer.weights]
    for our, their in zip(ours, theirs):
        _require_same(our, their, path)
    if len(ours) != len(theirs):
        raise UserError(
            f"{path} has {len(theirs)} layers with weights, {model.name} has {len(ours)}: "
            "another architecture or variant"
        )
    for our, their in zip(ours, theirs):
        for variable, array in zip(our.weights, their.arrays.values()):
            variable.assign(array)


def _require_same(our, their: Layer, path: Path) -> None:
    """Raise UserError unless a layer of the file has our layer's arrays, by kind, shape and number type."""
    needed = {variable.name: tuple(variable.shape) for variable in our.weights}
    given = {name: array.shape for name, array in their.arrays.items()}
    if list(needed.items()) != list(given.items()):
        raise UserError(
            f"{path}: layer '{their.name}' has {_listing(given)}; '{our.name}' of the model needs "
            f"{_listing(needed)}: another architecture or variant"
        )
    for name, array in their.arrays.items():
        if array.dtype.kind not in "fiu":
            raise UserError(f"{path}: '{their.name}/{name}' holds no numbers; use another weights file")


def _listing(shapes: dict[str, tuple]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
