"""A stand-in for the package `tensorrt` that records what it is told, and for a GPU's memory.

Names and signatures are those that the Python APIs of 8.5 and 10 share, for the mapping of arguments alone:
"engines" calculate by a function of NumPy.
"""

import ctypes
from enum import IntEnum
from types import SimpleNamespace

import numpy as np


class BuilderFlag(IntEnum):
    FP16, INT8, GPU_FALLBACK = range(3)


class LayerType(IntEnum):
    CONVOLUTION, QUANTIZE = range(2)


class DataType(IntEnum):
    FLOAT, HALF, INT8, INT32, UINT8, FP8 = range(6)


class Config:
    def __init__(self):
        self.flags, self.limits, self.DLA_core, self.default_device_type = set(), {}, -1, "GPU"
        self.int8_calibrator = self.cache = None

    def set_flag(self, flag):
        self.flags.add(flag)

    def set_memory_pool_limit(self, pool, size):
        self.limits[pool] = size

    def create_timing_cache(self, content):
        return SimpleNamespace(content=content, serialize=lambda: content + b"+measured")

    def set_timing_cache(self, cache, ignore_mismatch):
        assert ignore_mismatch is False
        self.cache = cache
        return not cache.content.startswith(b"of another GPU")

    def get_timing_cache(self):
        return self.cache


class Engine:
    """One tensor in, one out, each (name, shape, DataType); `function` makes one array of the other."""

    num_io_tensors = 2

    def __init__(self, given, returned, function):
        self._tensors, self._function = {"in": given, "out": returned}, function

    def _find(self, name):
        return next((mode, *rest) for mode, (own, *rest) in self._tensors.items() if own == name)

    def get_tensor_name(self, number):
        return [name for name, *_ in self._tensors.values()][1 - number]  # the order is TensorRT's affair

    def get_tensor_mode(self, name):
        return self._find(name)[0]

    def get_tensor_shape(self, name):
        return self._find(name)[1]

    def get_tensor_dtype(self, name):
        return self._find(name)[2]

    def create_execution_context(self):
        addresses = {}

        def execute(stream):
            (source, shape, kind), (target, *_) = self._tensors.values()
            array = np.empty(shape, {DataType.UINT8: np.uint8, DataType.FLOAT: np.float32}[kind])
            ctypes.memmove(array.ctypes.data, addresses[source], array.nbytes)
            result = np.ascontiguousarray(self._function(array))
            ctypes.memmove(addresses[target], result.ctypes.data, result.nbytes)
            return True

        return SimpleNamespace(set_tensor_address=addresses.__setitem__, execute_async_v3=execute)


class HostCuda:
    """`inference.tensorrt.cuda.Cuda` in the memory of the host."""

    def __init__(self):
        self._buffers = []

    def device_name(self):
        return "NVIDIA Tegra Xavier (nvgpu)"

    def allocate(self, size):
        self._buffers.append(ctypes.create_string_buffer(size))
        return ctypes.addressof(self._buffers[-1])

    def upload(self, address, array):
        assert array.flags.c_contiguous
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def download(self, array, address):
        ctypes.memmove(array.ctypes.data, address, array.nbytes)

    def stream(self):
        return 7

    def wait(self, stream):
        assert stream == 7


class Logger:
    WARNING, ERROR = range(2)

    def __init__(self, level):
        pass


def parser_class(seen, faults):
    """A parser that finds these faults in any file."""

    class OnnxParser:
        num_errors = len(faults)

        def __init__(self, network, logger):
            pass

        def parse(self, content):
            seen.parsed = content
            return not faults

        def get_error(self, number):
            return SimpleNamespace(desc=lambda: faults[number])

    return OnnxParser


def package(version="8.5.2.2", layers=(LayerType.CONVOLUTION,), faults=(), engine=b"engine", cores=2):
    """A package of that version; `package.seen` holds what was made: network flags and the configuration.

    `engine` is what a build returns, and an `Engine` what a file is read as.
    """
    seen = SimpleNamespace()

    class Builder:
        num_DLA_cores = cores

        def __init__(self, logger):
            pass

        def create_network(self, flags):
            seen.network_flags = flags
            given = SimpleNamespace(shape=(1, 32, 64, 3), dtype=DataType.UINT8)
            return SimpleNamespace(
                num_layers=len(layers),
                get_layer=lambda number: SimpleNamespace(type=layers[number]),
                get_input=lambda number: given,
            )

        def create_builder_config(self):
            seen.config = Config()
            return seen.config

        def build_serialized_network(self, network, config):
            return engine

    class Runtime:
        def __init__(self, logger):
            seen.runtime = self

        def deserialize_cuda_engine(self, content):
            return engine

    return SimpleNamespace(
        __version__=version,
        seen=seen,
        Builder=Builder,
        OnnxParser=parser_class(seen, faults),
        Logger=Logger,
        Runtime=Runtime,
        TensorIOMode=SimpleNamespace(INPUT="in", OUTPUT="out"),
        BuilderFlag=BuilderFlag,
        LayerType=LayerType,
        MemoryPoolType=SimpleNamespace(WORKSPACE="workspace"),
        DeviceType=SimpleNamespace(DLA="DLA"),
        NetworkDefinitionCreationFlag=SimpleNamespace(EXPLICIT_BATCH=0),
        IInt8EntropyCalibrator2=type("IInt8EntropyCalibrator2", (), {}),
    )
