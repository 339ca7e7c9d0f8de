"""Losses of auxiliary heads that are not scores of the labels, such as those of borders.

Each is a tuple of terms whose sums take all outputs of a network in training, by their names, float32
[B, H, W, C] at the image's size, and labels uint8 [B, H, W]; which head has which, `models.registry` says.
"""

from training.losses.terms import Term

LOSSES: dict[str, tuple[Term, ...]] = {}
