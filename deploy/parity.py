"""The gate of every export: ONNX Runtime and Keras agree on pictures before the file gets its name."""

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort

from common.errors import UserError
from data.augment import resize_image
from data.labels import CLASS_COUNT
from deploy.form import LABELS, Form

LARGEST_DIFFERENCE = 1e-3  # of logits, relative to the largest logit
LEAST_AGREEMENT = 0.9999  # share of pixels with the same arg-max
PICTURES = 4


@dataclass(frozen=True)
class Parity:
    """How two runtimes compare: largest difference of logits, relative; share of pixels of equal label."""

    difference: float
    agreement: float

    @property
    def passed(self) -> bool:
        """Whether the two differ by no more than rounding does. A NaN differs."""
        return self.difference <= LARGEST_DIFFERENCE and self.agreement >= LEAST_AGREEMENT

    def __str__(self):
        return (
            f"largest difference of logits {self.difference:.1e}, equal labels {100 * self.agreement:.3f} %"
        )


def pictures(size: tuple[int, int], paths=()) -> np.ndarray:
    """`PICTURES` pictures to compare on, uint8 [N, H, W, 3]: the given ones, or of the synthetic town.

    Args:
        size: (height, width) in pixels.
        paths: PNG files; too few are repeated.
    """
    if paths:
        from data import png

        chosen = [paths[number * len(paths) // PICTURES] for number in range(PICTURES)]
        return np.stack([resize_image(png.decode_image(path), size) for path in chosen])
    from data.synthetic.render import render
    from data.synthetic.scene import random_scene

    scenes = (random_scene(0, "val", index, (256, 512)) for index in range(PICTURES))
    return np.stack([resize_image(render(scene)[0], size) for scene in scenes])


def measure(model: onnx.ModelProto, network, form: Form, images: np.ndarray) -> Parity:
    """Compare an exported graph of one pass with its Keras model; for others see `deploy.sample_parity`.

    Args:
        model: what `deploy.export.export` made of the network with this form.
        network: the Keras model.
        images: uint8 RGB [N, H, W, 3] of the model's size.
    """
    last = next((node.input[0] for node in model.graph.node if node.op_type == "ArgMax"), None)
    running = session(model, last if form.argmax else None)
    difference, equal, pixels = 0.0, 0, 0
    for start in range(0, len(images), form.batch):
        part = np.resize(images[start : start + form.batch], (form.batch, *images.shape[1:]))
        expected = np.asarray(network(part, training=False))[..., :CLASS_COUNT]  # [N, H, W, classes]
        found = dict(
            zip(
                (out.name for out in running.get_outputs()),
                running.run(None, {running.get_inputs()[0].name: form.arrange(part)}),
            )
        )
        logits = next(array for array in found.values() if array.ndim == 4)
        logits = logits if logits.shape == expected.shape else logits.transpose(0, 2, 3, 1)
        labels = found.get(LABELS, logits.argmax(-1))
        scale = np.abs(expected).max()
        difference = float(np.maximum(difference, np.abs(logits - expected).max() / scale))  # NaN stays NaN
        equal += int((labels == expected.argmax(-1)).sum())
        pixels += labels.size
    return Parity(difference, equal / pixels)


def session(model: onnx.ModelProto, *more: str | None) -> ort.InferenceSession:
    """A session of a graph that also returns the tensors named in `more`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {value.name: value for value in copy.graph.value_info}
    copy.graph.output.extend(known[name] for name in more if name)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])


def require(found: Parity, what: str) -> None:
    """Raise UserError unless the two agree."""
    if not found.passed:
        raise UserError(
            f"{what} and its Keras model disagree ({found}; allowed are {LARGEST_DIFFERENCE:.0e} and "
            f"{100 * LEAST_AGREEMENT} %): no file written; report this with the weights"
        )
