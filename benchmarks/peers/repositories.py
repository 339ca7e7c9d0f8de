"""Authors' repositories that are no packages: a clone, whose folder an environment variable names."""

import contextlib
import importlib
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace


def imported(variable: str, address: str, module: str):
    """A module of a clone.

    Args:
        variable: of the environment, that names the clone's folder.
        address: of the repository.
        module: its name, from the clone's folder on.

    Raises:
        ImportError: the variable is not set, or the folder has no such module; says what to do.
    """
    folder = os.environ.get(variable)
    if not folder or not Path(folder, f"{module.replace('.', '/')}.py").is_file():
        raise ImportError(f"clone {address} and set {variable} to its folder")
    sys.path.insert(0, folder)
    with printing_nothing():
        return importlib.import_module(module)


def printing_nothing():
    """A context in which modules print nothing, as these do while they are built."""
    return contextlib.redirect_stdout(io.StringIO())


def options(**values) -> SimpleNamespace:
    """Options as a command line gives them."""
    return SimpleNamespace(**values)


def enlarged(scores, size):
    """Scores [B, classes, h, w] at a larger size, corners aligned: [B, classes, *size]."""
    import torch

    return torch.nn.functional.interpolate(scores, size, mode="bilinear", align_corners=True)
