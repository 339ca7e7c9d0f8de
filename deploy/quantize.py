"""Int8 and float16 versions of an exported graph, gated on labels and mIoU.

TensorRT wants int8 with zero points of 0 and biases in float; ONNX Runtime on a CPU is faster with unsigned
bytes, zero points, and operators between convolutions quantized as well; see `deploy.qdq`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from tqdm import tqdm

from common.errors import UserError
from deploy import onnx_samples
from deploy.qdq import TARGETS, Judge, Quantizer, by_harm, infer
from inference.graph_interface import GraphInterface

JUDGED = 4  # images that labels are compared on
RANKED = 1  # images that the harm of each convolution is measured on
NAMED = 5  # convolutions in a message


@dataclass(frozen=True)
class Gate:
    """What an int8 graph has to keep.

    Attributes:
        agreement: least share of pixels with the label of float32, 0..1; 0 does not look.
        score: mIoU of a graph, 0..1; None does not look.
        max_drop: of mIoU, in points of 100.
    """

    agreement: float = 0.98
    score: Callable[[onnx.ModelProto], float] | None = None
    max_drop: float = 1.0


@dataclass(frozen=True)
class Quantized:
    """An int8 graph.

    Attributes:
        model: the graph.
        agreement: share of pixels with the label of float32, 0..1; None where the gate does not look.
        miou: its mean IoU, 0..1; None where the gate does not look.
        kept: convolutions left in float, because they hurt.
    """

    model: onnx.ModelProto
    agreement: float | None
    miou: float | None
    kept: list[str]


def int8(
    model: onnx.ModelProto, interface: GraphInterface, target: str, images: np.ndarray, gate: Gate
) -> Quantized:
    """Quantize a graph; as few convolutions as the gate allows stay in float, those that hurt most.

    Args:
        model: a float32 graph.
        interface: what it takes and returns.
        target: a key of `deploy.qdq.TARGETS`.
        images: to measure ranges and to compare labels on, uint8 [N, H, W, 3] of the model's size.
        gate: what has to be kept.

    Raises:
        UserError: no convolution can be in int8; names those that hurt most.
    """
    quantizer = Quantizer(model, interface, TARGETS[target], images)
    judge = Judge(model, interface, spread(images, JUDGED)) if gate.agreement else None
    before = gate.score(model) if gate.score else 0.0

    def attempt(kept: Collection[str]) -> tuple[Quantized, bool]:
        made = quantizer.without(kept)
        floats = [name for name in quantizer.parts if name in kept]
        agreement = judge.agreement(made) if judge else None
        if judge and agreement < gate.agreement:
            return Quantized(made, agreement, None, floats), False
        miou = gate.score(made) if gate.score else None
        passed = miou is None or _drop(before, miou) <= gate.max_drop
        return Quantized(made, agreement, miou, floats), passed

    found, passed = attempt(())
    if passed:
        return found
    ranked = by_harm(quantizer, Judge(model, interface, spread(images, RANKED)))
    with tqdm(desc="how many in float", unit="try", leave=False, disable=None) as bar:

        def of_count(count: int) -> tuple[Quantized, bool]:
            bar.update()
            bar.set_postfix_str(f"{count} of {len(ranked)}")
            return attempt(set(ranked[:count]))

        best = fewest(of_count, len(ranked))
    if len(best.kept) == len(quantizer.parts):
        loss = f"agrees in {100 * found.agreement:.1f} % of the pixels" if found.miou is None else ""
        raise UserError(
            f"int8 {loss or _loss(before, found.miou)}, and every convolution hurts, most of all "
            f"{', '.join(ranked[:NAMED])}; allow more by `max_drop` or `min_agreement`; no file written"
        )
    return best


def fewest(attempt: Callable[[int], tuple[Quantized, bool]], most: int) -> Quantized:
    """The result of the smallest number that passes, by doubling and then halving; that of `most` passes."""
    low, high, best = 0, 1, None  # `low` does not pass
    while best is None:
        high = min(high, most)
        found, passed = attempt(high)
        if passed or high == most:
            best = found
        else:
            low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        found, passed = attempt(middle)
        low, high, best = (low, middle, found) if passed else (middle, high, best)
    return best


def spread(images: np.ndarray, count: int) -> np.ndarray:
    """So many of the images, spread over all of them."""
    count = min(count, len(images))
    return images[[number * len(images) // count for number in range(count)]]


def float16(
    model: onnx.ModelProto, score: Callable[[onnx.ModelProto], float], max_drop: float
) -> tuple[onnx.ModelProto, float]:
    """The graph in float16, float32 at both ends, and its mIoU.

    Raises:
        UserError: more than `max_drop` points of mIoU are lost.
    """
    exact = onnx_samples.exact_nodes(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    made = convert_float_to_float16(copy, keep_io_types=True, op_block_list=[], node_block_list=exact)
    if exact:
        _drop_round_trips(made)
    made = infer(made)
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


def _drop(before: float, after: float) -> float:
    return 100 * (before - after)


def _loss(before: float, after: float) -> str:
    points = f"{_drop(before, after):.1f} points of mIoU ({100 * before:.1f} to {100 * after:.1f})"
    return f"loses {points}"
