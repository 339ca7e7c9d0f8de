"""Reads PyTorch's files of weights as NumPy arrays: tensors only, never code.

A file may be a stranger's: sizes are checked before anything is allocated, and nothing is unpickled but
tensors (`torch.load(weights_only=True)`). `.safetensors` is read without PyTorch.
"""

import json
import math
import pickle
import pickletools
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import UserError
from models.weights import torch_logs

SAFETENSORS = ".safetensors"
SUFFIXES = (".pth", ".pt", ".bin", SAFETENSORS)
IN_FOLDERS = ("model.safetensors", "pytorch_model.bin")  # as `save_pretrained` calls them
CONFIG = "config.json"  # beside these
MOST_BYTES = 2**32  # of a whole file, far above any model's here
MOST_HEADER = 2**24  # of a safetensors file; 60,000 tensors
MOST_PICKLE = 2**21  # of the pickled list of tensors, 10,000; Python may make 70 times as much of it
MOST_CONFIG = 2**20
LONGEST_KEY = 512  # characters
NESTED = ("state_dict", "model_state_dict", "model")  # where checkpoints keep the tensors
WRAPPERS = ("module.", "model.")  # before all keys, of DataParallel and of Lightning,
BESIDE = ("loss.", "sem_loss.", "bd_loss.")  # but for those of a loss that was saved as well
BEFORE_ZIP = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how files began before PyTorch 1.6
PICKLES = 5  # in such a file: a mark, a version, the machine's kinds of numbers, the tensors, their places
BFLOAT16 = "BF16"


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        tensors: arrays by their keys, in the file's order.
        meta: what a checkpoint of mmsegmentation says of itself; not to be trusted.
        config: the `config.json` beside a file of `save_pretrained`; not to be trusted.
    """

    tensors: dict[str, np.ndarray]
    meta: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)


def find(path: Path) -> Path | None:
    """The PyTorch file that a path means: itself, or the one in a folder of `save_pretrained`; else None."""
    path = Path(path)
    if path.is_dir():
        return next((path / name for name in IN_FOLDERS if (path / name).is_file()), None)
    return path if path.suffix.lower() in SUFFIXES and path.is_file() else None


def read(path: Path) -> Content:
    """All that a file holds.

    Raises:
        UserError: not readable, not whole, larger than any model, or not of tensors alone.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise UserError(f"{path} has {size >> 30} GiB, more than any model here; use another file")
        config = _config(path.with_name(CONFIG)) if path.name in IN_FOLDERS else {}
        if path.suffix.lower() == SAFETENSORS:
            return Content(_unwrapped(_safetensors(path, size)), config=config)
        tensors, meta = _torch(path, size)
        return Content(_unwrapped(tensors), meta, config)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; copy it again") from error


