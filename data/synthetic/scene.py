"""One image's scene: everything that is in it, in painter's order."""

from dataclasses import dataclass

import numpy as np

from data.synthetic import ground
from data.synthetic.camera import random_camera
from data.synthetic.light import random_light
from data.synthetic.lots import lot_things
from data.synthetic.order import painters_order
from data.synthetic.solids import View
from data.synthetic.street import ground_things, random_street
from data.synthetic.thing import Thing
from data.synthetic.traffic import GUESTS, traffic_things
from data.synthetic.vehicles import paint

SPLITS = ("train", "val")


@dataclass(frozen=True)
class Scene:
    """Things far to near; `shadows` are polygons [N, 2], the ground's gain there, and a blur in pixels."""

    view: View
    ground: list[Thing]
    shadows: list[tuple[np.ndarray, float, float]]
    upright: list[Thing]
    noise: np.random.Generator  # what is left of the scene's random stream, for the camera's noise


def random_scene(seed: int, split: str, index: int, size: tuple[int, int]) -> Scene:
    """The scene of an image, which depends on these four alone."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    guests = (GUESTS[index % len(GUESTS)], GUESTS[(index + 3) % len(GUESTS)])
    street = random_street(rng, "train" in guests or rng.random() < 0.12, "terrain" in guests)
    view = View(
        random_camera(rng, size, street.lane(street.own_lane, 1) + rng.normal(0, 0.3)), random_light(rng)
    )
    enclosures = [guest for guest in guests if guest in ("wall", "fence")]
    lots = lot_things(view, rng, street, enclosures)
    traffic, footprints = traffic_things(view, rng, street, guests)
    flat = [ground.sky(view, rng), *ground_things(view, rng, street)]
    upright = painters_order(lots + traffic, view.camera.eye_x)
    return Scene(view, flat, _shadows(view, street, footprints), upright + _frame(view, rng), rng)


def _shadows(view, street, footprints):
    """Soft dark patches under objects, and in the sun the cast shadows of objects and houses."""
    camera, light = view.camera, view.light
    made = []
    drift = -light.direction / max(light.direction[1], 0.3)
    if light.weather == "sun":
        reach = drift[0] * 9.0
        side = -1 if reach > 0 else 1
        edge = street.front(side) + reach
        area = ground.strip(camera, *sorted((street.front(side), edge)), 1.0, 110.0)
        made.append((area, light.shadow(), 1.0))
    for corners in footprints:
        z = float(corners[:, 2].mean())
        made.append((camera.polygon(corners), 0.5, 0.22 * camera.scale(z)))
        if light.weather == "sun":
            shifted = corners + np.array([drift[0], 0, drift[2]]) * 1.1
            shifted[:, 2] = np.maximum(shifted[:, 2], 1.0)
            made.append((camera.polygon(shifted), light.shadow(), 0.1 * camera.scale(z)))
    return made


def _frame(view, rng):
    """The bonnet of the camera's own car, and the image's unused border: void, as in the data set."""
    height, width = view.camera.height, view.camera.width
    made = []
    if rng.random() < 0.85:
        top, middle = height * rng.uniform(0.9, 0.95), width * rng.uniform(0.45, 0.55)
        across = np.linspace(-1, 1, 25)
        rise = top + (height * 1.02 - top) * np.abs(across) ** 2.6
        bonnet = np.concatenate(
            [np.stack([middle + across * width * 0.52, rise], 1), [(width, height), (0, height)]]
        )
        lacquer = view.light.color(paint(rng) * 0.7, 1.0)
        made.append(Thing("ego vehicle", [bonnet], fill=lacquer))
    border = max(1, round(width / 256))
    for left in (0, width - border):
        edge = np.array(
            [(left, 0), (left + border - 1, 0), (left + border - 1, height - 1), (left, height - 1)], float
        )
        made.append(Thing("rectification border", [edge], fill=(8, 8, 9)))
    return made
