"""What all vehicles share: paint, glass, wheels, and panels on their sides and ends."""

import numpy as np

from data.synthetic.camera import Pose
from data.synthetic.solids import Sculptor

# fmt: off
PAINTS = np.array([
    [38, 38, 40], [70, 72, 76], [120, 122, 126], [165, 167, 170], [225, 226, 226], [232, 228, 214],
    [40, 58, 105], [95, 130, 170], [135, 28, 30], [188, 52, 42], [58, 82, 56], [96, 120, 70],
    [128, 96, 66], [178, 152, 110], [205, 170, 60], [88, 60, 52],
], float)
# fmt: on
GLASS = np.array([52.0, 60, 66])
RUBBER = np.array([26.0, 26, 28])
FRONT_LAMP = np.array([235.0, 235, 222])
REAR_LAMP = np.array([180.0, 30, 28])

# Half of width and length in metres, for shadows.
FOOTPRINTS = {"car": (0.9, 2.1), "truck": (1.2, 4.2), "bus": (1.25, 5.6), "train": (1.22, 11.0)}


def paint(rng: np.random.Generator) -> np.ndarray:
    """A car colour; a half of them greys, as on the street."""
    base = PAINTS[rng.integers(0, 6 if rng.random() < 0.5 else len(PAINTS))]
    return np.clip(base + rng.normal(0, 8, 3), 15, 245)


def footprint(label: str, pose: Pose) -> np.ndarray:
    """The ground [4, 3] that a vehicle stands on."""
    across, along = FOOTPRINTS[label]
    return pose.place([(-across, 0, -along), (across, 0, -along), (across, 0, along), (-across, 0, along)])


class Vehicle(Sculptor):
    """A sculptor of vehicles; their forward axis has its zero between rear (negative) and front."""

    def end_panel(self, forward: float, across: tuple, up: tuple, albedo, top: float | None = None) -> None:
        """A rectangle on the rear or the front; `top` is where its upper edge lies, if it leans."""
        high = forward if top is None else top
        (left, right), (bottom, rim) = across, up
        panel = [(left, bottom, forward), (left, rim, high), (right, rim, high), (right, bottom, forward)]
        self.face(panel if forward < 0 else panel[::-1], albedo, silhouette=False)

    def side_panel(self, x: float, along: tuple, up: tuple, albedo) -> None:
        """A rectangle on the left (x < 0) or right side."""
        (back, front), (bottom, top) = along, up
        self.side_face(x, [(back, bottom), (back, top), (front, top), (front, bottom)], albedo)

    def side_face(self, x: float, profile, albedo, lean: float = 0.0, belt: float = 0.0) -> None:
        """A polygon of (forward, up) on a side, clockwise seen from the right, leaning in above `belt`."""
        points = [(x - np.sign(x) * lean * max(0.0, up - belt), up, forward) for forward, up in profile]
        self.face(points if x > 0 else points[::-1], albedo, silhouette=False)

    def wheels(self, half_width: float, places, radius: float) -> None:
        """Wheels on both sides, to be painted before the body."""
        for x in (-half_width, half_width):
            for forward in places:
                self.disc((x, radius, forward), radius, RUBBER, thickness=0.2)

    def hubbed_wheels(self, x: float, places, radius: float) -> None:
        """The wheels of the side that is seen, with their hubs, to be painted after the body."""
        for forward in places:
            self.disc((x, radius, forward), radius, RUBBER)
            self.disc((x, radius, forward), radius * 0.62, np.array([120.0, 122, 126]), silhouette=False)
            self.disc((x, radius, forward), radius * 0.2, RUBBER * 2, silhouette=False)
