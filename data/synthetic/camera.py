"""The pinhole camera behind the windscreen, and the street's bend.

World coordinates are metres: x to the right of the road's axis, y above the ground, z ahead. Image
coordinates are pixels with whole numbers at pixel centres, as in the data set's polygons.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAR = 0.8  # metres; what is closer is cut off before projection


@dataclass(frozen=True)
class Camera:
    """A level camera that looks along the street; `bend` is the road's curvature in 1/m."""

    height: int
    width: int
    focal: float  # pixels
    center: float  # column of the vanishing point
    horizon: float  # row
    eye_x: float  # metres right of the road's axis
    eye_y: float  # metres above the ground
    bend: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels [N, 2] of the world points [N, 3], whose z must be positive."""
        x, y, z = np.asarray(points, np.float64).reshape(-1, 3).T
        x = x + self.bend * z * z
        pixels = np.empty((len(z), 2))  # np.stack takes longer than the sums
        pixels[:, 0] = self.center + self.focal * (x - self.eye_x) / z
        pixels[:, 1] = self.horizon + self.focal * (self.eye_y - y) / z
        return pixels

    def polygon(self, points: np.ndarray) -> np.ndarray:
        """Pixels [M, 2] of a planar polygon [N, 3], cut at the near plane; empty where all is behind it."""
        return self.project(_clip_near(np.asarray(points, np.float64).reshape(-1, 3)))

    def scale(self, z: float) -> float:
        """Pixels per metre at the depth z."""
        return self.focal / max(z, NEAR)

    def sees(self, center: np.ndarray, normal: np.ndarray) -> bool:
        """Whether a face with this outward normal is turned towards the camera."""
        x, y, z = center.tolist()
        right, up, ahead = normal.tolist()
        return right * (x - self.eye_x + self.bend * z**2) + up * (y - self.eye_y) + ahead * z < 0

    def shows(self, polygon: np.ndarray) -> bool:
        """Whether the bounding box of an image polygon [N, 2] meets the image."""
        if len(polygon) < 3:
            return False
        low, high = polygon.min(0), polygon.max(0)
        return bool(high[0] > 0 and low[0] < self.width and high[1] > 0 and low[1] < self.height)

    def ground(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World x [H, W] and z [H] of the ground at pixel columns [W] and rows [H] below the horizon."""
        z = self.focal * self.eye_y / np.maximum(rows - self.horizon, 0.05)
        x = (
            (columns[None, :] - self.center) * (z / self.focal)[:, None]
            + self.eye_x
            - (self.bend * z * z)[:, None]
        )
        return x.astype(np.float32), z.astype(np.float32)


def _clip_near(points):
    if points[:, 2].min(initial=NEAR) >= NEAR:
        return points
    kept = []
    for start, end in zip(points, np.roll(points, -1, axis=0)):
        if start[2] >= NEAR:
            kept.append(start)
        if (start[2] >= NEAR) != (end[2] >= NEAR):
            kept.append(start + (end - start) * (NEAR - start[2]) / (end[2] - start[2]))
    return np.array(kept).reshape(-1, 3)


@dataclass(frozen=True)
class Pose:
    """Where an object stands and whereto it faces; heading 0 is away from the camera, pi towards it."""

    x: float
    z: float
    heading: float = 0.0

    def place(self, points) -> np.ndarray:
        """World points [N, 3] of the object's own (right, up, forward) points [N, 3]."""
        right, up, forward = np.asarray(points, np.float64).reshape(-1, 3).T
        sine, cosine = self._turn
        placed = np.empty((len(up), 3))
        placed[:, 0] = self.x + right * cosine + forward * sine
        placed[:, 1] = up
        placed[:, 2] = self.z - right * sine + forward * cosine
        return placed

    @cached_property
    def _turn(self):
        return np.sin(self.heading), np.cos(self.heading)


def random_camera(rng: np.random.Generator, size: tuple[int, int], eye_x: float) -> Camera:
    """A camera of about 50 degrees' field of view at 1.3 m, looking slightly off the street's axis."""
    height, width = size
    return Camera(
        height=height,
        width=width,
        focal=width * rng.uniform(0.95, 1.15),
        center=width * rng.uniform(0.4, 0.6),
        horizon=height * rng.uniform(0.4, 0.5),
        eye_x=eye_x,
        eye_y=rng.uniform(1.2, 1.45),
        bend=float(rng.choice([0.0, 1.0]) * rng.uniform(-1.0, 1.0) / 900),
    )
