"""The ground: road with its markings, pavements, lawns, tracks; and the sky above."""

from dataclasses import dataclass

import numpy as np

from data.synthetic import textures
from data.synthetic.camera import Camera
from data.synthetic.light import UP
from data.synthetic.shapes import Fill, Ground, Layer
from data.synthetic.solids import View
from data.synthetic.thing import Thing

END = 420.0  # metres; where the ground meets the horizon
_STEPS = np.array([1.0, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64, 85, 113, 150, 200, 290, END])


def strip(camera: Camera, left: float, right: float, near: float = 1.0, far: float = END) -> np.ndarray:
    """Image polygon of the ground between two x and two depths, bent with the street."""
    inner = _STEPS[(near < _STEPS) & (far > _STEPS)]
    depths = np.concatenate([[near], inner, [far]])
    side = [(left, 0, z) for z in depths] + [(right, 0, z) for z in depths[::-1]]
    return camera.polygon(np.array(side))


def patch(view: View, rng: np.random.Generator, label: str, polygon: np.ndarray, kind: str, albedo) -> Thing:
    """A piece of ground with its texture: asphalt, paving, cobble or grass."""
    names = {
        "asphalt": (("asphalt", 1.0), ("stain", 0.8)),
        "paving": (("paving", 1.0), ("stain", 0.6)),
        "cobble": (("cobble", 1.0), ("stain", 0.6)),
        "grass": (("grass", 1.0), ("stain", 1.6)),
    }[kind]
    light = view.light
    color = np.asarray(albedo, np.float64) * light.gain(UP)
    surface = Ground(view.camera, names, color, light.haze, light.density, tuple(rng.uniform(0, 90, 2)))
    return Thing(label, [polygon], [surface])


def marking(view: View, polygon_points: np.ndarray, albedo=(222, 222, 214)) -> Fill:
    """A painted mark on the road, from world points [N, 3]."""
    points = np.asarray(polygon_points, np.float64)
    depth = float(max(points[:, 2].mean(), 2.0))
    return Fill(view.camera.polygon(points), view.light.color(albedo, depth, UP))


def rectangle(left: float, right: float, near: float, far: float) -> np.ndarray:
    """World points [4, 3] of a rectangle on the ground."""
    return np.array([(left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)])


@dataclass(frozen=True)
class Sky:
    """The sky's gradient with clouds; fills the whole layer."""

    zenith: np.ndarray
    haze: np.ndarray
    horizon: float
    clouds: float  # share of white
    offset: tuple[float, float]

    def draw(self, layer: Layer) -> None:
        """Paint from the haze at the horizon to the zenith's colour, clouds drawn out sideways."""
        columns, rows = layer.pixel_centers()
        up = np.clip((self.horizon - rows) / max(self.horizon, 1), 0, 1)[:, None]
        base = self.haze + (self.zenith - self.haze) * (up**0.7)[..., None]
        u, v = columns / self.horizon * 0.35 + self.offset[0], rows / self.horizon * 0.8 + self.offset[1]
        cloud = textures.sample_grid("cloud", u, v, 600.0)
        cover = np.clip((cloud - 1.15 + self.clouds) * 1.4, 0, 1)[..., None] * (0.35 + 0.65 * up[..., None])
        white = np.clip(self.haze * (1.12 - 0.12 * cover), 0, 255)
        layer.blend(base * (1 - cover) + white * cover, None)


def sky(view: View, rng: np.random.Generator) -> Thing:
    """The sky over the whole image, down to the horizon."""
    camera, light = view.camera, view.light
    corners = np.array(
        [(0, 0), (camera.width, 0), (camera.width, camera.horizon + 2), (0, camera.horizon + 2)], float
    )
    paint = Sky(
        light.zenith, light.haze, camera.horizon, float(rng.uniform(0.0, 0.6)), tuple(rng.uniform(0, 9, 2))
    )
    return Thing("sky", [corners], [paint])
