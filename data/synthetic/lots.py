"""What stands beyond the pavements: rows of houses, gardens, parks, and the street's far end."""

from dataclasses import replace

import numpy as np

from data.synthetic import buildings, furniture, plants
from data.synthetic.camera import Pose
from data.synthetic.order import Placed
from data.synthetic.solids import View
from data.synthetic.street import Street

FAR = 150.0  # metres; beyond stands the backdrop


def lot_things(view: View, rng: np.random.Generator, street: Street, enclosures: list[str]) -> list[Placed]:
    """Both sides of the street; the first `enclosures` ("wall", "fence") are put up near the camera."""
    made = _backdrop(view, rng, street)
    first = int(rng.choice([-1, 1]))
    for side in (first, -first):
        wanted = enclosures if side == first else []
        made += _row(view, rng, street, side, list(wanted))
    return made


def _row(view, rng, street, side, wanted):
    made, near = [], 3.0
    base = rng.uniform(9, 17) if street.district == "centre" else rng.uniform(6, 10)
    while near < FAR:
        opening = next(
            (far for at, start, far in street.junctions if at == side and start - 1 <= near < far), None
        )
        if opening is not None:
            near = opening + 1.5
            continue
        far = near + rng.uniform(8, 20)
        starts = [start for at, start, _ in street.junctions if at == side and near < start - 1 < far]
        far = min([far, *[start - 1.0 for start in starts]])
        if far - near > 2.5:
            enclosure = wanted.pop(0) if wanted and far > 13 and far - near > 5 else None
            tall = float(np.clip(base + rng.normal(0, 2.2), 4.5, 24))
            plot = buildings.Plot(side, street.front(side), near, far, tall)
            made.append(_lot(view, rng, street, plot, enclosure))
        near = far + (rng.uniform(2, 6) if street.district != "centre" and rng.random() < 0.4 else 0.02)
    return made


def _lot(view, rng, street, plot, enclosure):
    """What stands on one lot, from the back to the front."""
    chance = {"centre": 0.88, "suburb": 0.7, "park": 0.3}[street.district]
    built, setback = rng.random() < chance, 0.0
    if street.district != "centre" or enclosure or not built:
        setback = float(rng.uniform(3.0, 7.0))
    back = replace(plot, x=plot.x + plot.side * setback)
    made = []
    if not built:
        made += _trees(view, rng, back, int(rng.integers(2, 6)), 3.0)
    else:
        made.append(buildings.building(view, rng, back))
        if setback:
            garden = replace(plot, x=plot.x + plot.side * setback * 0.5)
            made += _trees(view, rng, garden, int(rng.integers(0, 3)), 0.8)
    if setback:
        made += _enclosure(view, rng, plot, enclosure)
    return Placed(made, plot.x, plot.near, plot.far)


def _enclosure(view, rng, plot, wanted):
    kind = wanted or str(rng.choice(["wall", "fence", "hedge", "none"], p=[0.25, 0.3, 0.2, 0.25]))
    make = {"wall": furniture.wall, "fence": furniture.fence, "hedge": plants.hedge}.get(kind)
    return [make(view, rng, plot.x + plot.side * 0.1, plot.near, plot.far)] if make else []


def _trees(view, rng, plot, count, spread):
    """Trees and bushes up to `spread` metres behind the plot's front."""
    made = []
    for z in sorted(rng.uniform(max(plot.near, 5.0), max(plot.far, 6.0), count), reverse=True):
        pose = Pose(plot.x + plot.side * rng.uniform(0, spread), float(z))
        made += plants.tree(view, rng, pose) if rng.random() < 0.65 else plants.bush(view, rng, pose)
    return made


def _backdrop(view, rng, street):
    """Where the street ends: a row of distant houses and trees across."""
    z = FAR + 25
    reach = 0.6 * view.camera.width * z / view.camera.focal
    made, x = [], -reach
    while x < reach:
        wide = rng.uniform(10, 24)
        middle = x + wide / 2 + view.camera.eye_x - view.camera.bend * z * z
        if rng.random() < (0.75 if street.district == "centre" else 0.4):
            made.append(buildings.skyline(view, rng, middle, z))
        else:
            made += plants.tree(view, rng, Pose(middle, z), rng.uniform(9, 15))
            made += plants.tree(view, rng, Pose(middle + wide / 3, z), rng.uniform(7, 12))
        x += wide * rng.uniform(0.8, 1.15)
    return [Placed([thing], 0.0, z, z) for thing in made]
