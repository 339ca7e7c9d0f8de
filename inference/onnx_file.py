"""ONNX files from anyone: read without following paths out of their folder, and checked for what they are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from common.errors import UserError
from data import label_sets
from data.label_sets import LabelSet
from data.png import MAX_PIXELS
from inference.graph_interface import LABELS, LOGITS, PROBABILITIES, GraphInterface

MAX_BYTES = 2**31  # protobuf's own limit


@dataclass(frozen=True)
class Signature:
    """What goes in and out of a graph.

    Attributes:
        name: of the input.
        output: name of the output.
        returns_probabilities: the output are probabilities, not logits or labels.
        labels: name of the output that holds labels; see `with_labels`.
        size: (height, width) in pixels.
        interface: of both.
        label_set: the classes that it tells apart.
    """

    name: str
    output: str
    returns_probabilities: bool
    labels: str
    size: tuple[int, int]
    interface: GraphInterface
    label_set: LabelSet


def read(path: Path) -> onnx.ModelProto:
    """Read an ONNX file, with the data that it keeps in files beside it.

    Raises:
        UserError: no file, not ONNX, damaged, or data that lies outside the file's folder.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no ONNX file at {path}; correct `source`, or make one with convert_to_onnx.py")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES >> 30} GiB: no model of this project")
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise UserError(f"{path} is not readable as ONNX ({error}); copy it again") from error
    if not model.graph.node:
        raise UserError(f"{path} is not readable as ONNX (it holds no graph); copy it again")
    outside = [tensor for tensor in tensors(model.graph) if tensor.data_location == TensorProto.EXTERNAL]
    for tensor in outside:
        _require_inside(tensor, path)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path} is damaged ({reason}); convert or copy it again") from error
    return model


def tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Every constant of a graph, of its nodes' attributes and of the graphs in these."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for inner in (attribute.g, *attribute.graphs):
                yield from tensors(inner)


def _require_inside(tensor: TensorProto, path: Path) -> None:
    """Raise UserError unless a tensor's data lie in a plain file in or below the model's folder."""
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    folder = path.parent.resolve()
    target = (folder / location).resolve()  # through links
    if not location or not target.is_relative_to(folder) or not target.is_file():
        raise UserError(f"{path}: '{tensor.name}' points to {location!r}, no file in its folder; refused")


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    """The file's own notes: `model`, `classes`, `palette` and more, see `deploy.export`."""
    return {entry.key: entry.value for entry in model.metadata_props}


def label_set(model: onnx.ModelProto, source) -> LabelSet:
    """The classes that a graph tells apart; a file that does not say is of Cityscapes.

    Raises:
        UserError: the file says something else.
    """
    try:
        return label_sets.from_json(json.loads(metadata(model).get("label_set", "null")))
    except ValueError as error:
        raise UserError(f"{source} has metadata of another version ({error}); convert it anew") from error


def signature(model: onnx.ModelProto, source) -> Signature:
    """What a graph takes and returns.

    Raises:
        UserError: it is no segmentation model of its label set's classes with static shapes.
    """
    labels_of = label_set(model, source)
    classes = labels_of.classes
    wanted = "need one image in, logits or labels out, with sizes that are fixed; convert it anew"
    graph = model.graph
    constants = {constant.name for constant in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise UserError(f"{source} has {len(inputs)} inputs and {len(graph.output)} outputs; {wanted}")
    image, output = inputs[0], graph.output[0]
    given, returned = _shape(image), _shape(output)
    layout = next((name for name, axis in (("nhwc", 3), ("nchw", 1)) if given[axis : axis + 1] == (3,)), None)
    if (
        len(given) != 4
        or layout is None
        or min(given) < 1
        or given[0] * given[1] * given[2] * given[3] > 3 * MAX_PIXELS
    ):
        raise UserError(f"{source} takes {list(given)}; {wanted}")
    size = given[1:3] if layout == "nhwc" else given[2:]
    shapes = {
        (LABELS, "nhwc"): (given[0], *size),
        (LOGITS, "nhwc"): (given[0], *size, classes),
        (LOGITS, "nchw"): (given[0], classes, *size),
    }
    kind = next((key for key, shape in shapes.items() if shape == returned), None)
    if kind is None:
        raise UserError(f"{source} returns {list(returned)} for {list(given)}; {wanted}")
    interface = GraphInterface(
        batch=given[0],
        layout=layout,
        float_input=image.type.tensor_type.elem_type == TensorProto.FLOAT,
        argmax=kind[0] == LABELS,
        dropout_passes=int(passes) if (passes := metadata(model).get("samples", "")).isdecimal() else 0,
    )
    labels = output.name if interface.argmax else "labels_of_logits"
    soft = output.name == PROBABILITIES
    return Signature(image.name, output.name, soft, labels, tuple(size), interface, labels_of)


def _shape(value) -> tuple[int, ...]:
    return tuple(size.dim_value for size in value.type.tensor_type.shape.dim)


def with_labels(model: onnx.ModelProto, found: Signature) -> onnx.ModelProto:
    """The graph with labels out, uint8 [N, H, W]: its own, or the arg-max of its logits."""
    if found.interface.argmax:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    channels = _shape(copy.graph.output[0]).index(found.label_set.classes)
    copy.graph.node.extend(
        [
            helper.make_node("ArgMax", [found.output], [f"{found.labels}/index"], axis=channels, keepdims=0),
            helper.make_node("Cast", [f"{found.labels}/index"], [found.labels], to=TensorProto.UINT8),
        ]
    )
    shape = (found.interface.batch, *found.size)
    copy.graph.output[0].CopyFrom(helper.make_tensor_value_info(found.labels, TensorProto.UINT8, shape))
    return copy
