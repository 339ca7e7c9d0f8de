"""Large vehicles: trucks, buses, and trams (class "train")."""

from dataclasses import dataclass

import numpy as np

from data.synthetic.camera import Pose
from data.synthetic.solids import View
from data.synthetic.thing import Thing
from data.synthetic.vehicles import FRONT_LAMP, GLASS, REAR_LAMP, RUBBER, Vehicle, paint

STEEL = np.array([60.0, 60, 64])


def truck(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A lorry: a box body behind a cab."""
    cargo, cab = paint(rng) if rng.random() < 0.7 else np.array([215.0, 215, 210]), paint(rng)
    solid, length, height = Vehicle(view, pose), rng.uniform(5.0, 7.0), rng.uniform(3.0, 3.7)
    back, front = -length / 2 - 1, length / 2 - 1
    axles = (back + 1.0, back + 2.1, front + 1.2)
    solid.wheels(1.0, axles, 0.48)
    solid.box((-1.0, 0.5, back + 0.1), (1.0, 0.95, front + 1.8), np.array([50.0, 50, 52]))
    stripe = paint(rng)
    # the end that is farther away comes first
    if np.cos(pose.heading) > 0:
        _cab(solid, front, cab)
        _cargo(solid, (back, front), height, (cargo, stripe), axles)
    else:
        _cargo(solid, (back, front), height, (cargo, stripe), axles)
        _cab(solid, front, cab)
    return [solid.thing("truck")]


def _cab(solid, front, albedo):
    rear, nose = front + 0.15, front + 2.05
    profile = [(rear, 0.55), (rear, 2.75), (front + 1.5, 2.75), (front + 2.0, 1.6), (nose, 0.55)]
    seen = solid.extrude(profile, [1.15] * 5, albedo, {2: GLASS})
    for side, visible in zip((-1, 1), seen):
        if visible:
            solid.side_panel(side * 1.16, (front + 0.7, front + 1.65), (1.55, 2.3), GLASS)
    solid.end_panel(nose + 0.02, (-1.15, 1.15), (0.5, 0.78), RUBBER * 2.2)
    solid.end_panel(nose + 0.02, (-0.7, 0.7), (0.95, 1.4), albedo * 0.6)
    for x in (-0.9, 0.9):
        solid.end_panel(nose + 0.03, (x - 0.17, x + 0.17), (0.82, 0.97), FRONT_LAMP)
        solid.capsule((x * 1.42, 1.7, front + 1.9), (x * 1.42, 2.2, front + 1.9), (0.09, 0.09), RUBBER * 1.5)


def _cargo(solid, ends, height, colors, axles):
    (back, front), (albedo, stripe), half = ends, colors, 1.22
    seen = solid.extrude([(back, 0.95), (back, height), (front, height), (front, 0.95)], [half] * 4, albedo)
    for side, visible in zip((-1, 1), seen):
        if visible:
            solid.side_panel(side * (half + 0.01), (back + 0.8, front - 0.8), (1.5, height - 0.7), stripe)
            solid.hubbed_wheels(side * 1.12, axles, 0.48)
    solid.end_panel(back - 0.01, (-0.03, 0.03), (1.0, height - 0.1), albedo * 0.5)
    for x in (-0.6, 0.6):
        solid.end_panel(back - 0.01, (x - 0.05, x + 0.05), (1.05, height - 0.15), albedo * 0.75)
    solid.end_panel(back - 0.02, (-half, half), (0.6, 0.8), REAR_LAMP)
    solid.end_panel(back - 0.03, (-half + 0.4, half - 0.4), (0.6, 0.8), np.array([215.0, 215, 205]))


@dataclass(frozen=True)
class Coach:
    """Measures of a bus or a tram, in metres; `slope` is how far its ends lean."""

    length: float
    height: float
    half_width: float
    floor: float
    slope: float
    wheeled: bool


def bus(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A city bus with a band of windows and a destination display."""
    measures = Coach(rng.uniform(10.0, 12.0), rng.uniform(2.9, 3.2), 1.25, 0.35, 0.12, wheeled=True)
    return [_coach(Vehicle(view, pose), rng, measures).thing("bus")]


def tram(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A tram with skirts down to the rails and a pantograph."""
    measures = Coach(rng.uniform(18.0, 26.0), 3.35, 1.22, 0.15, 0.55, wheeled=False)
    solid = _coach(Vehicle(view, pose), rng, measures)
    middle = rng.uniform(-2, 2)
    solid.capsule((0, 3.35, middle - 0.6), (0, 4.05, middle), (0.05, 0.05), STEEL)
    solid.capsule((-0.7, 4.1, middle), (0.7, 4.1, middle), (0.06, 0.06), STEEL)
    return [solid.thing("train")]


def _coach(solid, rng, coach):
    body, trim = paint(rng), paint(rng)
    half, top, lean = coach.half_width, coach.height, coach.slope
    front, axles = coach.length / 2, (2.6 - coach.length / 2, coach.length / 2 - 2.4)
    if coach.wheeled:
        solid.wheels(1.0, axles, 0.48)
    rise = [(front - lean - 0.3, top), (front - lean, top - 0.12), (front, 1.2), (front - 0.1, coach.floor)]
    profile = [(-forward, up) for forward, up in reversed(rise)] + rise
    widths = [half] * 3 + [half - 0.12] * 2 + [half] * 3
    seen = solid.extrude(profile, widths, body, {1: GLASS * 1.05, 5: GLASS * 0.9})
    for side, visible in zip((-1, 1), seen):
        if visible:
            _coach_side(solid, rng, coach, side, trim)
            if coach.wheeled:
                solid.hubbed_wheels(side * (half + 0.01), axles, 0.48)
    _coach_ends(solid, rng, coach, trim)
    return solid


def _coach_side(solid, rng, coach, side, trim):
    """A coloured skirt, a band of windows with posts, and doors."""
    x, front, lintel = side * (coach.half_width + 0.01), coach.length / 2 - coach.slope, coach.height - 0.5
    post = x + side * 0.01
    solid.side_panel(x, (-front, front), (coach.floor + 0.02, coach.floor + 0.5), trim)
    solid.side_panel(x, (0.1 - front, front - 0.1), (1.25, lintel), GLASS)
    count, door = int(2 * front // 1.45), int(rng.integers(1, 3))
    for place in range(count + 1):
        at = -front + 2 * front * place / count
        solid.line([(post, 1.25, at), (post, lintel, at)], 0.09, trim * 0.6)
        if place % 4 == door and place < count:
            low, high = coach.floor + 0.15, lintel - 0.05
            solid.side_panel(post, (at + 0.08, at + 1.3), (low, high), GLASS * 0.8)
            solid.line([(post, low + 0.05, at + 0.68), (post, high, at + 0.68)], 0.07, trim * 0.5)


def _coach_ends(solid, rng, coach, trim):
    """Destination display, lamps and bumper, rear and front."""
    half, height = coach.half_width, coach.height
    for end, lamp in ((-coach.length / 2 - 0.02, REAR_LAMP), (coach.length / 2 + 0.02, FRONT_LAMP)):
        lit = rng.random() < 0.7
        above = end - np.sign(end) * coach.slope
        display = np.array([235.0, 160, 40]) if lit else np.array([30.0, 30, 30])
        solid.end_panel(above, (-0.7, 0.7), (height - 0.42, height - 0.2), display)
        for x in (-half + 0.28, half - 0.28):
            solid.end_panel(end, (x - 0.14, x + 0.14), (0.75, 1.0), lamp)
        solid.end_panel(end, (-half, half), (0.4, 0.62), trim)
