"""Reads PyTorch's files of weights as NumPy arrays: tensors only, never code.

A file may be a stranger's: sizes are checked before anything is allocated, and nothing is unpickled but
tensors (`torch.load(weights_only=True)`). `.safetensors` is read without PyTorch.
"""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np

from common.errors import UserError

SAFETENSORS = ".safetensors"
SUFFIXES = (".pth", ".pt", ".bin", SAFETENSORS)
IN_FOLDERS = ("model.safetensors", "pytorch_model.bin")  # as `save_pretrained` calls them
MOST_BYTES = 2**32  # of a whole file, far above any model's here
MOST_HEADER = 2**24  # of a safetensors file; 60,000 tensors
LONGEST_KEY = 512  # characters
NESTED = ("state_dict", "model_state_dict", "model")  # where checkpoints keep the tensors


def find(path: Path) -> Path | None:
    """The PyTorch file that a path means: itself, or the one in a folder of `save_pretrained`; else None."""
    path = Path(path)
    if path.is_dir():
        return next((path / name for name in IN_FOLDERS if (path / name).is_file()), None)
    return path if path.suffix.lower() in SUFFIXES and path.is_file() else None


def read(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a file by their keys, in the file's order.

    Raises:
        UserError: not readable, not whole, larger than any model, or not of tensors alone.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UserError(f"{path} has {size >> 30} GiB, more than any model here; use another file")
        return _safetensors(path, size) if path.suffix.lower() == SAFETENSORS else _torch(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; copy it again") from error


def _safetensors(path: Path, size: int) -> dict[str, np.ndarray]:
    _require_sane_header(path, size)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError) as error:
        raise UserError(f"{path} is no whole safetensors file ({_short(error)}); copy it again") from error


def _require_sane_header(path: Path, size: int) -> None:
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(MOST_HEADER, size - 8):
            raise UserError(
                f"{path} is no whole safetensors file: its header claims {length} bytes, the file has {size}"
            )
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise UserError(f"{path} is no safetensors file: its header is no JSON; copy it again") from error
    _require_sane_keys(path, header)


def _torch(path: Path) -> dict[str, np.ndarray]:
    _require_sane_zip(path)
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path} needs PyTorch to be read: pip install -c constraints.txt -e .[torch], or convert it to "
            "safetensors elsewhere"
        ) from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} holds more than tensors, which is not loaded from a file that may be a stranger's; save "
            "its state_dict() alone"
        ) from error
    except (RuntimeError, ValueError, EOFError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise UserError(f"{path} is no whole PyTorch file ({_short(error)}); copy it again") from error
    return {key: _array(tensor) for key, tensor in _tensors(content, path).items()}


def _tensors(content, path: Path) -> dict:
    """The state dict in what a file holds: at the top, or under one of the usual names."""
    import torch

    for name in NESTED:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no state dict of tensors; save model.state_dict()")
    _require_sane_keys(path, content)
    tensors = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise UserError(f"{path} holds no tensors; save model.state_dict()")
    return tensors


def _array(tensor) -> np.ndarray:
    import torch

    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def _require_sane_zip(path: Path) -> None:
    """Refuse archives whose parts claim more bytes than the file has: PyTorch's are not compressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile:
        return  # PyTorch's format before 1.6, or damaged: torch.load tells
    if claimed > MOST_BYTES:
        raise UserError(f"{path} claims {claimed >> 30} GiB, more than any model here; use another file")


def _require_sane_keys(path: Path, keys) -> None:
    longest = max((key for key in keys if isinstance(key, str)), key=len, default="")
    if len(longest) > LONGEST_KEY:
        raise UserError(f"{path} has a key of {len(longest)} characters, no model's; use another file")


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:120] or type(error).__name__
