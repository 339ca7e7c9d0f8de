"""Int8 and float16 versions of an exported graph, gated on mIoU.

Int8 is QDQ: QuantizeLinear and DequantizeLinear around float operators, with a scale for each channel of the
weights and ranges of the activations measured on images. TensorRT wants zero points of 0 and biases in
float; ONNX Runtime on a CPU is faster with unsigned bytes, zero points, and operators between convolutions
quantized as well.
"""

import logging
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from common.errors import UserError
from deploy import onnx_samples
from inference import onnx_tail
from inference.graph_interface import GraphInterface

CONVOLUTIONS = ["Conv", "ConvTranspose"]
BETWEEN = ["Add", "AveragePool", "Concat", "MaxPool", "Relu", "Resize"]
AT_A_TIME = 3  # layers put back to float, with those before them, after a round that lost too much
ROUNDS = 4
NAMED = 5  # layers in a message


@dataclass(frozen=True)
class Target:
    """How a machine wants its int8.

    Attributes:
        activations: their type.
        symmetric: zero points are 0.
        bias: biases are int32 instead of float32.
        operators: what is quantized.
    """

    activations: QuantType
    symmetric: bool
    bias: bool
    operators: list[str]


TARGETS = {
    "tensorrt": Target(QuantType.QInt8, symmetric=True, bias=False, operators=CONVOLUTIONS),
    "cpu": Target(QuantType.QUInt8, symmetric=False, bias=True, operators=["Conv", *BETWEEN]),
}


@dataclass(frozen=True)
class Quantized:
    """An int8 graph.

    Attributes:
        model: the graph.
        miou: its mean IoU, 0..1.
        kept: convolutions left in float, because they hurt.
    """

    model: onnx.ModelProto
    miou: float
    kept: list[str]


class Images(CalibrationDataReader):
    """Images uint8 [N, H, W, 3] as a graph's inputs, one batch after the other."""

    def __init__(self, name: str, interface: GraphInterface, images: np.ndarray):
        self._batches = (
            {
                name: interface.arrange(
                    np.resize(images[start : start + interface.batch], (interface.batch, *images.shape[1:]))
                )
            }
            for start in range(0, len(images), interface.batch)
        )

    def get_next(self):
        return next(self._batches, None)


def int8(
    model: onnx.ModelProto,
    interface: GraphInterface,
    target: str,
    images: np.ndarray,
    score: Callable[[onnx.ModelProto], float],
    max_drop: float,
) -> Quantized:
    """Quantize a graph; layers that hurt are put back to float until the loss is small enough.

    Args:
        model: a float32 graph.
        interface: what it takes and returns.
        target: a key of `TARGETS`.
        images: to measure ranges on, uint8 [N, H, W, 3] of the model's size.
        score: mIoU of a graph, 0..1.
        max_drop: of mIoU, in points of 100.

    Raises:
        UserError: more is lost, however many rounds; names the layers with the largest errors.
    """
    before, kept = score(model), []
    for _ in range(ROUNDS):
        made = _quantize(model, interface, TARGETS[target], images, kept)
        after = score(made)
        if _drop(before, after) <= max_drop:
            return Quantized(made, after, kept)
        errors = layer_errors(model, made, interface, images[: interface.batch])
        before_it = predecessors(model)
        added = {
            name: errors[name] - max((errors[p] for p in before_it[name]), default=0.0) for name in errors
        }
        worst = [name for name in sorted(errors, key=added.get, reverse=True) if name not in kept]
        # a layer's error arises where its input is rounded, which the layer before it has done already
        hurt = {name for layer in worst[:AT_A_TIME] for name in (layer, *before_it[layer])}
        kept = [name for name in errors if name in hurt or name in kept]
    named = ", ".join(f"{name} {added[name]:.2f}" for name in worst[:NAMED])
    raise UserError(
        f"int8 {_loss(before, after)}, more than `max_drop` {max_drop}; "
        f"layers that add most error: {named}; no file written"
    )


