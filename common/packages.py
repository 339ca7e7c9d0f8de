"""Packages that only some commands need: their lack is told before the work, with what brings them.

Read by Python 3.8 as well, on a Jetson that builds an engine.
"""

from __future__ import annotations

import importlib.util

from common.errors import UserError

TO_RUN_ONNX = ("onnx", "onnxruntime")
TO_WRITE_ONNX = (*TO_RUN_ONNX, "tf2onnx", "tensorflow")
TO_RUN_OPENVINO = ("onnx", "openvino")


def missing(packages: tuple[str, ...]) -> list[str]:
    """Those that Python does not find."""
    return [name for name in packages if importlib.util.find_spec(name) is None]


def require(what: str, packages: tuple[str, ...], extra: str) -> None:
    """Raise UserError unless `packages` are installed, which `what` needs and setup.cfg's `extra` brings."""
    if lacking := missing(packages):
        raise UserError(f"{what} needs {', '.join(lacking)}; `pip install -c constraints.txt -e .[{extra}]`")
