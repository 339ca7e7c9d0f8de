"""PyTorch files that nobody should load, and damaged ones; each writes one and returns its path."""

import json
import os
import pickle
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import torch

LONG_KEY = "k" * 10**7
TERABYTE = 2**40


class Command:
    """Unpickled, it would run a command."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


class Process:
    """Unpickled, it would start a process."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return subprocess.Popen, (["touch", self.mark],)


class Log:
    """Unpickled, it would ask what a command has returned for an attribute."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return getattr, (Command(self.mark), "real")


def small(path: Path) -> Path:
    """A sound file of one small tensor."""
    torch.save({"a.weight": torch.arange(300.0)}, path)
    return path


def rewritten(path: Path, change, compression=zipfile.ZIP_STORED) -> Path:
    """The same with `change(name, content)` as the content of each part."""
    with zipfile.ZipFile(small(path)) as archive:
        parts = {part.filename: archive.read(part) for part in archive.infolist()}
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content))
    return path


def command_in_zip(folder: Path) -> Path:
    path = folder / "command.pth"
    torch.save({"a.weight": torch.zeros(2), "b": Command(folder / "mark")}, path)
    return path


def process_in_zip(folder: Path) -> Path:
    path = folder / "process.pth"
    torch.save({"a.weight": torch.zeros(2), "b": Process(folder / "mark")}, path)
    return path


def command_in_pickle(folder: Path) -> Path:
    path = folder / "bare.pth"
    path.write_bytes(pickle.dumps(Command(folder / "mark"), 2))
    return path


def command_before_zip(folder: Path) -> Path:
    path = folder / "old.pth"
    torch.save({"b": Command(folder / "mark")}, path, _use_new_zipfile_serialization=False)
    return path


def terabyte_storage(folder: Path) -> Path:
    """300 elements become a thousand million in the list of tensors."""
    number = (300).to_bytes(2, "little")
    claimed = (10**9).to_bytes(4, "little")

    def change(name, content):
        return content.replace(b"M" + number, b"J" + claimed) if name.endswith(".pkl") else content

    return rewritten(folder / "storage.pth", change)


def terabyte_tensor(folder: Path) -> Path:
    """One number, spread over a terabyte of them by strides of 0."""
    path = folder / "spread.pth"
    torch.save({"a.weight": torch.zeros(1).expand(2**20, 2**20)}, path)
    return path


def truncated(folder: Path) -> Path:
    path = small(folder / "truncated.pth")
    path.write_bytes(path.read_bytes()[:-100])
    return path


def bomb(folder: Path) -> Path:
    return rewritten(
        folder / "bomb.pth",
        lambda name, content: bytes(2**29) if "/data/" in name else content,
        zipfile.ZIP_DEFLATED,
    )


def long_key(folder: Path) -> Path:
    path = folder / "key.pth"
    torch.save({LONG_KEY: torch.zeros(2)}, path)
    return path


def many_objects(folder: Path) -> Path:
    """A short file from which unpickling makes gigabytes of empty dicts."""
    return rewritten(
        folder / "objects.pth", lambda name, content: b"}" * 2**23 if name.endswith(".pkl") else content
    )


def many_objects_in_a_log(folder: Path) -> Path:
    """The same behind a long text, as which the log of a training is written."""
    text = b"X" + (2**23).to_bytes(4, "little") + b"a" * 2**23
    return rewritten(
        folder / "log_objects.pth",
        lambda name, content: b"\x80\x02" + text + b"}" * 2**22 if name.endswith(".pkl") else content,
    )


def long_log(folder: Path) -> Path:
    """Texts of 100 MiB."""
    text = b"X" + (25 * 2**20).to_bytes(4, "little") + b"a" * (25 * 2**20)
    return rewritten(
        folder / "long_log.pth",
        lambda name, content: b"\x80\x02" + 4 * text if name.endswith(".pkl") else content,
    )


def command_in_a_log(folder: Path) -> Path:
    """What is called in the place of a log's own constructor is passed over; its argument is not."""
    path = folder / "log.pth"
    torch.save({"a.weight": torch.zeros(2), "log": Log(folder / "mark")}, path)
    return path


