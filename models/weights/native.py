"""Weights as files of plain arrays: HDF5, one data set per variable, checked name by name.

No configuration in a weights file is ever turned into layers: the model is built by this project's code,
and the file only fills its arrays. A small JSON attribute says what the arrays belong to.
"""

import io
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np

from common.errors import UserError
from data import label_sets
from data.label_sets import CITYSCAPES, LabelSet
from models.model_options import of_record, to_record

FORMAT = 1
MAX_BYTES = 2**31  # of one array, far above any model's; a hostile header may claim any size


@dataclass(frozen=True)
class Origin:
    """What a weights file belongs to: enough to build its model again, and to say what it answers."""

    model: str
    classes: int  # outputs: those of the label set, and void beside these in some files of others
    size: tuple[int, int]  # (height, width) it was trained at, in pixels
    options: dict = field(default_factory=dict)  # the architecture's own build options
    format: int = FORMAT
    label_set: LabelSet = CITYSCAPES  # which files older than label sets mean
    converted_from: dict | None = None  # of weights of another package: `file`, `sha256`, `package`

    def to_json(self) -> dict:
        """As JSON types; where the weights are this project's own, without a word of conversion."""
        content = asdict(self) | {"options": to_record(self.model, self.options)}
        return {name: value for name, value in content.items() if value is not None}


def write(path: Path, model, origin: Origin) -> None:
    """Write every weight of a Keras model; the caller renames the file into place."""
    write_arrays(path, {variable.path: variable.numpy() for variable in model.weights}, origin.to_json())


def write_arrays(path: Path, arrays: dict[str, np.ndarray], attribute: dict) -> None:
    """Write named arrays and one JSON attribute, `origin`."""
    content = io.BytesIO()  # HDF5's own report of a full disk takes three lines and names no errno
    with h5py.File(content, "w") as file:
        file.attrs["origin"] = json.dumps(attribute)
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    Path(path).write_bytes(content.getbuffer())


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read what `write_arrays` wrote.

    Raises:
        UserError: no file, not HDF5, damaged, linked elsewhere, or not written by this project.
    """
    with opened(path) as file:
        arrays = collect(file, path)
        if "origin" not in file.attrs:
            raise UserError(f"{path} is not a weights file of this project (it has no 'origin')")
        return arrays, json.loads(file.attrs["origin"])


@contextmanager
def opened(path: Path):
    """An HDF5 file to read from.

    Raises:
        UserError: no file, not HDF5, or damaged, also where that shows only inside the `with` block.
    """
    if not Path(path).is_file():
        raise UserError(f"no weights at {path}; give a run folder or a .weights.h5 file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except UserError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise UserError(f"{path} is not readable as HDF5 weights ({_short(error)}); copy it again") from error


def collect(file: h5py.File, path: Path) -> dict[str, np.ndarray]:
    """Every array of an open file by its name; links are not followed.

    Raises:
        UserError: an array that lies in another file or is larger than any model's.
    """
    arrays = {}

    def add(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        if item.is_virtual or item.external:  # would read other files of this machine
            raise UserError(f"{path}: '{name}' points into another file; use a weights file that is whole")
        if item.nbytes > MAX_BYTES:  # refused before anything is allocated
            raise UserError(f"{path}: '{name}' claims {item.nbytes >> 30} GiB; use another weights file")
        arrays[name] = item[()]

    file.visititems(add)  # follows neither soft nor external links
    return arrays


def read_origin(path: Path) -> Origin:
    """Read only what a weights file belongs to."""
    return _origin(read_arrays(path)[1], path)


def is_converted(path: Path) -> bool:
    """Whether a file holds weights of another package."""
    with opened(path) as file:
        attribute = json.loads(file.attrs.get("origin", "{}"))
    return isinstance(attribute, dict) and bool(attribute.get("converted_from"))


def read_label_set(path: Path) -> LabelSet:
    """Read only which classes a weights file tells apart."""
    with opened(path) as file:
        attribute = json.loads(file.attrs.get("origin", "{}"))
    try:
        return label_sets.from_json(attribute.get("label_set"))
    except ValueError as error:
        raise UserError(f"{path} was written by another version of this project ({error})") from error


def _origin(attribute: dict, path) -> Origin:
    try:
        label_set = label_sets.from_json(attribute.get("label_set"))
        origin = Origin(**attribute | {"label_set": label_set})
        origin = replace(origin, size=tuple(origin.size))
        _require_sound(origin)
        origin = replace(origin, options=of_record(origin.model, origin.options))
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} was written by another version of this project ({_short(error)})") from error
    return origin


def _require_sound(origin: Origin) -> None:
    known = origin.format == FORMAT and len(origin.size) == 2
    named = isinstance(origin.model, str) and isinstance(origin.options, dict)
    named = named and isinstance(origin.converted_from, (dict, type(None)))
    if not (known and named and all(type(n) is int and n > 0 for n in (origin.classes, *origin.size))):
        raise ValueError(f"its origin is {origin}")


def load(path: Path, model) -> None:
    """Fill a model's weights from a file, all of them or none.

    Raises:
        UserError: unreadable, or of another architecture or class count: the first differing weight is named.
    """
    arrays, _ = read_arrays(path)
    assign(model.weights, arrays, path)


def assign(variables, arrays: dict[str, np.ndarray], source) -> None:
    """Assign arrays to Keras variables by path after checking every name and shape."""
    for variable in variables:
        if variable.path not in arrays:
            raise UserError(
                f"{source} has no '{variable.path}' {tuple(variable.shape)}: weights of another model"
            )
        if arrays[variable.path].dtype.kind not in "fiu":
            raise UserError(f"{source}: '{variable.path}' holds no numbers; use another weights file")
        if tuple(variable.shape) != arrays[variable.path].shape:
            raise UserError(
                f"{source}: '{variable.path}' has shape {arrays[variable.path].shape}, the model needs "
                f"{tuple(variable.shape)}: another number of classes or another variant"
            )
    surplus = set(arrays) - {variable.path for variable in variables}
    if surplus:
        raise UserError(f"{source} has '{min(surplus)}', which the model lacks: weights of another model")
    for variable in variables:
        variable.assign(arrays[variable.path])


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
