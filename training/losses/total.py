"""The loss of a run: terms that are values of sums."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import tensorflow as tf

from models import registry
from training import losses
from training.losses import heads, overlap, pixels
from training.losses.scored import CLASSES, Scored
from training.losses.terms import Term

if TYPE_CHECKING:
    from training.config_fields import Config  # which imports the names of this room


def this_rank(sums: tuple) -> tuple:
    """The sums over ranks where there is one."""
    return sums


@dataclass(frozen=True)
class Loss:
    """A sum of terms, called as loss(logits, labels) -> float32 scalar.

    With several ranks `across_ranks` takes a term's sums to those over all ranks, and gradients back to this
    rank's own sums unchanged; nothing else has to know of them: every rank has the loss of the global batch,
    and the *sum* of the ranks' gradients is its gradient, whoever holds which image and however many of its
    pixels are ignored.
    (Where gradients are averaged, multiply the loss by the number of ranks first.)
    """

    terms: tuple[Term, ...]
    plain: bool = False  # cross-entropy alone, unweighted and unsmoothed
    auxiliary: float = 0.0  # weight of the auxiliary heads' losses
    heads: dict[str, registry.Head] = field(
        default_factory=lambda: {"auxiliary": registry.Head()}, hash=False
    )
    across_ranks: Callable = this_rank

    def __call__(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.add_n([term.value(*self.across_ranks(term.sums(logits, labels))) for term in self.terms])

    def of_outputs(self, name: str) -> "Loss":
        """A loss of `training.losses.heads`, to be called with all outputs of a network."""
        return replace(self, terms=heads.LOSSES[name], plain=False)

    def of_scores(self, sums: Callable) -> "Loss":
        """The same mean cross-entropy from a function that sums it in another way; for plain losses."""
        assert self.plain
        return replace(self, terms=(Term(sums, tf.math.divide_no_nan),))


PLAIN = Loss((Term(pixels.cross_entropy_sums, tf.math.divide_no_nan),), plain=True)


def build(config: "Config") -> Loss:
    """The loss that a configuration names, or its model's own."""
    names, found = losses.parse(config.loss), registry.architecture(config.model)
    of_model = found.heads
    if found.loss:
        return Loss(heads.LOSSES[found.loss], auxiliary=config.auxiliary, heads=of_model)
    if names == ("ce",) and not config.label_smoothing and not config.weight_of_class:
        return replace(PLAIN, auxiliary=config.auxiliary, heads=of_model)
    weights = tf.constant(config.weight_of_class, tf.float32) if config.weight_of_class else None
    terms = tuple(_term(name, weights, config.label_smoothing) for name in names)
    return Loss(terms, auxiliary=config.auxiliary, heads=of_model)


def scored(config: "Config") -> Scored:
    """How validation scores the model of a configuration."""
    return heads.SCORED.get(registry.architecture(config.model).loss, CLASSES)


def _term(name: str, weights, smoothing: float) -> Term:
    of_pixels = {"ce": pixels.cross_entropy_sums, "focal": pixels.focal_sums, "ohem": pixels.ohem_sums}
    of_areas = {"dice": overlap.dice, "tversky": overlap.tversky}
    if name in of_pixels:
        return Term(
            lambda logits, labels: of_pixels[name](logits, labels, weights, smoothing), tf.math.divide_no_nan
        )
    if name in of_areas:
        return Term(overlap.area_sums, lambda *sums: of_areas[name](*sums, weights))
    return Term(lambda logits, labels: overlap.lovasz_sums(logits, labels, weights), tf.math.divide_no_nan)