def float16(
    model: onnx.ModelProto, score: Callable[[onnx.ModelProto], float], max_drop: float
) -> tuple[onnx.ModelProto, float]:
    """The graph in float16, float32 at both ends, and its mIoU.

    Raises:
        UserError: more than `max_drop` points of mIoU are lost.
    """
    exact = onnx_samples.exact_nodes(model)
    made = convert_float_to_float16(_copy(model), keep_io_types=True, op_block_list=[], node_block_list=exact)
    if exact:
        _drop_round_trips(made)
    made = _infer(made)
    before, after = score(model), score(made)
    if _drop(before, after) > max_drop:
        raise UserError(f"float16 {_loss(before, after)}, more than `max_drop` {max_drop}; no file written")
    return made, after


def _drop_round_trips(model) -> None:
    """Join neighbours in float32, between which the library rounds to float16, and put nodes in order."""
    graph = OnnxModel(model)
    makers = graph.output_name_to_node()
    ends = {value.name for value in model.graph.output}
    for back in [node for node in model.graph.node if _casts_to(node, onnx.TensorProto.FLOAT)]:
        there = makers.get(back.input[0])
        if there is None or not _casts_to(there, onnx.TensorProto.FLOAT16):
            continue
        source, result = there.input[0], back.output[0]
        if result in ends:
            graph.remove_node(back)
            graph.replace_output_of_all_nodes(source, result)
            graph.replace_input_of_all_nodes(source, result)
        else:
            graph.replace_input_of_all_nodes(result, source)
    graph.prune_graph()
    graph.topological_sort()


def _casts_to(node, kind: int) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == kind


def layer_errors(model, quantized, interface: GraphInterface, images: np.ndarray) -> dict[str, float]:
    """Relative error of each convolution's output in a quantized graph, of the 2-norm, with equal masks."""
    feed = {model.graph.input[0].name: interface.arrange(images)} | onnx_samples.draw(model)
    exact, rough = (_convolutions(onnx_samples.pinned(graph), feed) for graph in (model, quantized))
    return {
        name: float(np.linalg.norm(rough[name] - exact[name]) / max(np.linalg.norm(exact[name]), 1e-12))
        for name in exact
    }


def predecessors(model) -> dict[str, set[str]]:
    """The convolutions whose outputs reach each convolution without another one between."""
    reaching, found = {}, {}  # tensor or node -> names of convolutions
    for node in model.graph.node:  # inputs precede what is made of them
        names = set().union(*(reaching.get(name, set()) for name in node.input))
        if node.op_type in CONVOLUTIONS:
            found[node.name] = names
            names = {node.name}
        reaching |= dict.fromkeys(node.output, names)
    return found


def _convolutions(model, feed) -> dict[str, np.ndarray]:
    copy = _copy(model)
    nodes = [node for node in copy.graph.node if node.op_type in CONVOLUTIONS]
    del copy.graph.output[:]
    for node in nodes:
        copy.graph.output.append(
            onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)
        )
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip((node.name for node in nodes), session.run(None, feed)))


def _quantize(model, interface, target: Target, images, kept):
    model = _copy(model)  # whose data the library moves to files
    if target.operators != CONVOLUTIONS:  # logits at full size are many, and would be rounded for nothing
        kept = kept + onnx_tail.channels_last(model)
        model = _infer(model)
    with tempfile.TemporaryDirectory() as folder, _no_advice():
        path = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            path,
            Images(model.graph.input[0].name, interface, images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=target.operators,
            per_channel=True,
            activation_type=target.activations,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
            extra_options={
                "ActivationSymmetric": target.symmetric,
                "WeightSymmetric": True,
                "QuantizeBias": target.bias,
            },
        )
        return _infer(onnx.load(path))


@contextmanager
def _no_advice():
    """Without the library's advice to prepare the graph, which `deploy.onnx_graph` has done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _infer(model):
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _copy(model):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _drop(before: float, after: float) -> float:
    return 100 * (before - after)


def _loss(before: float, after: float) -> str:
    points = f"{_drop(before, after):.1f} points of mIoU ({100 * before:.1f} to {100 * after:.1f})"
    return f"loses {points}"
