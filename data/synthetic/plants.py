"""Trees, bushes and hedges: crowns of overlapping clumps with leaves."""

import numpy as np

from data.synthetic.camera import Pose
from data.synthetic.shapes import Fill, Grain
from data.synthetic.solids import Sculptor, View
from data.synthetic.thing import Thing

GREENS = np.array(
    [
        [92, 112, 58],
        [76, 100, 50],
        [108, 118, 60],
        [84, 96, 62],
        [122, 120, 62],
        [66, 90, 56],
        [128, 104, 60],
    ],
    float,
)


def tree(view: View, rng: np.random.Generator, pose: Pose, tall: float | None = None) -> list[Thing]:
    """A deciduous tree, or now and then a cypress-like one; trunk and crown are "vegetation"."""
    tall = tall or rng.uniform(4.5, 10.0)
    solid, green = (
        Sculptor(view, pose),
        GREENS[rng.integers(len(GREENS))] * rng.uniform(0.8, 1.15) + rng.normal(0, 4, 3),
    )
    slim = rng.random() < 0.15
    radius = tall * (rng.uniform(0.13, 0.17) if slim else rng.uniform(0.24, 0.34))
    bottom = 0.4 if slim else max(1.9, tall * rng.uniform(0.25, 0.35))
    bark = np.array([84.0, 72, 60]) * rng.uniform(0.7, 1.3)
    solid.capsule((0, 0, 0), (0, bottom + 0.6, 0), (0.05 + tall * 0.022, 0.04 + tall * 0.014), bark)
    if not slim:
        for x in (-0.5, 0.45):
            solid.capsule(
                (0, bottom + 0.1, 0),
                (x * radius, bottom + 0.45 * radius, 0),
                (tall * 0.01, tall * 0.007),
                bark,
            )
    _clumps(solid, rng, green, (0, (bottom + tall) / 2), (radius, (tall - bottom) / 2), count=26)
    return [_leafy(view, rng, solid, pose)]


def bush(view: View, rng: np.random.Generator, pose: Pose, size: float | None = None) -> list[Thing]:
    """A bush on the ground."""
    size = size or rng.uniform(0.5, 1.6)
    solid, green = Sculptor(view, pose), GREENS[rng.integers(len(GREENS))] * rng.uniform(0.75, 1.1)
    _clumps(solid, rng, green, (0, size * 0.5), (size * rng.uniform(0.6, 1.2), size * 0.5), count=14)
    return [_leafy(view, rng, solid, pose)]


def hedge(view: View, rng: np.random.Generator, x: float, near: float, far: float) -> Thing:
    """A hedge along the street."""
    tall, green = rng.uniform(0.9, 2.0), GREENS[rng.integers(len(GREENS))] * rng.uniform(0.75, 1.1)
    solid = Sculptor(view, Pose(x, near))
    for at in np.linspace(far - near, 0, int(np.clip((far - near) / 0.45 * min(1.0, 25 / far), 6, 40))):
        for up, shade in ((0.3, 0.72), (0.62, 0.9), (0.84, 1.08)):
            place = (rng.normal(0, 0.05), tall * up, at)
            solid.capsule(place, place, (tall * 0.3, tall * 0.3), green * shade * rng.uniform(0.92, 1.08))
    return _leafy(view, rng, solid, Pose(x, (near * 2 + far) / 3))


def _clumps(solid, rng, green, center, radii, count):
    """Balls within an ellipse, dark ones first, the light ones up and on the sun's side."""
    sun = solid.view.light.direction[0] * np.clip(solid.view.light.sun.mean() * 1.6, 0.1, 1)
    places = []
    # far away, fewer clumps look the same
    count = int(np.clip(solid.view.camera.scale(solid.pose.z) * max(radii) / 2, 7, count))
    for _ in range(count):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1) ** 0.6 * 0.78
        places.append((reach * np.cos(angle), reach * np.sin(angle)))
    places.sort(key=lambda place: place[1] * 0.8 + place[0] * sun * 0.6 + rng.normal(0, 0.25))
    # small ones around the rim make the outline leafy
    rim = rng.uniform(0, 2 * np.pi, count // 2)
    places = [(np.cos(angle) * 0.97, np.sin(angle) * 0.97) for angle in rim] + places
    for place, (x, y) in enumerate(places):
        shade = 0.82 + 0.26 * y + 0.22 * x * sun + rng.normal(0, 0.05)
        size = rng.uniform(0.24, 0.42) * min(radii) * (26 / max(count, 13)) ** 0.3 + 0.04 * max(radii)
        size *= 0.5 if place < len(rim) else 1.0
        at = (center[0] + x * radii[0], center[1] + y * radii[1], 0.0)
        solid.capsule(at, at, (size, size), green * shade)


def _leafy(view, rng, solid, pose):
    grain = Grain(
        "leaves",
        None,
        view.camera.scale(pose.z),
        0.62 * float(np.exp(-view.light.density * pose.z)),
        tuple(rng.uniform(0, 50, 2)),
    )
    made = solid.thing("vegetation", detail=1.0)
    made.parts = [*made.parts, grain]
    made.fill = made.parts[0].color if made.parts and isinstance(made.parts[0], Fill) else None
    return made
