"""What TensorRT's ONNX parser takes: operators, types and restrictions, checked before a file leaves.

The rows are those of onnx-tensorrt's docs/operators.md that both release 8.5-GA (the last for the Jetson
AGX Xavier) and 10.15 support, with the types of the older. Of RandomUniform and RandomUniformLike both say:
FP32 and FP16, and that `seed` is ignored.
"""

import onnx
from onnx import TensorProto, numpy_helper

FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16})
BOOLS = frozenset({TensorProto.BOOL})
ANY = FLOATS | BOOLS | {TensorProto.INT32, TensorProto.INT8}
ENDS = ANY | {TensorProto.UINT8}  # bytes at the graph's two ends only
INDICES = frozenset({TensorProto.INT32, TensorProto.INT64})  # what ArgMax returns

_FLOAT_OPERATORS = """
    Abs Add ArgMax ArgMin AveragePool BatchNormalization Ceil Clip Conv ConvTranspose DepthToSpace
    Div Elu Equal Erf Exp Floor Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    HardSigmoid HardSwish InstanceNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max
    MaxPool Mean Min Mul Neg PRelu Pad Pow QuantizeLinear Reciprocal ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum Relu Resize Round Selu Sigmoid Sign Softmax Softplus SpaceToDepth Sqrt Sub
    Sum Tanh
"""
_ANY_OPERATORS = """
    Concat Expand Flatten Gather Identity Reshape Slice Split Squeeze Tile Transpose Unsqueeze
"""
DRAWING = ("RandomUniform", "RandomUniformLike")

# operator -> types of the tensors that go in (constants such as shapes are not counted)
OPERATORS = {
    **dict.fromkeys(_FLOAT_OPERATORS.split(), FLOATS),
    **dict.fromkeys(_ANY_OPERATORS.split(), ANY),
    **dict.fromkeys(("And", "Not", "Or", "Xor"), BOOLS),
    "Cast": ENDS | INDICES,
    "DequantizeLinear": frozenset({TensorProto.INT8}),
    **dict.fromkeys(DRAWING, FLOATS),
    "Where": FLOATS | BOOLS,
}
RESIZE_MODES = {
    "mode": (b"nearest", b"linear"),
    "coordinate_transformation_mode": (b"half_pixel", b"pytorch_half_pixel", b"asymmetric", b"align_corners"),
}
HIGHEST_OPSET = 17


def violations(model: onnx.ModelProto) -> list[str]:
    """What TensorRT 8.5 or 10 would refuse, each naming its node; empty if nothing.

    Args:
        model: with inferred shapes and types.
    """
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    found = []
    if opsets.get("", 0) > HIGHEST_OPSET:
        found.append(f"opset {opsets['']}: TensorRT 8.5 reads at most {HIGHEST_OPSET}")
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    kinds = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    for node in graph.node:
        for fault in _faults(node, constants, kinds):
            found.append(f"{node.name} ({node.op_type}): {fault}")
    return found


def _faults(node, constants, kinds):
    if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
        return ["TensorRT has no such operator"]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    faults = _type_faults(node, attributes, constants, kinds)
    if node.op_type == "MaxPool" and len(node.output) > 1:
        faults.append("TensorRT returns no Indices")
    if node.op_type in ("MaxPool", "AveragePool") and set(attributes.get("dilations", [1])) != {1}:
        faults.append("TensorRT pools without dilation only")
    if node.op_type == "Resize":
        for name, modes in RESIZE_MODES.items():
            if name in attributes and attributes[name] not in modes:
                faults.append(f"{name} is {attributes[name].decode()}")
    if node.op_type in ("QuantizeLinear", "DequantizeLinear") and len(node.input) > 2:
        zero = constants.get(node.input[2])
        if zero is None or numpy_helper.to_array(zero).any():
            faults.append("the zero point must be the constant 0")
    return faults


def _type_faults(node, attributes, constants, kinds):
    faults = []
    for name in node.input:
        kind = kinds.get(name)
        if name and name not in constants and kind is not None and kind not in OPERATORS[node.op_type]:
            faults.append(f"takes no {TensorProto.DataType.Name(kind).lower()} ('{name}')")
    if node.op_type == "Cast":
        ends = {kinds.get(node.input[0]), attributes["to"]}
        if TensorProto.UINT8 in ends and not FLOATS & ends:
            faults.append("TensorRT makes bytes of floats only, and floats of bytes")
    if node.op_type in DRAWING and attributes.get("dtype", TensorProto.FLOAT) not in FLOATS:
        faults.append(f"draws no {TensorProto.DataType.Name(attributes['dtype']).lower()}")
    return faults
