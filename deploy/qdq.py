"""Int8 forms of a graph, with any of its convolutions in float, and how many labels they change.

QDQ: QuantizeLinear and DequantizeLinear around float operators, with a scale for each channel of the weights
and ranges of the activations that are measured on images, once for all forms.
"""

import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import add_infer_metadata
from tqdm import tqdm

from deploy import onnx_samples
from inference import onnx_int8, onnx_runtime, onnx_shapes, onnx_tail
from inference.graph_interface import GraphInterface

CONVOLUTIONS = ["Conv", "ConvTranspose"]
BETWEEN = ["Add", "AveragePool", "Concat", "MaxPool", "Relu", "Resize"]


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


class Images(CalibrationDataReader):
    """Images uint8 [N, H, W, 3] as a graph's inputs, one batch after the other, with a progress bar.

    The last batch repeats its images until it is full.
    """

    def __init__(self, name: str, interface: GraphInterface, images: np.ndarray, task: str):
        shape = (interface.batch, *images.shape[1:])
        starts = tqdm(range(0, len(images), interface.batch), task, unit="batch", leave=False, disable=None)
        self._feeds = (
            {name: interface.arrange(np.resize(images[start : start + interface.batch], shape))}
            for start in starts
        )

    def __iter__(self):
        return self._feeds

    def get_next(self):
        return next(self._feeds, None)


class Quantizer:
    """Makes int8 forms of a float32 graph.

    Attributes:
        parts: names of the nodes that are quantized together, by that of their convolution; see `parts`.

    Args:
        model: the graph.
        interface: what it takes and returns.
        target: how the machine wants its int8.
        images: to measure ranges on, uint8 [N, H, W, 3] of the model's size.
    """

    def __init__(self, model: onnx.ModelProto, interface: GraphInterface, target: Target, images: np.ndarray):
        self._model, self._target = _copy(model), target
        last = []
        if target.operators != CONVOLUTIONS:  # logits at full size are many, and would be rounded for nothing
            last = onnx_tail.channels_last(self._model)
        self._model = infer(self._model)
        add_infer_metadata(self._model)  # else the library infers shapes again, by files, for each form
        found = [node for node in self._model.graph.node if node.op_type in target.operators]
        self.parts = parts([node for node in found if node.name not in last])
        self._ranges = self._measured(
            Images(model.graph.input[0].name, interface, images, "ranges of activations")
        )

    def quantized(self, convolutions: Iterable[str]) -> onnx.ModelProto:
        """The graph with the parts of these convolutions in int8, and all others in float."""
        nodes = [name for convolution in convolutions for name in self.parts[convolution]]
        if not nodes:
            return _copy(self._model)
        with _no_advice():
            quantizer = QDQQuantizer(
                _copy(self._model),
                per_channel=True,
                reduce_range=not self._target.symmetric and onnx_int8.saturates(),
                weight_qType=QuantType.QInt8,
                activation_qType=self._target.activations,
                tensors_range=self._ranges,
                nodes_to_quantize=nodes,
                nodes_to_exclude=[],
                op_types_to_quantize=self._target.operators,
                extra_options={
                    "ActivationSymmetric": self._target.symmetric,
                    "WeightSymmetric": True,
                    "QuantizeBias": self._target.bias,
                },
            )
            quantizer.model = Indexed(quantizer.model.model)
            quantizer.quantize_model()
        quantizer.model.topological_sort()
        return infer(quantizer.model.model)

    def without(self, kept: Collection[str]) -> onnx.ModelProto:
        """The graph in int8 but for the parts of the convolutions in `kept`."""
        return self.quantized(name for name in self.parts if name not in kept)

    def _measured(self, images: Images):
        with tempfile.TemporaryDirectory() as folder, _no_advice():
            path = Path(folder) / "float.onnx"
            onnx.save(self._model, path)
            calibrator = create_calibrator(
                path, self._target.operators, augmented_model_path=str(Path(folder) / "calibrated.onnx")
            )
            calibrator.collect_data(images)
            return calibrator.compute_data()


class Indexed(ONNXModel):
    """The library's graph, which knows who uses a tensor; its own looks at all nodes each time."""

    def __init__(self, model: onnx.ModelProto):
        super().__init__(model)
        self._users: dict[str, list[onnx.NodeProto]] = {}
        self._names = self.get_initializer_name_set()
        for node in model.graph.node:
            self._use(node)

    def add_node(self, node):
        super().add_node(node)
        self._use(self.model.graph.node[-1])

    def add_initializer(self, tensor):
        if tensor.name not in self._names:
            self._names.add(tensor.name)
            self._check_init(tensor)
            self.model.graph.initializer.append(tensor)

    def replace_input_of_all_nodes(self, old_input_name, new_input_name):
        users = self._users.pop(old_input_name, [])
        for node in users:
            self.replace_node_input(node, old_input_name, new_input_name)
        self._users.setdefault(new_input_name, []).extend(users)

    def replace_input_of_nodes(self, old_input_name, new_input_name, node_names_set):
        super().replace_input_of_nodes(old_input_name, new_input_name, node_names_set)
        users = [node for node in self._users.get(old_input_name, ()) if node.name in node_names_set]
        self._users.setdefault(new_input_name, []).extend(users)

    def _use(self, node: onnx.NodeProto) -> None:
        for name in dict.fromkeys(node.input):
            self._users.setdefault(name, []).append(node)


class Judge:
    """Tells how many pixels have the label that the float32 graph gives, with equal masks of dropout.

    Args:
        model: the float32 graph.
        interface: what it takes and returns.
        images: uint8 [N, H, W, 3] of the model's size.
    """

    def __init__(self, model: onnx.ModelProto, interface: GraphInterface, images: np.ndarray):
        self._interface = interface
        batches = Images(model.graph.input[0].name, interface, images, "labels of float32")
        self._feeds = [feed | onnx_samples.draw(model) for feed in batches]
        self._expected = list(self._labels(model))

    def agreement(self, model: onnx.ModelProto) -> float:
        """The share of pixels, 0..1."""
        return float(np.mean([(a == b).mean() for a, b in zip(self._labels(model), self._expected)]))

    def _labels(self, model: onnx.ModelProto) -> Iterator[np.ndarray]:
        session = onnx_runtime.session(onnx_samples.pinned(model), "the int8 graph", "cpu")
        axis = 1 if self._interface.layout == "nchw" else -1
        for feed in self._feeds:
            (found,) = session.run(None, feed)
            yield found if self._interface.argmax else found.argmax(axis).astype(np.uint8)


def by_harm(quantizer: Quantizer, judge: Judge) -> list[str]:
    """The convolutions, those first that change most labels if their part alone is in int8."""
    progress = tqdm(quantizer.parts, "harm of each convolution", unit="layer", leave=False, disable=None)
    agreements = {name: judge.agreement(quantizer.quantized([name])) for name in progress}
    return sorted(agreements, key=agreements.get)


def parts(nodes: Iterable[onnx.NodeProto]) -> dict[str, list[str]]:
    """Names of nodes by convolutions: each with what follows up to the next one, in the graph's order.

    The first one has what comes before it as well.
    """
    found, part = {}, []
    for node in nodes:
        if node.op_type in CONVOLUTIONS:
            part = found[node.name] = [] if found else part
        part.append(node.name)
    return found


@contextmanager
def _no_advice():
    """Without the library's advice to prepare the graph, which `deploy.onnx_graph` has done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def infer(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with all shapes and types inferred anew."""
    del model.graph.value_info[:]
    onnx_shapes.infer(model, data_prop=True)
    return model


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