def _config(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > MOST_CONFIG:
            raise ValueError("too long")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON of a model ({_short(error)}); copy it again") from error
    return content


def _safetensors(path: Path, size: int) -> dict[str, np.ndarray]:
    header, begin = _header(path, size)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:  # which checks all shapes and offsets
            return {
                key: _bfloat16(path, header[key], begin)
                if header[key]["dtype"] == BFLOAT16
                else file.get_tensor(key)
                for key in file.keys()  # noqa: SIM118
            }
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is no whole safetensors file ({_short(error)}); copy it again") from error


def _header(path: Path, size: int) -> tuple[dict, int]:
    """What a safetensors file says of its tensors, and where the first begins."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(MOST_HEADER, size - 8):
            raise UserError(
                f"{path} is no whole safetensors file: its header claims {length} bytes, the file has {size}"
            )
        try:
            header = json.loads(file.read(length))
            if not isinstance(header, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path} is no safetensors file: its header is no JSON; copy it again") from error
    _require_sane_keys(path, header)
    return header, 8 + length


def _bfloat16(path: Path, tensor: dict, begin: int) -> np.ndarray:
    """A tensor of a kind that NumPy lacks, the upper halves of float32, as float32."""
    count = math.prod(tensor["shape"])
    halves = np.fromfile(path, "<u2", count, offset=begin + tensor["data_offsets"][0])
    return (halves.astype(np.uint32) << 16).view(np.float32).reshape(tensor["shape"])


def _torch(path: Path, size: int) -> tuple[dict[str, np.ndarray], dict]:
    _require_sane_archive(path, size)
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path} needs PyTorch to be read: pip install -c constraints.txt -e .[torch], or convert it to "
            "safetensors elsewhere"
        ) from error
    try:
        with torch_logs.passed_over():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} holds more than tensors, which is not loaded from a file that may be a stranger's; save "
            "its state_dict() alone"
        ) from error
    except Exception as error:  # whatever a damaged file makes PyTorch stumble over
        raise UserError(f"{path} is no whole PyTorch file ({_short(error)}); copy it again") from error
    meta = content.get("meta") if isinstance(content, dict) else None
    tensors = {key: _array(tensor) for key, tensor in _tensors(content, path).items()}
    return tensors, meta if isinstance(meta, dict) else {}


def _tensors(content, path: Path) -> dict:
    """The state dict in what a file holds: at the top, or under one of the usual names."""
    import torch

    for name in NESTED:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no state dict of tensors; save model.state_dict()")
    _require_sane_keys(path, content)
    tensors = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }
    if not tensors:
        raise UserError(f"{path} holds no tensors; save model.state_dict()")
    if any(tensor.layout != torch.strided or tensor.is_quantized for tensor in tensors.values()):
        raise UserError(f"{path} holds sparse or quantized tensors; save those of the network in float32")
    # one number can be spread over any shape
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > MOST_BYTES:
        raise UserError(f"{path} claims tensors of {claimed >> 30} GiB; use another file")
    return tensors


def _array(tensor) -> np.ndarray:
    import torch

    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def _require_sane_archive(path: Path, size: int) -> None:
    """Refuse what is no archive of PyTorch's, which are not compressed and whose list of tensors is short."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        if _is_sane_before_zip(path):  # the format of before PyTorch 1.6, which is no archive
            return
        raise UserError(f"{path} is no whole PyTorch file ({_short(error)}); copy it again") from error
    claimed = sum(part.file_size for part in parts)
    if claimed > size or any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise UserError(
            f"{path} is no PyTorch file: a compressed archive that claims {claimed >> 20} MiB; use another"
        )
    for part in parts:
        if part.filename.endswith(".pkl") and part.file_size > MOST_PICKLE:
            with zipfile.ZipFile(path) as archive, archive.open(part) as pickled:
                if not torch_logs.is_log(pickled, part.file_size, MOST_PICKLE):
                    raise _too_much(path, part.file_size)


def _is_sane_before_zip(path: Path) -> bool:
    """Whether a file has the format before PyTorch 1.6: pickles, one after the other, and numbers."""
    with open(path, "rb") as file:
        if file.read(len(BEFORE_ZIP)) != BEFORE_ZIP:
            return False
        try:
            for _ in range(PICKLES - 1):
                pickled = _pickle_length(file)
                if pickled > MOST_PICKLE:
                    break
        except ValueError:
            return False
    if pickled > MOST_PICKLE:
        raise _too_much(path, pickled)
    return True


def _pickle_length(file) -> int:
    """Bytes of the pickle that comes next in a file, read no further than too many; makes no objects."""
    begin = file.tell()
    for _, _, position in pickletools.genops(file):
        if position - begin > MOST_PICKLE:
            break
    return position - begin


def _too_much(path: Path, pickled: int) -> UserError:
    return UserError(
        f"{path} has over {pickled >> 20} MiB beside its tensors, more than any model; save its "
        "state_dict() alone"
    )


def _require_sane_keys(path: Path, keys) -> None:
    longest = max((key for key in keys if isinstance(key, str)), key=len, default="")
    if len(longest) > LONGEST_KEY:
        raise UserError(f"{path} has a key of {len(longest)} characters, no model's; use another file")
    if not all(key.isprintable() for key in keys if isinstance(key, str)):
        raise UserError(f"{path} has a key that cannot be printed, no model's; use another file")


def _unwrapped(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors without the name of what the network was wrapped in."""
    for wrapper in WRAPPERS:
        if all(key.startswith((wrapper, *BESIDE)) for key in tensors):
            tensors = {key.removeprefix(wrapper): array for key, array in tensors.items()}
    return tensors


def _short(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0][:120]
    return "".join(filter(str.isprintable, first)) or type(error).__name__
