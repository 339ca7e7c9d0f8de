"""Pedestrians, and riders with what they ride, built of limbs."""

import numpy as np

from data.synthetic.camera import Pose
from data.synthetic.solids import Sculptor, View
from data.synthetic.thing import Thing
from data.synthetic.vehicles import RUBBER, paint

SKINS = np.array([[224, 180, 150], [198, 146, 112], [150, 104, 76], [96, 66, 50]], float)
HAIR = np.array([[40, 30, 24], [80, 56, 36], [150, 116, 70], [120, 118, 116]], float)


def cloth(rng: np.random.Generator) -> np.ndarray:
    """A colour of clothes: mostly dark or muted, now and then bright."""
    if rng.random() < 0.3:
        return rng.uniform(20, 235, 3)
    grey = rng.uniform(25, 190)
    return np.clip(grey + rng.normal(0, 18, 3), 10, 240)


def pedestrian(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A person who stands or walks, now and then a child, a skirt, a bag."""
    solid, tall = Sculptor(view, pose), rng.uniform(0.92, 1.06) * (0.68 if rng.random() < 0.08 else 1.0)
    skin, top, trousers = SKINS[rng.integers(4)] + rng.normal(0, 5, 3), cloth(rng), cloth(rng)
    swing = rng.uniform(0.08, 0.32) if rng.random() < 0.75 else 0.04
    hip, shoulder = 0.88 * tall, 1.42 * tall
    far, near = (-1, 1) if rng.random() < 0.5 else (1, -1)
    for side, shade in ((far, 0.82), (near, 1.0)):
        step = side * swing
        solid.capsule(
            (side * 0.09, hip, 0),
            (side * 0.1, 0.47 * tall, step * 0.55 + 0.05),
            (0.095, 0.07),
            trousers * shade,
        )
        solid.capsule(
            (side * 0.1, 0.47 * tall, step * 0.55 + 0.05),
            (side * 0.1, 0.06, step),
            (0.068, 0.05),
            trousers * shade,
        )
        solid.capsule((side * 0.1, 0.045, step), (side * 0.11, 0.04, step + 0.14), (0.05, 0.04), RUBBER * 1.5)
    _arm(solid, far, shoulder, swing * far, top * 0.85, skin)
    solid.capsule((0, hip - 0.02, 0), (0, shoulder - 0.08, 0), (0.165, 0.2), top)
    if rng.random() < 0.2:
        solid.capsule((0, hip, 0), (0, 0.55 * tall, 0), (0.17, 0.24), trousers)
    _arm(solid, near, shoulder, -swing * near, top * 0.95, skin)
    if rng.random() < 0.3:
        solid.capsule((near * 0.27, hip - 0.05, 0), (near * 0.28, hip - 0.32, 0), (0.09, 0.13), cloth(rng))
    _head(solid, (0, shoulder, 0), skin, HAIR[rng.integers(4)], tall)
    return [solid.thing("person", detail=0.6)]


def _arm(solid, side, shoulder, swing, sleeve, skin):
    elbow = (side * 0.25, shoulder * 0.79, swing * 0.4)
    hand = (side * 0.25, shoulder * 0.605, swing * 1.1 + 0.08)
    solid.capsule((side * 0.2, shoulder - 0.06, 0), elbow, (0.07, 0.055), sleeve)
    solid.capsule(elbow, hand, (0.055, 0.04), sleeve)
    solid.capsule(hand, hand, (0.045, 0.045), skin)


def _head(solid, neck, skin, hair, tall=1.0, helmet=None):
    x, up, forward = neck
    solid.capsule((x, up - 0.02, forward), (x, up + 0.1, forward), (0.06, 0.06), skin * 0.9)
    solid.capsule(
        (x, up + 0.14 * tall, forward + 0.02), (x, up + 0.22 * tall, forward + 0.01), (0.085, 0.1), skin
    )
    cap, size = (hair, 0.1) if helmet is None else (helmet, 0.125)
    solid.capsule(
        (x, up + 0.22 * tall, forward - 0.02), (x, up + 0.24 * tall, forward - 0.02), (size, size), cap
    )


def bicycle(view: View, rng: np.random.Generator, pose: Pose) -> Thing:
    """A bicycle; its outline takes the wheels as discs and the frame as an area, as annotators draw it."""
    solid, frame = Sculptor(view, pose), paint(rng)
    for forward in (-0.52, 0.52):
        _spoked_wheel(solid, forward)
    solid.capsule((0, 0.32, 0.52), (0, 0.86, 0.36), (0.025, 0.025), frame)
    for start, end in (
        ((0, 0.32, -0.52), (0, 0.33, -0.08)),
        ((0, 0.33, -0.08), (0, 0.72, -0.22)),
        ((0, 0.33, -0.08), (0, 0.76, 0.36)),
        ((0, 0.7, -0.2), (0, 0.78, 0.36)),
        ((0, 0.32, -0.52), (0, 0.7, -0.2)),
    ):
        solid.capsule(start, end, (0.028, 0.028), frame)
    solid.capsule((0, 0.88, -0.32), (0, 0.9, -0.1), (0.06, 0.04), RUBBER)
    solid.capsule((0, 0.7, -0.22), (0, 0.88, -0.24), (0.02, 0.02), RUBBER * 3)
    solid.capsule((-0.27, 0.98, 0.3), (0.27, 0.98, 0.3), (0.025, 0.025), RUBBER * 2)
    solid.capsule((0, 0.86, 0.36), (0, 0.98, 0.32), (0.02, 0.02), RUBBER * 3)
    if rng.random() < 0.3:
        solid.box((-0.16, 0.82, 0.42), (0.16, 1.02, 0.68), np.array([110.0, 88, 60]))
    return solid.thing("bicycle", detail=0.8)


def _spoked_wheel(solid, forward):
    turn = np.linspace(0, 2 * np.pi, 22)
    for offset in (-0.018, 0.018):
        rim = np.stack([0 * turn + offset, 0.33 + 0.31 * np.sin(turn), forward + 0.31 * np.cos(turn)], 1)
        solid.line(rim, 0.045, RUBBER)
    flat = solid.view.camera.polygon(solid.pose.place(rim))
    solid.shapes.append(flat)
    solid.capsule((0, 0.02, forward), (0, 0.64, forward), (0.025, 0.025), RUBBER * 2.2)
    for angle in (0.5, 1.2, 2.0, 2.7):
        reach = np.array([0, 0.3 * np.sin(angle), 0.3 * np.cos(angle)])
        solid.line(
            [np.array([0, 0.33, forward]) - reach, np.array([0, 0.33, forward]) + reach], 0.008, RUBBER * 3.2
        )


def cyclist(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A bicycle and its rider, in the data set's order: the rider is drawn over it."""
    return [
        bicycle(view, rng, pose),
        _rider(
            view,
            rng,
            pose,
            hip=(0.96, -0.2),
            grip=(1.0, 0.28),
            lean=rng.uniform(0.12, 0.3),
            foot=(0.2, -0.05),
        ),
    ]


def motorcycle(view: View, rng: np.random.Generator, pose: Pose) -> Thing:
    """A motorcycle or scooter."""
    solid, body = Sculptor(view, pose), paint(rng)
    for forward in (-0.68, 0.7):
        solid.disc((0, 0.31, forward), 0.31, RUBBER, thickness=0.14)
        solid.disc((0, 0.31, forward), 0.17, np.array([130.0, 130, 134]), silhouette=False)
    solid.capsule((0, 0.31, 0.7), (0, 0.95, 0.42), (0.06, 0.06), np.array([140.0, 140, 145]))
    solid.capsule((0, 0.42, -0.3), (0, 0.45, 0.25), (0.19, 0.17), np.array([66.0, 66, 70]))
    solid.capsule((0, 0.3, -0.75), (0, 0.36, 0.05), (0.06, 0.05), np.array([150.0, 148, 145]))
    solid.capsule((0, 0.75, -0.72), (0, 0.76, -0.05), (0.11, 0.14), RUBBER * 1.3)
    solid.capsule((0, 0.8, 0.0), (0, 0.84, 0.36), (0.17, 0.16), body)
    solid.capsule((0, 0.62, -0.8), (0, 0.66, -0.3), (0.1, 0.12), body)
    solid.capsule((-0.34, 1.02, 0.36), (0.34, 1.02, 0.36), (0.03, 0.03), RUBBER * 1.5)
    solid.capsule(
        (0, 0.9, 0.5),
        (0, 0.94, 0.52),
        (0.11, 0.12),
        np.array([225.0, 225, 215]) if np.cos(pose.heading) < 0 else body,
    )
    if np.cos(pose.heading) > 0:
        solid.capsule((0, 0.66, -0.84), (0, 0.7, -0.84), (0.06, 0.06), np.array([190.0, 32, 28]))
    return solid.thing("motorcycle", detail=0.6)


def motorcyclist(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A motorcycle and its rider with a helmet."""
    rider = _rider(
        view,
        rng,
        pose,
        hip=(0.88, -0.3),
        grip=(1.04, 0.32),
        lean=rng.uniform(0.1, 0.3),
        foot=(0.32, 0.05),
        helmet=paint(rng),
    )
    return [motorcycle(view, rng, pose), rider]


def _rider(view, rng, pose, hip, grip, lean, foot, helmet=None):
    solid, skin, jacket, trousers = Sculptor(view, pose), SKINS[rng.integers(4)], cloth(rng), cloth(rng)
    if helmet is None and rng.random() < 0.4:
        helmet = paint(rng)
    seat, shoulder = (0, hip[0], hip[1]), (0, hip[0] + 0.5, hip[1] + 0.2 + lean)
    spread, phase = rng.uniform(-0.17, 0.17), rng.choice([-1, 1])
    for side, shade in ((phase, 0.8), (-phase, 1.0)):
        knee = (side * 0.13, hip[0] - 0.27 + side * spread, hip[1] + 0.42)
        pedal = (side * 0.12, foot[0] + 0.13 + side * spread, foot[1] + 0.08)
        solid.capsule((side * 0.09, hip[0], hip[1]), knee, (0.11, 0.075), trousers * shade)
        solid.capsule(knee, pedal, (0.072, 0.05), trousers * shade)
        solid.capsule(pedal, (side * 0.12, pedal[1] - 0.03, pedal[2] + 0.13), (0.05, 0.045), RUBBER * 1.5)
    for side in (phase, -phase):
        elbow = (side * 0.27, shoulder[1] - 0.26, (shoulder[2] + grip[1]) / 2 + 0.02)
        solid.capsule((side * 0.19, shoulder[1] - 0.04, shoulder[2]), elbow, (0.07, 0.055), jacket * 0.9)
        solid.capsule(elbow, (side * 0.26, grip[0], grip[1]), (0.055, 0.04), jacket * 0.9)
    solid.capsule(seat, (0, shoulder[1] - 0.06, shoulder[2]), (0.16, 0.2), jacket)
    _head(solid, (0, shoulder[1] + 0.02, shoulder[2] + 0.05), skin, HAIR[rng.integers(4)], helmet=helmet)
    return solid.thing("rider", detail=0.6)
