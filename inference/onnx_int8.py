"""Int8 graphs on processors without instructions for them.

x86 processors before VNNI add pairs of products of an unsigned and a signed byte in 16 bits, where two
large ones do not fit and the largest number is taken instead (ONNX Runtime's documentation, "Quantize ONNX
models"). Weights of 7 bits fit. TensorRT's graphs have weights of 8 bits: they are calculated in float there.
"""

import platform

import onnx
from onnx import TensorProto

from common.environment import cpu_features

WHOLE = {"avx_vnni", "avx512_vnni", "amx_int8"}  # instructions that add in 32 bits


def saturates() -> bool:
    """Whether sums of int8 products can overflow on this processor."""
    return platform.machine() in ("x86_64", "AMD64") and not WHOLE & {*cpu_features()}


def is_for_tensorrt(model: onnx.ModelProto) -> bool:
    """Whether activations are signed bytes, as TensorRT wants them."""
    signed = {c.name for c in model.graph.initializer if c.data_type == TensorProto.INT8}
    return any(
        node.op_type == "QuantizeLinear" and len(node.input) == 3 and node.input[2] in signed
        for node in model.graph.node
    )
