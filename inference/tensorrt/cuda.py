"""The few calls of CUDA's runtime that an engine needs, by ctypes: no package to build on a Jetson."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np

from common.errors import UserError

LIBRARIES = (
    "libcudart.so",
    "libcudart.so.11.0",
    "libcudart.so.12",
    "libcudart.so.13",
    "/usr/local/cuda/lib64/libcudart.so",
)
PROPERTIES_BYTES = 4096  # more than cudaDeviceProp has in any version; its first member is the name
TO_DEVICE, TO_HOST = 1, 2


class Cuda:
    """CUDA's runtime library.

    Raises:
        UserError: it is not there, or a call fails.
    """

    def __init__(self):
        self._library = _library()

    def device_name(self) -> str:
        """The name of GPU 0."""
        properties = ctypes.create_string_buffer(PROPERTIES_BYTES)
        new = "cudaGetDeviceProperties_v2"
        self._call(new if hasattr(self._library, new) else "cudaGetDeviceProperties", properties, 0)
        return properties.value.decode()

    def allocate(self, size: int) -> int:
        """Address of `size` bytes on the GPU."""
        address = ctypes.c_void_p()
        self._call("cudaMalloc", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def free(self, address: int) -> None:
        """Give memory back."""
        self._call("cudaFree", ctypes.c_void_p(address))

    def stream(self) -> int:
        """A new stream."""
        stream = ctypes.c_void_p()
        self._call("cudaStreamCreate", ctypes.byref(stream))
        return stream.value

    def wait(self, stream: int) -> None:
        """Return when all work of a stream is done."""
        self._call("cudaStreamSynchronize", ctypes.c_void_p(stream))

    def upload(self, address: int, array: np.ndarray) -> None:
        """Copy a contiguous array to the GPU."""
        self._copy(address, array.ctypes.data, array.nbytes, TO_DEVICE)

    def download(self, array: np.ndarray, address: int) -> None:
        """Fill a contiguous array from the GPU."""
        self._copy(array.ctypes.data, address, array.nbytes, TO_HOST)

    def _copy(self, target: int, source: int, size: int, direction: int) -> None:
        self._call(
            "cudaMemcpy", ctypes.c_void_p(target), ctypes.c_void_p(source), ctypes.c_size_t(size), direction
        )

    def _call(self, name: str, *arguments) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise UserError(
                f"CUDA fails in {name} with status {status}; check the GPU with nvidia-smi or tegrastats"
            )


def _library():
    for name in (*LIBRARIES, ctypes.util.find_library("cudart")):
        try:
            if name:
                return ctypes.CDLL(name)
        except OSError:
            continue
    raise UserError("no CUDA runtime (libcudart.so) here; install CUDA, or set LD_LIBRARY_PATH to its folder")
