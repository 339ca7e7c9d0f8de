"""Runtimes: a trained model behind `predict(images, size) -> labels`, chosen by the file's ending.

| ending | runtime |
|---|---|
| a run folder, a checkpoint, `.h5`, `.hdf5` | Keras on TensorFlow (`inference.keras_runtime`) |
| `.onnx` | ONNX Runtime (`inference.onnx_runtime`), or OpenVINO (`inference.openvino_runtime`) |
| `.engine` | TensorRT (`inference.tensorrt.runtime`) |

Every runtime has `name`, `size` (height, width), `label_set`, and
`predict(images uint8 RGB [N, h, w, 3] of that size, size=None) -> train ids uint8 [N, *size]`. For another
size than its own it resizes its logits before the arg-max (`inference.resizing`), or labels without logits.
One whose size is None takes images of any size and returns labels of that size: `with_passes` makes such a
runtime of one that has `at_scale` and `probabilities`.
"""

import json
from pathlib import Path

from common import startup
from common.errors import UserError

ONNX, ENGINE = ".onnx", ".engine"
OPENVINO = "openvino"  # a `provider` that is no ONNX Runtime's


def load(
    source: Path,
    model: str | None = None,
    size: tuple[int, int] | None = None,
    encoder: str | None = None,
    provider: str | None = None,
):
    """Load a trained model by what its file is.

    Args:
        source: a file or folder, see the table above.
        model: the architecture's name that is expected; None takes the file's.
        size: (height, width) that images are brought to; None takes the file's. An exported graph has one
            size only.
        encoder: the name that is expected; None takes the file's.
        provider: what runs an .onnx file, `OPENVINO` or a key of `inference.onnx_runtime.PROVIDERS`; None
            takes the best of ONNX Runtime's.

    Raises:
        UserError: no or broken file, one of another model, encoder or size, or an option it lacks.
    """
    source = Path(source)
    if source.suffix.lower() == ONNX:
        from inference import onnx_runtime, openvino_runtime

        if provider == OPENVINO:
            return openvino_runtime.load(source, model, size, encoder)
        return onnx_runtime.load(source, model, size, encoder, provider)
    if provider:
        raise UserError(f"`provider` belongs to an {ONNX} file, not to {source}; leave it out")
    if source.suffix.lower() == ENGINE:
        return _engine(source, model, size, encoder)
    startup.tensorflow()
    from inference import keras_runtime

    return keras_runtime.load(source, model, size, encoder)


def label_set_of(source: Path, model: str | None = None):
    """Which classes a trained model tells apart, without loading it.

    Raises:
        UserError: as `load`.
    """
    source = Path(source)
    if source.suffix.lower() == ONNX:
        from inference import onnx_file

        return onnx_file.label_set(onnx_file.read(source), source)
    if source.suffix.lower() == ENGINE:
        return _label_set(source)
    from models.weights import loading

    if loading.needs_keras(source):
        startup.tensorflow()
    return loading.origin_of(source, model).label_set


def with_passes(
    runtime, scales: tuple[float, ...] | None = None, flip: bool = False, overlap: float | None = None
):
    """The same model on several versions of an image, or on its tiles, or both.

    Args:
        runtime: one that `load` returned.
        scales: average passes at these multiples of the model's size; None: only at that size.
        flip: average with mirrored passes.
        overlap: cover images in tiles of the model's size, which share at least this part of their sides.

    Returns:
        A runtime that takes images of any size.

    Raises:
        UserError: the model gives no probabilities, or not at these scales.
    """
    if not hasattr(runtime, "at_scale"):
        raise UserError(
            "`overlap`, `scales` and `flip` need probabilities; give Keras weights or an .onnx file with "
            "logits"
        )
    from inference.multi_pass import AveragingRuntime, TilingRuntime

    tile = runtime.size
    runtime = AveragingRuntime(runtime, scales or (1.0,), flip) if scales or flip else runtime.at_scale()
    return runtime if overlap is None else TilingRuntime(runtime, tile, overlap)


def refined(runtime, source: Path):
    """The same model with labels that a network of SegFix moves at borders; it takes images of any size.

    Args:
        runtime: one that `load` or `with_passes` returned.
        source: weights of such a network, see `inference.refinement`.

    Raises:
        UserError: other weights, or an exported graph.
    """
    source = Path(source)
    if source.suffix.lower() in (ONNX, ENGINE):
        raise UserError(f"`refine` takes a run or weights, not {source}; give the run that it was made of")
    startup.tensorflow()
    from inference import refinement

    return refinement.RefiningRuntime(runtime, refinement.load(source))


def _engine(path: Path, model, size, encoder):
    if model or encoder:
        raise UserError(f"{path} does not tell its model; leave `model` and `encoder` out")
    if not path.is_file():
        raise UserError(f"no engine at {path}; `convert_to_onnx.py --tensorrt` builds one")
    from inference.tensorrt.runtime import TensorRTRuntime

    runtime = TensorRTRuntime(path, _label_set(path))
    if size and tuple(size) != runtime.size:
        height, width = runtime.size
        raise UserError(f"{path} takes images of {height},{width} only; leave `size` out")
    return runtime


def _label_set(engine: Path):
    """What the file beside an engine says; without one, Cityscapes."""
    from data import label_sets
    from inference.tensorrt.plan import label_set_path

    path = label_set_path(engine)
    try:
        return label_sets.from_json(json.loads(path.read_text()) if path.is_file() else None)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} tells no label set ({error}); build the engine anew") from error


def sampling_of(runtime, dropout_passes: int, seed: int):
    """The same model with dropout left active, a `inference.sampling.SamplingRuntime`.

    Raises:
        UserError: the model has no dropout, or its file is an exported graph, whose passes are fixed.
    """
    if getattr(runtime, "dropout_passes", 0):
        raise UserError(
            f"the exported graph averages {runtime.dropout_passes} random passes of its own; leave "
            "`dropout_passes` out"
        )
    if not hasattr(runtime, "sampling"):
        raise UserError(
            "`dropout_passes` needs dropout, which this exported model has not; give Keras weights, or a "
            "file of `convert_to_onnx.py --samples`"
        )
    return runtime.sampling(dropout_passes, seed)
