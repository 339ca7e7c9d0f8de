"""Weights of published encoders: found, fetched once; keras.applications' HDF5 files read as arrays."""

import hashlib
import os
from pathlib import Path

import numpy as np

from common.errors import UserError
from models.encoders.imagenet_files import Published
from models.model_options import OptionError
from models.weights import keras_hdf5

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
    """A published file in ~/.keras/models (or $KERAS_HOME/models), downloaded if it is not there yet.

    Raises:
        UserError: it cannot be downloaded.
    """
    import keras

    name = published.file
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    try:
        file = keras.utils.get_file(
            name, published.address, cache_dir=str(home), cache_subdir="models", file_hash=published.md5
        )
    except Exception as error:  # Keras wraps network errors in bare Exceptions
        reason = str(error).rpartition(" -- ")[2].splitlines()[0][:80]
        raise UserError(
            f"cannot download {name} ({reason}); fetch {published.address} and put it at "
            f"{home / 'models' / name}"
        ) from error
    _require_digits(Path(file), published)
    return Path(file)


def _require_digits(file: Path, published: Published) -> None:
    """Raise UserError, and take a file away, unless its SHA-256 begins as published."""
    if not published.sha256:
        return
    with open(file, "rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if not found.startswith(published.sha256):
        file.unlink()
        raise UserError(
            f"{published.address} came damaged: its SHA-256 begins with {found[:8]}, not {published.sha256}; "
            "fetch it again"
        )


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
