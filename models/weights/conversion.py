"""From weights of a PyTorch package to a file of this project."""

import contextlib
from pathlib import Path

from common.errors import UserError
from common.files import partial_name, require_folder_of, writing_error
from models.weights import native, torch_files
from models.weights.loading import load_network
from models.weights.run_files import weights_file

SUFFIX = ".weights.h5"


def convert(
    source: Path, output: Path, size: tuple[int, int] | None = None, model: str | None = None, **options
):
    """Write a copy of a PyTorch file that needs no PyTorch, and says where it came from.

    Args:
        source: a PyTorch file or folder, see `models.load`.
        output: the file to write, `.weights.h5`.
        size, model: see `models.weights.loading.load_network`.
        options: of the architecture, where the file does not show them.

    Returns:
        (The `keras.Model`, its `native.Origin`).

    Raises:
        UserError: as `load_network`, or the copy cannot be written.
    """
    require_output(output)
    path = weights_file(source)
    if not torch_files.find(path):
        raise UserError(f"{path} is no PyTorch file; weights of this project are read as they are")
    network, origin = load_network(path, model, size, options=options)
    partial = partial_name(output)
    try:
        native.write(partial, network, origin)
        partial.replace(output)
    except OSError as error:
        raise writing_error(output, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return network, origin


def require_output(path: Path) -> None:
    """Raise UserError unless a file of weights can be called that, and there is a folder for it."""
    if not path.name.endswith(SUFFIX):
        raise UserError(f"{path} does not end in {SUFFIX}, by which weights are known again; name it so")
    require_folder_of(path)
