"""From a weights file to an ONNX graph that has passed every check."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

import models
from common.errors import UserError
from data import png
from data.augment import resize_image
from data.label_sets import require_same_classes
from data.samples import Sample
from deploy import export, operators, parity, sample_parity
from evaluation.confusion import confusion_matrix, mean_iou
from inference import image_files, refinement
from inference.graph_interface import GraphInterface
from inference.keras_runtime import KerasRuntime
from inference.onnx_runtime import OnnxRuntime
from inference.segment import segment
from models.weights import run_files
from models.weights.loading import load_network
from models.weights.native import Origin


@dataclass(frozen=True)
class Conversion:
    """A graph that agrees with its Keras model.

    Attributes:
        model: the graph.
        network: the Keras model.
        parity: how they compare.
        interface: what the graph takes and returns.
        origin: of the weights.
        home: the run's folder, or that of the weights file.
    """

    model: onnx.ModelProto
    network: object
    parity: parity.Parity | sample_parity.SampledParity
    interface: GraphInterface
    origin: Origin
    home: Path

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return tuple(self.network.input_shape[1:3])

    def default_path(self, precision: str = "") -> Path:
        """Where the file goes unless told otherwise."""
        return self.home / self.interface.file_name(self.origin.model, self.size, precision)


def convert(
    source: Path, model: str | None, size: tuple[int, int] | None, interface: GraphInterface, samples=()
) -> Conversion:
    """Convert weights and check the result.

    Args:
        source, model, size: see `models.weights.loading.load_network`.
        interface: what the graph takes and returns.
        samples: images to compare on; without any, those of the synthetic town.

    Raises:
        UserError: weights that cannot be loaded, an operator that TensorRT lacks, or outputs that differ.
    """
    network, origin = load_network(source, model, size)
    refinement.require_none(origin.model, source)
    if samples:
        require_same_classes(origin.label_set, source, samples[0].label_set, samples[0].image)
    size = tuple(network.input_shape[1:3])
    home = run_files.home(Path(source))
    graph = export.export(network, interface, origin.label_set, about(origin, home))
    require_operators(graph)
    measure = sample_parity.measure if interface.dropout_passes else parity.measure
    images = parity.sample_images(size, samples)
    found = measure(graph, network, interface, origin.label_set, images)
    parity.require(found, "the exported graph")
    return Conversion(graph, network, found, interface, origin, home)


def about(origin, home: Path) -> dict:
    """What the metadata say of the model's making."""
    from common.environment import git_state

    is_run = run_files.is_run(home)
    return {
        "model": origin.model,
        "model_options": origin.options,
        "backbone": models.options_of(origin.model, origin.options).get("encoder"),
        "training_run": home.resolve().name if is_run else None,
        "training_config": (home / run_files.CONFIG).read_text() if is_run else None,
        "code_version": git_state().get("commit"),
        "precision": "float32",
    }


def require_operators(model: onnx.ModelProto) -> None:
    """Raise UserError, naming the first node, unless TensorRT 8.5 and 10 take the graph."""
    found = operators.violations(model)
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise UserError(
            f"TensorRT would refuse the graph: {found[0]}{more}; export with other options, or another model"
        )


def miou(runtime, samples: list[Sample]) -> float:
    """Mean IoU of the runtime's classes over labelled images, at the labels' resolution, 0..1."""
    classes = runtime.label_set.classes
    matrix = np.zeros((classes, classes), np.int64)
    for sample in samples:
        truth = sample.scored_ids()
        prediction = segment(runtime, sample.decode_image())
        png.require_equal_size(prediction.shape, sample.image, truth.shape, sample.label)
        matrix += confusion_matrix(truth, prediction, classes)
    return mean_iou(matrix)


def scores(made: Conversion, samples) -> tuple[float, float]:
    """mIoU of the Keras model and of the graph."""
    from common.devices import prepare

    keras = KerasRuntime(made.network, prepare(), made.origin.label_set)
    keras = keras.sampling(made.interface.dropout_passes) if made.interface.dropout_passes else keras
    return miou(keras, samples), miou(OnnxRuntime(made.model, "the exported graph"), samples)


def int8(
    made: Conversion,
    interface: GraphInterface,
    target: str,
    paths: list[Path],
    samples,
    max_drop: float,
    min_agreement: float,
):
    """The graph in int8, see `deploy.quantize.int8`, checked for its target.

    Args:
        made: the float32 graph.
        interface: what it takes and returns.
        target: a key of `deploy.qdq.TARGETS`.
        paths: images to measure ranges and to compare labels on.
        samples: labelled images to judge by, if there are any.
        max_drop: of mIoU, in points of 100.
        min_agreement: share of pixels with the float32 graph's label, in 100.

    Raises:
        UserError: too much is lost, or TensorRT lacks an operator.
    """
    from deploy import quantize

    images = np.stack([resize_image(image_files.decode(path), made.size) for path in paths])
    gate = quantize.Gate(min_agreement / 100, _score(samples) if samples else None, max_drop)
    found = quantize.int8(made.model, interface, target, images, gate)
    if target == "tensorrt":
        require_operators(found.model)
    _note_precision(found.model, f"int8 for {target}")
    return found


def float16(made: Conversion, samples, max_drop: float) -> tuple[onnx.ModelProto, float]:
    """The graph in float16 and its mIoU, see `deploy.quantize.float16`."""
    from deploy import quantize

    model, after = quantize.float16(made.model, _score(samples), max_drop)
    require_operators(model)
    _note_precision(model, "float16")
    return model, after


def _score(samples):
    return lambda model: miou(OnnxRuntime(model, "the exported graph"), samples)


def _note_precision(model: onnx.ModelProto, precision: str) -> None:
    for entry in model.metadata_props:
        if entry.key == "precision":
            entry.value = precision
