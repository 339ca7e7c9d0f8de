"""The gate of every export: ONNX Runtime and Keras agree on images before the file gets its name.

Where a graph compares numbers that it calculated, rounding alone can make the two disagree. Such a graph is
looked at a second time, cut open before its comparisons; see `deploy.comparisons`.
"""

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort

from common.errors import UserError
from data.augment import resize_image
from data.label_sets import LabelSet
from inference import onnx_runtime
from inference.graph_interface import LABELS, LOGITS, GraphInterface

LARGEST_DIFFERENCE = 1e-3  # of logits, relative to the largest logit
LEAST_AGREEMENT = 0.9999  # share of pixels with the same arg-max
LARGEST_OF_OPERANDS = 1e-4  # of what is compared, relative to the largest; rounding of 13 layers makes 7e-6
IMAGES = 4


@dataclass(frozen=True)
class Parity:
    """How two runtimes compare.

    Attributes:
        difference: largest one of the outputs, relative to the largest output.
        agreement: share of pixels with the same label.
        what: the outputs' name in messages.
    """

    difference: float
    agreement: float
    what: str

    @property
    def passed(self) -> bool:
        """Whether the two differ by no more than rounding does. A NaN differs."""
        return self.difference <= LARGEST_DIFFERENCE and self.agreement >= LEAST_AGREEMENT

    def __str__(self):
        return (
            f"largest difference of {self.what} {self.difference:.1e}, "
            f"equal labels {100 * self.agreement:.3f} %"
        )


@dataclass(frozen=True)
class CutParity(Parity):
    """How a graph that is cut before its comparisons compares with Keras, after the whole one differed.

    Attributes:
        whole: how the whole graph compares.
        comparisons: how many are cut.
        operands: largest difference between what graph and Keras compare, relative to the largest.
    """

    whole: Parity
    comparisons: int
    operands: float

    @property
    def passed(self) -> bool:
        return super().passed and self.operands <= LARGEST_OF_OPERANDS

    def __str__(self):
        return (
            f"{self.whole}; with Keras's values in the graph's {self.comparisons} comparisons, which "
            f"rounding can decide, {super().__str__()}, largest difference of the values compared "
            f"{self.operands:.1e} (allowed: {LARGEST_OF_OPERANDS:.0e})"
        )


def sample_images(size: tuple[int, int], samples=()) -> np.ndarray:
    """`IMAGES` images to compare on, uint8 [N, H, W, 3]: the given ones, or of the synthetic town.

    Args:
        size: (height, width) in pixels.
        samples: of a data set; too few are repeated.
    """
    if samples:
        chosen = [samples[number * len(samples) // IMAGES] for number in range(IMAGES)]
        return np.stack([resize_image(sample.decode_image(), size) for sample in chosen])
    from data.synthetic.render import render
    from data.synthetic.scene import random_scene

    scenes = (random_scene(0, "val", index, (256, 512)) for index in range(IMAGES))
    return np.stack([resize_image(render(scene)[0], size) for scene in scenes])


def measure(
    model: onnx.ModelProto, network, interface: GraphInterface, label_set: LabelSet, images: np.ndarray
) -> Parity:
    """Compare an exported graph of one pass with its Keras model; for others see `deploy.sample_parity`.

    Args:
        model: what `deploy.export.export` made of the network with this interface.
        network: the Keras model.
        label_set: the classes of the network's first outputs.
        images: uint8 RGB [N, H, W, 3] of the model's size.
    """
    return whole_or_cut(
        model, network, lambda cut: _compare(model, network, interface, label_set, images, cut)
    )


def whole_or_cut(model: onnx.ModelProto, network, compare) -> Parity:
    """Compare a graph, and again cut if it differs and rounding can decide comparisons in it.

    Args:
        model: the graph.
        network: its Keras model.
        compare: function of None or a `deploy.comparisons.Cut` -> `Parity` of the graph, whole or cut.
    """
    whole = compare(None)
    if whole.passed:
        return whole
    from deploy import comparisons  # imports TensorFlow, which the images do without

    if not comparisons.rounded(model):
        return whole
    cut = comparisons.Cut(model, network)
    found = compare(cut)
    return CutParity(found.difference, found.agreement, found.what, whole, cut.count, cut.difference)


def _compare(model, network, interface, label_set, images, cut) -> Parity:
    """Of a graph as it is, or of `cut` in its place."""
    last = next((node.input[0] for node in model.graph.node if node.op_type == "ArgMax"), None)
    running = session(cut.model if cut else model, last if interface.argmax else None)
    names = [out.name for out in running.get_outputs()]
    difference, equal, pixels = 0.0, 0, 0
    for start in range(0, len(images), interface.batch):
        part = np.resize(images[start : start + interface.batch], (interface.batch, *images.shape[1:]))
        expected = label_set.without_void(np.asarray(network(part, training=False)))  # [N, H, W, classes]
        feed = {model.graph.input[0].name: interface.arrange(part)}
        if cut:
            cut.watch(network, part)
            feed |= cut.operands()
        found = dict(zip(names, running.run(None, feed)))
        if cut:
            cut.compare(feed, found)
        logits = found[last if interface.argmax else LOGITS]
        logits = logits if logits.shape == expected.shape else logits.transpose(0, 2, 3, 1)
        labels = found.get(LABELS, logits.argmax(-1))
        scale = np.abs(expected).max()
        difference = float(np.maximum(difference, np.abs(logits - expected).max() / scale))  # NaN stays NaN
        equal += int((labels == expected.argmax(-1)).sum())
        pixels += labels.size
    return Parity(difference, equal / pixels, LOGITS)


def session(model: onnx.ModelProto, *more: str | None) -> ort.InferenceSession:
    """A session of a graph that also returns the tensors named in `more`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {value.name: value for value in copy.graph.value_info}
    copy.graph.output.extend(known[name] for name in more if name)
    options = onnx_runtime.session_options()
    return ort.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])


def require(found, what: str) -> None:
    """Raise UserError unless the two agree by `found`, a `Parity` or `deploy.sample_parity.SampledParity`."""
    if not found.passed:
        raise UserError(
            f"{what} and its Keras model disagree ({found}; allowed are {LARGEST_DIFFERENCE:.0e} and "
            f"{100 * LEAST_AGREEMENT} %): no file written; report this with the weights"
        )
