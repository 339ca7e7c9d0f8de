"""Weights that TensorFlow 2.1 / Keras 2 wrote as HDF5: arrays only, mapped layer by layer onto our models.

Such a file holds a group for each layer, at the top or below `model_weights` in a file of a whole model,
and attributes with the order of the layers and of their arrays. A whole model's file also has JSON text
from which Keras would make layers; it is not read. Layers are numbered differently in every Keras
session, so they are mapped by their order, and their kind and every shape are checked.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from common.errors import UserError
from data.labels import CLASS_COUNT
from models import weights

OUTPUTS = CLASS_COUNT + 1  # those networks were trained with void as one more class, the last
SIZE = (512, 1024)  # (height, width) they were trained at
WHOLE_MODEL = "model_weights"


@dataclass(frozen=True)
class Layer:
    """A layer's arrays by their names, such as `kernel`, in the file's order."""

    name: str
    arrays: dict[str, np.ndarray]


def is_legacy(path: Path) -> bool:
    """Whether a file is built like Keras 2's, and not one of this project.

    Raises:
        UserError: no file, not HDF5, or damaged.
    """
    with weights.opened(path) as file:
        return "origin" not in file.attrs and _root(_groups(file)) is not None


def load(path: Path, model) -> None:
    """Fill a model of `OUTPUTS` outputs from a file of Keras 2, all weights or none.

    Raises:
        UserError: unreadable, of another class count, or of another architecture: the first layer that
            differs is named with both shapes.
    """
    theirs = read(path)
    outputs = list(theirs[-1].arrays.values())[-1].shape[-1:] if theirs else ()
    if outputs != (OUTPUTS,):
        raise UserError(
            f"{path} has {outputs[0] if outputs else 'no'} outputs; a network of that kind has {OUTPUTS}, "
            f"{CLASS_COUNT} classes and void"
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


def read(path: Path) -> list[Layer]:
    """The layers that have weights, in the file's order.

    Raises:
        UserError: unreadable, not of Keras 2, or an array is missing or lies in another file.
    """
    with weights.opened(path) as file:
        arrays, groups = weights.collect(file, path), _groups(file)
    root = _root(groups)
    if root is None:
        raise UserError(f"{path} is not a weights file of Keras 2 (it has no 'layer_names')")
    layers = []
    for name in groups[root]["layer_names"]:
        place = f"{root}/{name}".lstrip("/")
        found = {}
        for variable in groups.get(place, {}).get("weight_names", []):
            if f"{place}/{variable}" not in arrays:
                raise UserError(f"{path} has no '{place}/{variable}', which it lists; copy it again")
            # conv2d_1/kernel:0 -> kernel
            found[variable.split("/")[-1].split(":")[0]] = arrays[f"{place}/{variable}"]
        if found:
            layers.append(Layer(name, found))
    return layers


def _groups(file: h5py.File) -> dict[str, dict[str, list[str]]]:
    """The lists of names in groups' attributes, by the group's name ("" is the file); follows no link."""
    groups = {}

    def add(name, item):
        if isinstance(item, h5py.Group):
            groups[name] = {
                key: _strings(item, key) for key in ("layer_names", "weight_names") if key in item.attrs
            }

    add("", file)
    file.visititems(add)
    return groups


def _strings(item, key: str) -> list[str]:
    names = np.ravel(item.attrs[key]).tolist()
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _root(groups) -> str | None:
    return next((name for name in (WHOLE_MODEL, "") if "layer_names" in groups.get(name, {})), None)


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
