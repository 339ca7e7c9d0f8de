"""Reads the HDF5 files that Keras writes weights to: arrays only, layer by layer.

Such a file holds a group for each layer, at the top or below `model_weights` in a file of a whole model,
and attributes with the order of the layers and of their arrays. A whole model's file also has JSON text
from which Keras would make layers; it is not read.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from common.errors import UserError
from models.weights import native

WHOLE_MODEL = "model_weights"
LISTS = ("layer_names", "weight_names")


@dataclass(frozen=True)
class Layer:
    """A layer's arrays by their names, such as `kernel`, in the file's order."""

    name: str
    arrays: dict[str, np.ndarray]


def has_layers(path: Path) -> bool:
    """Whether a file is built like Keras's, and not one of this project.

    Raises:
        UserError: no file, not HDF5, or damaged.
    """
    with native.opened(path) as file:
        return "origin" not in file.attrs and _root(_groups(file)) is not None


def read(path: Path) -> list[Layer]:
    """The layers that have weights, in the file's order.

    Raises:
        UserError: unreadable, not of Keras, or an array is missing or lies in another file.
    """
    with native.opened(path) as file:
        arrays, groups = native.collect(file, path), _groups(file)
    root = _root(groups)
    if root is None:
        raise UserError(f"{path} is not an HDF5 weights file of Keras (it has no 'layer_names')")
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
            found = {key: _strings(item.attrs, key) for key in LISTS}
            groups[name] = {key: names for key, names in found.items() if names is not None}

    add("", file)
    file.visititems(add)
    return groups


def _strings(attributes, key: str) -> list[str] | None:
    """A list of names, which Keras splits into `key0`, `key1`, ... where long; None if there is none."""
    parts = [key] if key in attributes else [f"{key}{part}" for part in range(len(attributes))]
    parts = [np.ravel(attributes[part]).tolist() for part in parts if part in attributes]
    if not parts:
        return None
    return [name.decode() if isinstance(name, bytes) else str(name) for names in parts for name in names]


def _root(groups) -> str | None:
    return next((name for name in (WHOLE_MODEL, "") if "layer_names" in groups.get(name, {})), None)
