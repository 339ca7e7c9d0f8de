"""The TensorRT package where it is installed, and its types of numbers as NumPy's."""

from __future__ import annotations

import numpy as np

from common.errors import UserError

# by name: the package's own `nptype` of 8.5 lacks uint8 and fails with NumPy 1.24, Python 3.8's newest
TYPES = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}


def array_type(kind) -> type:
    """NumPy's type of a `tensorrt.DataType`.

    Raises:
        UserError: NumPy has none.
    """
    if kind.name not in TYPES:
        raise UserError(f"an image or a label map of {kind.name} is none; convert the model anew")
    return TYPES[kind.name]


def tensorrt():
    """The package.

    Raises:
        UserError: not installed.
    """
    try:
        import tensorrt as trt
    except ImportError as error:
        raise UserError(
            "no TensorRT here; on a Jetson `sudo apt install python3-libnvinfer`, else `pip install tensorrt`"
        ) from error
    return trt