def many_objects_before_zip(folder: Path) -> Path:
    """The same with numbers, in the format before PyTorch 1.6."""
    path = folder / "old_objects.pth"
    torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    begin = whole.index(b"X\x01\x00\x00\x00a")  # the key
    path.write_bytes(whole[:begin] + b"J\0\0\0\0" * 2**20 + whole[begin:])
    return path


def just_as_many_objects_as_allowed(folder: Path) -> Path:
    return rewritten(
        folder / "most.pth",
        lambda name, content: b"\x80\x02" + b"}" * (2**21 - 2) if name.endswith(".pkl") else content,
    )


def text(folder: Path) -> Path:
    path = folder / "text.bin"
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    return path


def empty(folder: Path) -> Path:
    path = folder / "empty.pt"
    path.write_bytes(b"")
    return path


def no_tensors(folder: Path) -> Path:
    path = folder / "numbers.pth"
    torch.save({"epoch": 3, 7: torch.zeros(1)}, path)
    return path


def sparse(folder: Path) -> Path:
    path = folder / "sparse.pth"
    torch.save({"a": torch.sparse_coo_tensor([[0]], [1.0], (2**40,), check_invariants=True)}, path)
    return path


def safetensors(path: Path, header, data=b"", length=None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def tensor(begin, end, shape=(2,), dtype="F32") -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def gigabyte_header(folder: Path) -> Path:
    return safetensors(folder / "header.safetensors", {"a": tensor(0, 8)}, bytes(8), length=2**30)


def overlapping(folder: Path) -> Path:
    header = {"a": tensor(0, 8), "b": tensor(4, 12)}
    return safetensors(folder / "overlapping.safetensors", header, bytes(12))


def out_of_range(folder: Path) -> Path:
    header = {"a": tensor(0, TERABYTE, (TERABYTE // 4,))}
    return safetensors(folder / "range.safetensors", header, bytes(8))


def bfloat16_out_of_range(folder: Path) -> Path:
    header = {"a": tensor(0, TERABYTE, (TERABYTE // 2,), "BF16")}
    return safetensors(folder / "bfloat16.safetensors", header, bytes(8))


def nested_header(folder: Path) -> Path:
    return safetensors(folder / "nested.safetensors", b"[" * 10**6)


def list_header(folder: Path) -> Path:
    return safetensors(folder / "list.safetensors", [1, 2])


def long_key_of_safetensors(folder: Path) -> Path:
    return safetensors(folder / "key.safetensors", {LONG_KEY: tensor(0, 8)}, bytes(8))


def escape_key(folder: Path) -> Path:
    return safetensors(
        folder / "escape.safetensors", {"a\x1b[2J": tensor(0, 8)}, np.zeros(2, "<f4").tobytes()
    )


# what the message must say
FILES = {
    command_in_zip: "holds more than tensors",
    process_in_zip: "holds more than tensors",
    command_in_pickle: "no whole PyTorch file",
    command_before_zip: "holds more than tensors",
    terabyte_storage: "no whole PyTorch file",
    terabyte_tensor: "claims tensors of 4096 GiB",
    truncated: "no whole PyTorch file",
    bomb: "a compressed archive",
    long_key: "a key of 10000000 characters",
    many_objects: "beside its tensors",
    many_objects_in_a_log: "beside its tensors",
    long_log: "beside its tensors",
    command_in_a_log: "holds more than tensors",
    many_objects_before_zip: "beside its tensors",
    just_as_many_objects_as_allowed: "no whole PyTorch file",
    text: "no whole PyTorch file",
    empty: "no whole PyTorch file",
    no_tensors: "holds no tensors",
    sparse: "sparse or quantized",
    gigabyte_header: "its header claims 1073741824 bytes",
    overlapping: "no whole safetensors file",
    out_of_range: "no whole safetensors file",
    bfloat16_out_of_range: "no whole safetensors file",
    nested_header: "its header is no JSON",
    list_header: "its header is no JSON",
    long_key_of_safetensors: "a key of 10000000 characters",
    escape_key: "a key that cannot be printed",
}
