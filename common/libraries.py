"""Versions of NVIDIA's libraries, asked of the libraries themselves.

Where CUDA comes from a module of the cluster or from JetPack, no Python package tells them.
"""

import ctypes
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """How to ask a library for its version.

    Args:
        files: names it may have, the newest first.
        function: takes a pointer to an int and returns a status, 0 for success; or returns the version.
        by_pointer: which of the two.
        digits: units of the major and the minor version: by (1000, 10) 12040 is 12.4, by (10000, 100)
            90100 is 9.1.0.
        old_digits: the same of versions below 10000, where that differs.
    """

    files: tuple[str, ...]
    function: str
    by_pointer: bool
    digits: tuple[int, int]
    old_digits: tuple[int, int] | None = None

    def version(self, number: int) -> str:
        """The version that a number stands for."""
        major, minor = self.old_digits if self.old_digits and number < 10000 else self.digits
        return f"{number // major}.{number % major // minor}" + (f".{number % minor}" if minor == 100 else "")


CUDA = (1000, 10)
LIBRARIES = {
    "cuda driver": Library(("libcuda.so.1",), "cuDriverGetVersion", True, CUDA),
    "cuda runtime": Library(
        ("libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0"), "cudaRuntimeGetVersion", True, CUDA
    ),
    "cudnn": Library(("libcudnn.so.9", "libcudnn.so.8"), "cudnnGetVersion", False, (10000, 100), (1000, 100)),
    "nccl": Library(("libnccl.so.2",), "ncclGetVersion", True, (10000, 100), (1000, 100)),
    "tensorrt": Library(
        ("libnvinfer.so.10", "libnvinfer.so.8"), "getInferLibVersion", False, (10000, 100), (1000, 100)
    ),
}
# in Horovod's own library, where it is built with them
HOROVOD_PARTS = {"gloo": b"4gloo", "mpi": b"MPI_Allreduce", "nccl": b"ncclAllReduce"}


def versions() -> dict[str, str]:
    """Name -> version of the libraries that this machine's loader finds."""
    found = {name: ask(library) for name, library in LIBRARIES.items()}
    return {name: version for name, version in found.items() if version}


def ask(library: Library, load: Callable = ctypes.CDLL) -> str | None:
    """The version of a library; None where it is not installed or does not tell."""
    for file in library.files:
        try:
            function = getattr(load(file), library.function)
        except (OSError, AttributeError):
            continue
        if not library.by_pointer:
            function.restype = ctypes.c_size_t
            return library.version(function())
        number = ctypes.c_int()
        if function(ctypes.byref(number)) == 0:
            return library.version(number.value)
    return None


def horovod_parts() -> list[str]:
    """What Horovod's operations for TensorFlow are built with: of gloo, mpi, nccl; empty without Horovod."""
    found = importlib.util.find_spec("horovod")
    if not found or not found.submodule_search_locations:
        return []
    for folder in found.submodule_search_locations:
        for library in Path(folder).glob("tensorflow/mpi_lib*.so"):
            content = library.read_bytes()
            return [name for name, symbol in HOROVOD_PARTS.items() if symbol in content]
    return []
