"""Losses that are not the run's own: of auxiliary heads, such as those of borders, and of whole networks.

Each is a tuple of terms whose sums take all outputs of a network in training, by their names, or its only
output, and labels uint8 [B, H, W]; which head or network has which, `models.registry` says. Outputs are
float32: maps [B, H, W, C] at the image's size, or vectors [B, n] of what the image holds as a whole. What a
network with such a loss is scored by in validation stands beside it.
"""

from training.losses import borders, details, presence, segfix
from training.losses.scored import Scored
from training.losses.terms import Term

LOSSES: dict[str, tuple[Term, ...]] = {
    "borders": borders.TERMS,
    "detail": details.TERMS,
    "presence": presence.TERMS,
    "segfix": segfix.TERMS,
}
SCORED: dict[str, Scored] = {"segfix": segfix.SCORED}
