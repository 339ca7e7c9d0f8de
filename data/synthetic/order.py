"""Painter's order: what hides what, for objects along a street."""

from dataclasses import dataclass

import numpy as np

from data.synthetic.thing import Thing

_BESIDE = 0.2  # metres; objects whose x differ by less do not stand beside each other


@dataclass(frozen=True)
class Placed:
    """Things that belong together (a rider and the bicycle) in painter's order, at x, between two depths."""

    things: list[Thing]
    x: float
    near: float
    far: float


def painters_order(placed: list[Placed], eye_x: float) -> list[Thing]:
    """All things so that whatever is hidden comes before what hides it.

    Depth alone does not tell: of a tram and a person beside it, the one on the camera's side has to be
    painted later. So this is a topological sort of pairs that share image columns, far ones first.
    """
    placed = [one for one in placed if any(len(shape) for thing in one.things for shape in thing.shapes)]
    if not placed:
        return []
    first = _comes_first(placed, eye_x)
    waiting_for, depth = first.sum(0), np.array([one.far for one in placed])
    remaining, ordered = np.ones(len(placed), bool), []
    while remaining.any():
        ready = remaining & (waiting_for == 0)
        # a ring of objects that hide each other is cut at its farthest
        chosen = int(np.argmax(np.where(ready if ready.any() else remaining, depth, -np.inf)))
        remaining[chosen] = False
        waiting_for = waiting_for - first[chosen]
        ordered += placed[chosen].things
    return ordered


def _comes_first(placed, eye_x):
    """bool [N, N]: whether the first must be painted before the second."""
    x, near, far = (np.array([getattr(one, name) for one in placed]) for name in ("x", "near", "far"))
    spans = np.array([_columns(one) for one in placed])
    middle, aside = (near + far) / 2, x - eye_x
    behind = (near[:, None] >= far) & (middle[:, None] > middle)
    abreast = ~(behind | behind.T) & (aside[:, None] * aside > 0)
    outer = abreast & (np.abs(aside)[:, None] > np.abs(aside) + _BESIDE)
    meet = (spans[:, None, 0] <= spans[:, 1]) & (spans[:, 0] <= spans[:, None, 1])
    return meet & (behind | outer)


def _columns(one):
    columns = np.concatenate([shape[:, 0] for thing in one.things for shape in thing.shapes if len(shape)])
    return columns.min(), columns.max()
