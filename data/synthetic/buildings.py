"""Houses along the street: a facade in the street's plane, the end wall and the roof."""

from dataclasses import dataclass

import cv2
import numpy as np

from data.synthetic.facades import Facade, draw_front, draw_gable
from data.synthetic.furniture import lit_plane, surface_density
from data.synthetic.shapes import Fill
from data.synthetic.solids import View
from data.synthetic.thing import Thing

# Several are a road's, a wall's, a tree's or a sky's colour too: colour alone must not tell the class.
# fmt: off
WALLS = np.array([
    [206, 194, 168], [176, 168, 156], [152, 150, 148], [128, 126, 124], [188, 148, 122],
    [150, 92, 74], [222, 218, 208], [196, 176, 120], [142, 150, 132], [160, 172, 182],
    [110, 104, 98], [172, 128, 110], [120, 128, 100], [190, 192, 194], [98, 100, 104],
], float)
BRICKS = np.array([[142, 82, 66], [120, 88, 72], [164, 120, 86], [126, 116, 108]], float)
ROOFS = np.array([[132, 74, 56], [96, 88, 84], [84, 66, 58], [112, 112, 114]], float)
# fmt: on


@dataclass(frozen=True)
class Plot:
    """The ground of a house: its front at x, `side` times outwards, between two depths; its height."""

    side: int
    x: float
    near: float
    far: float
    tall: float

    def across(self, outwards: float, up: float, z: float) -> tuple[float, float, float]:
        """A world point `outwards` metres behind the front."""
        return self.x + self.side * outwards, up, z


def building(view: View, rng: np.random.Generator, plot: Plot) -> Thing:
    """A house."""
    camera, tall, depth = view.camera, plot.tall, rng.uniform(9, 14)
    front = np.array([plot.across(0, up, z) for up, z in _around(tall, plot.near, plot.far)])
    gable = np.array([plot.across(out, up, plot.near) for up, out in _around(tall, 0, depth)])
    shapes, parts = [camera.polygon(front), camera.polygon(gable)], []
    style = str(rng.choice(["plaster", "brick", "stone", "glass"], p=[0.55, 0.18, 0.15, 0.12]))
    wall, density = _wall_color(rng, style), surface_density(view, plot.near)
    if camera.shows(shapes[0]):
        facade = Facade(rng, view.light, (plot.far - plot.near, tall), density)
        parts.append(lit_plane(view, draw_front(facade, style, wall), front))
    if rng.random() < 0.5:
        for shape, color in _roof(view, rng, plot):
            shapes.append(shape)
            parts.append(Fill(shape, color))
    if camera.shows(shapes[1]):
        facade = Facade(rng, view.light, (depth, tall), density * 0.7)
        parts.append(lit_plane(view, draw_gable(facade, wall), gable))
    return Thing("building", shapes, parts)


def _around(tall, start, end):
    """(up, place) of a wall's corners, clockwise from the top at its start."""
    return (tall, start), (tall, end), (0, end), (0, start)


def _wall_color(rng, style):
    wall = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.85, 1.12) + rng.normal(0, 5, 3)
    if style == "brick":
        wall = BRICKS[rng.integers(4)] * rng.uniform(0.85, 1.15)
    return np.clip(wall, 20, 245).astype(np.float32)


def _roof(view, rng, plot):
    """A pitched roof, of which the slope to the street is seen from afar: its polygons and colours."""
    rise, run, near, far = rng.uniform(2.0, 4.5), rng.uniform(4.0, 6.0), plot.near, plot.far
    top = plot.tall + rise
    slope = [
        plot.across(0, plot.tall, near),
        plot.across(0, plot.tall, far),
        plot.across(run, top, far),
        plot.across(run, top, near),
    ]
    normal = np.array([-plot.side * rise, run, 0.0]) / np.hypot(rise, run)
    if not view.camera.sees(np.mean(slope, 0), normal):
        return
    tiles = ROOFS[rng.integers(4)] * rng.uniform(0.8, 1.15)
    yield view.camera.polygon(slope), view.light.color(tiles, (near + far) / 2, normal)
    end = [
        plot.across(0, plot.tall, near),
        plot.across(run, top, near),
        plot.across(run * 2, plot.tall, near),
    ]
    plaster = np.array([150.0, 140, 128]) * rng.uniform(0.7, 1.2)
    yield view.camera.polygon(end), view.light.color(plaster, near)


def skyline(view: View, rng: np.random.Generator, middle: float, z: float) -> Thing:
    """A distant block that faces the camera, where the street ends."""
    wide, tall = rng.uniform(10, 24), rng.uniform(6, 16)
    left, right = middle - wide / 2, middle + wide / 2
    corners = np.array([(left, tall, z), (right, tall, z), (right, 0, z), (left, 0, z)])
    image = draw_front(Facade(rng, view.light, (wide, tall), 5.0), "plaster", _wall_color(rng, "plaster"))
    pixels = view.camera.scale(z) * 2
    size = max(2, round(wide * pixels)), max(2, round(tall * pixels))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return Thing("building", [view.camera.polygon(corners)], [lit_plane(view, small, corners)])
