"""The gate of graphs that draw random masks, in two exact halves.

What a graph does with masks: Keras's own dropout draws them, the graph gets the same as inputs, and the mean
softmax of both must agree as in `deploy.parity`. What masks a graph draws: it runs twice as it is, and shares
of kept values are compared with those of independent draws. The outputs themselves could be compared by their
means only, whose spread hides small faults.
"""

import math
from dataclasses import dataclass

import numpy as np
import onnx

from data.label_sets import LabelSet
from deploy import onnx_samples, parity
from inference import sampling
from inference.graph_interface import LABELS, PROBABILITIES, GraphInterface, laid_out

# of a share, in standard deviations: one honest share in 10^11 has a larger one
LARGEST_DEVIATION = 7.0


@dataclass(frozen=True)
class SampledParity:
    """How a graph of random passes compares with Keras: with equal masks, and by the masks it draws.

    Attributes:
        masked: how they compare with equal masks.
        masks: how many the graph drew in two runs.
        deviation: largest one, in standard deviations, of the share of values that a mask keeps, and of
            those that two masks of a layer treat alike: of neighbouring passes, and of the same in two runs.
    """

    masked: parity.Parity
    masks: int
    deviation: float

    @property
    def passed(self) -> bool:
        """Whether outputs differ by no more than rounding does, and shares by no more than chance."""
        return self.masked.passed and self.deviation <= LARGEST_DEVIATION

    def __str__(self):
        return (
            f"with equal masks, {self.masked}; {self.masks} masks drawn in two runs, independent and of the "
            f"asked shares within {self.deviation:.1f} standard deviations (allowed: {LARGEST_DEVIATION:.0f})"
        )


def measure(
    model: onnx.ModelProto, network, interface: GraphInterface, label_set: LabelSet, images: np.ndarray
) -> SampledParity:
    """Compare an exported graph of random passes with its Keras model.

    Args:
        model: what `deploy.export.export` made of the network with this interface.
        network: the Keras model.
        label_set: the classes of the network's first outputs.
        images: uint8 RGB [N, H, W, 3] of the model's size; of many passes, only the first are used.
    """
    used = images[: max(interface.batch, len(images) // interface.dropout_passes)]
    batches = [
        np.resize(used[start : start + interface.batch], (interface.batch, *images.shape[1:]))
        for start in range(0, len(used), interface.batch)
    ]
    masked = parity.whole_or_cut(
        model, network, lambda cut: _with_equal_masks(model, network, interface, label_set, batches, cut)
    )
    rates = {layer.name: layer.rate for layer in sampling.dropouts(network)}
    masks, deviation = _drawn(model, interface, batches[0], rates)
    return SampledParity(masked, masks, deviation)


def _with_equal_masks(model, network, interface, label_set, batches, cut) -> parity.Parity:
    total = onnx_samples.total(model)
    pinned = onnx_samples.pinned(cut.model if cut else model)
    session = parity.session(pinned, total if interface.argmax else None)
    outputs = [out.name for out in session.get_outputs()]
    shapes = {given.name: tuple(given.shape) for given in session.get_inputs()}
    names = {place: name for name, place in onnx_samples.masks(model).items()}
    difference, equal, pixels = 0.0, 0, 0
    for seed, batch in enumerate(batches):
        feed, expected = {model.graph.input[0].name: interface.arrange(batch)}, 0.0
        passes = sampling.passes_with_masks(network, batch, label_set, interface.dropout_passes, seed)
        for number, (softmax, kept) in enumerate(passes, start=1):
            expected = expected + softmax / interface.dropout_passes  # [N, H, W, classes]
            for layer, mask in kept.items():
                name = names[layer, number]
                feed[name] = laid_out(mask, shapes[name])
        if cut:
            for _ in sampling.passes_with_masks(
                network, batch, label_set, interface.dropout_passes, seed, cut.watch
            ):
                pass  # the same masks again
            feed |= cut.operands()
        found = dict(zip(outputs, session.run(None, feed)))
        if cut:
            cut.compare(feed, found)
        mean = found[total] / interface.dropout_passes if interface.argmax else found[PROBABILITIES]
        mean = mean if mean.shape == expected.shape else mean.transpose(0, 2, 3, 1)
        labels = found[LABELS] if interface.argmax else mean.argmax(-1)
        difference = float(np.maximum(difference, np.abs(mean - expected).max() / expected.max()))
        equal += int((labels == expected.argmax(-1)).sum())
        pixels += labels.size
    return parity.Parity(difference, equal / pixels, "mean softmax")


def _drawn(model, interface, batch, rates) -> tuple[int, float]:
    """How many masks two runs drew, and the largest deviation of their shares in standard deviations."""
    places = onnx_samples.masks(model)
    session = parity.session(model, *places)
    feed = {model.graph.input[0].name: interface.arrange(batch)}
    before, deviations, drawn = {}, [], 0
    for _ in range(2):
        masks = {places[name]: mask for name, mask in zip(places, session.run(list(places), feed))}
        drawn += len(masks)
        for (layer, number), mask in masks.items():
            keep = 1 - rates[layer]
            alike = keep**2 + (1 - keep) ** 2
            deviations.append(_deviation(mask, keep))
            for other in (masks.get((layer, number + 1)), before.get((layer, number))):
                if other is not None:
                    deviations.append(_deviation(mask == other, alike))
        before = masks
    return drawn, max(deviations)


def _deviation(values: np.ndarray, share: float) -> float:
    """How far the share of true values is from `share`, in its standard deviations."""
    return abs(values.mean() - share) / math.sqrt(share * (1 - share) / values.size)
