"""Weights of published encoders: found, fetched once; keras.applications' HDF5 files read as arrays."""

import os
from pathlib import Path

import numpy as np

from common.errors import UserError
from models.encoders.imagenet_files import Published
from models.model_options import OptionError
from models.weights import download, keras_hdf5

NONE, IMAGENET = "none", "imagenet"


def find(source: str, encoder: str, published: Published | None) -> Path | None:
    """The file that is asked for.

    Args:
        source: "none" (there is none), "imagenet" (downloaded once into Keras's own folder), or a path.
        encoder: the encoder's name, for messages.
        published: its ImageNet weights, if there are any.

    Raises:
        UserError: there is no such file, or it cannot be fetched: says what to fetch, and where to put it.
    """
    if source == NONE:
        return None
    if not isinstance(source, (str, Path)):
        raise OptionError(f"encoder weights are none, imagenet or a file, not {source!r}")
    if source != IMAGENET:
        if not Path(source).is_file():
            raise UserError(f"no encoder weights at {source}; give none, imagenet or a file")
        return Path(source)
    if published is None:
        raise OptionError(f"there are no ImageNet weights for {encoder}; give none or a file")
    return fetch(published)


def fetch(published: Published) -> Path:
    """A published file in ~/.keras/models (or $KERAS_HOME/models), fetched if it is not there yet.

    Raises:
        UserError: it cannot be fetched, or is not the one that was published.
    """
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    remote = download.Remote(published.address, published.sha256, published.md5 or "")
    return download.fetch(remote, home / "models" / published.file)


def fill(layers: list, path: Path, encoder: str) -> None:
    """Fill Keras layers from a file, all of them or none.

    They are matched by name; where a version of Keras named them otherwise, in order, as Keras does.

    Args:
        layers: those that have weights, in the order of the network that the file belongs to.
        path: the file.
        encoder: its name, for messages.

    Raises:
        UserError: unreadable, or of another network: the first layer that differs is named with its shapes.
    """
    stored = {layer.name: list(layer.arrays.values()) for layer in keras_hdf5.read(path)}
    if {layer.name for layer in layers} != set(stored):
        if len(layers) != len(stored):
            raise UserError(
                f"{path} has {len(stored)} layers with weights, {encoder} without its classifier has "
                f"{len(layers)}; give its no-top weights"
            )
        stored = {layer.name: arrays for layer, arrays in zip(layers, stored.values())}
    for layer in layers:
        found = [array.shape for array in stored[layer.name]]
        needed = [tuple(variable.shape) for variable in layer.weights]
        if found != needed:
            raise UserError(
                f"{path}: layer '{layer.name}' has shapes {found}, {encoder} needs {needed}; "
                "give weights of the same network"
            )
        require_numbers(layer.name, stored[layer.name], path)
    for layer in layers:
        layer.set_weights(stored[layer.name])


def require_numbers(layer: str, arrays: list[np.ndarray], path: Path) -> None:
    """Raise UserError unless a layer's arrays hold finite numbers."""
    if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays):
        raise UserError(f"{path}: layer '{layer}' has values that are no finite numbers; use another file")
