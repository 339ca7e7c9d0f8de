"""Cars: four shapes with windows, lamps, mirrors and number plates."""

import numpy as np

from data.synthetic.camera import Pose
from data.synthetic.solids import View
from data.synthetic.thing import Thing
from data.synthetic.vehicles import FRONT_LAMP, GLASS, REAR_LAMP, RUBBER, Vehicle, paint

# Profiles of (forward, up) in metres, from the rear bumper over the roof to the front bumper. Points 3 to 6
# bound the side windows; the rear window follows point 3, the windscreen point 5.
# fmt: off
PROFILES = {
    "sedan": [(-2.1, 0.28), (-2.2, 0.6), (-2.12, 0.95), (-1.55, 1.0), (-0.95, 1.42),
              (0.15, 1.45), (0.95, 0.98), (1.95, 0.84), (2.18, 0.6), (2.1, 0.28)],
    "hatch": [(-1.9, 0.28), (-2.0, 0.6), (-1.95, 0.95), (-1.9, 1.0), (-1.55, 1.43),
              (0.2, 1.49), (1.0, 1.0), (1.8, 0.86), (2.0, 0.6), (1.95, 0.28)],
    "suv": [(-2.2, 0.34), (-2.3, 0.7), (-2.25, 1.08), (-2.2, 1.12), (-1.95, 1.66),
            (0.2, 1.7), (0.95, 1.14), (2.0, 1.02), (2.25, 0.7), (2.2, 0.34)],
    "van": [(-2.4, 0.32), (-2.5, 0.7), (-2.47, 1.1), (-2.45, 1.15), (-2.35, 1.92),
            (1.2, 1.95), (1.95, 1.2), (2.35, 1.05), (2.5, 0.7), (2.45, 0.32)],
}
# fmt: on
_REAR_WINDOW, _WINDSCREEN = 3, 5


def car(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A car, and its number plate where it is near enough to be annotated."""
    profile = PROFILES[str(rng.choice(list(PROFILES), p=[0.3, 0.35, 0.2, 0.15]))]
    belt, axles = profile[3][1], (profile[0][0] + 0.75, profile[-1][0] - 0.72)
    body, pane = paint(rng), GLASS * rng.uniform(0.7, 1.6)
    solid, away = Vehicle(view, pose), np.cos(pose.heading) > 0
    if away:  # then the body hides part of the mirrors
        _mirrors(solid, belt, body)
    solid.wheels(0.8, axles, 0.31)
    widths = [0.9 if up <= belt else 0.72 for _, up in profile]
    seen = solid.extrude(profile, widths, body, {_REAR_WINDOW: pane, _WINDSCREEN: pane})
    for side, visible in zip((-1, 1), seen):
        if visible:
            _side(solid, profile, side, pane, body)
            solid.hubbed_wheels(side * 0.88, axles, 0.31)
    for edge in (_REAR_WINDOW, _WINDSCREEN):
        _sheen(solid, profile[edge], profile[edge + 1], pane)
    _ends(solid, profile, body)
    if not away:
        _mirrors(solid, belt, body)
    plate = _plate(view, pose, profile[1] if away else profile[-2])
    return [solid.thing("car")] + ([plate] if plate else [])


def _mirrors(solid, belt, body):
    for side in (-1, 1):
        near, far = (side * 0.92, belt + 0.06, 0.72), (side * 1.04, belt + 0.09, 0.72)
        solid.capsule(near, far, (0.05, 0.08), body * 0.8)


def _side(solid, profile, side, pane, body):
    """Windows, pillar, door gap, trim and sill of one side."""
    belt, roof = profile[3][1], profile[3:7]
    middle = np.mean(roof, 0)
    window = [tuple(middle + (np.array(point) - middle) * (0.86, 0.78)) for point in roof]
    solid.side_face(side * 0.915, window, pane, lean=0.36, belt=belt)

    def line(start, end, width, albedo):
        x = [side * (0.915 - 0.36 * max(0.0, up - belt)) for _, up in (start, end)]
        solid.line([(x[0], start[1], start[0]), (x[1], end[1], end[0])], width, albedo)

    pillar, rear, front = middle[0] + 0.1, profile[1][0] + 0.3, profile[-2][0] - 0.3
    line((pillar, belt), (pillar, roof[2][1] - 0.06), 0.07, body * 0.6)
    line((pillar, belt), (pillar, 0.35), 0.025, body * 0.55)
    line((rear, belt - 0.28), (front, belt - 0.32), 0.04, np.minimum(body * 1.25, 250))
    line((profile[0][0] + 0.2, 0.3), (profile[-1][0] - 0.2, 0.3), 0.1, RUBBER * 1.3)


def _sheen(solid, first, second, pane):
    """The sky's reflection in the upper part of the front or rear window, between two profile points."""
    low, high = sorted((first, second), key=lambda point: point[1])
    foot, head = (np.array(low) + (np.array(high) - low) * share for share in (0.5, 0.9))
    strip = [
        (-0.68, foot[1], foot[0]),
        (-0.64, head[1], head[0]),
        (0.64, head[1], head[0]),
        (0.68, foot[1], foot[0]),
    ]
    color = pane * 0.6 + solid.view.light.zenith * 0.25
    solid.face(strip if first[1] < second[1] else strip[::-1], color, silhouette=False)


def _ends(solid, profile, body):
    """Lamps, bumpers and grille, rear and front."""
    low, belt, sill = profile[1][1], profile[3][1], profile[0][1]
    rear, front = profile[1][0] - 0.02, profile[-2][0] + 0.02
    for end, lamp, wide, top, grille in (
        (rear, REAR_LAMP, 0.11, belt - 0.1, body * 0.8),
        (front, FRONT_LAMP, 0.19, low + 0.2, np.array([34.0, 34, 36])),
    ):
        for x in (-0.88 + wide, 0.88 - wide):
            solid.end_panel(end, (x - wide, x + wide), (low + 0.04, top), lamp)
            blinker = (x - wide * 0.6, x + wide * 0.6)
            solid.end_panel(end, blinker, (low + 0.06, low + 0.11), np.array([225.0, 190, 140]))
        solid.end_panel(end, (-0.46, 0.46), (low + 0.02, low + 0.17), grille)
        solid.end_panel(end, (-0.88, 0.88), (sill, sill + 0.13), RUBBER * 1.6)
        solid.end_panel(end, (-0.88, 0.88), (low - 0.03, low), body * 0.6)


def _plate(view, pose, bumper):
    """A number plate; drawn as a thing of its own, because the data set labels it so."""
    if view.camera.scale(pose.z) * 0.5 < 8:
        return None
    solid = Vehicle(view, pose)
    forward = bumper[0] + (0.04 if bumper[0] > 0 else -0.04)
    panel = [(-0.26, 0.46, forward), (-0.26, 0.57, forward), (0.26, 0.57, forward), (0.26, 0.46, forward)]
    if not solid.face(panel if forward < 0 else panel[::-1], np.array([225.0, 225, 215])):
        return None
    return solid.thing("license plate")
