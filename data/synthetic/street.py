"""The street's cross-section: lanes, parking, verges, pavements, and the ground of it all."""

from dataclasses import dataclass

import numpy as np

from data.synthetic import ground
from data.synthetic.shapes import Fill
from data.synthetic.solids import View
from data.synthetic.thing import Thing

LANE = 3.2  # metres


@dataclass(frozen=True)
class Street:
    """Distances in metres from the road's axis; pairs are (left, right)."""

    district: str  # "centre", "suburb" or "park"
    lanes: int  # in each direction
    own_lane: int  # counted from the axis
    parking: tuple[bool, bool]
    kerbs: tuple[float, float]
    verges: tuple[float, float]  # widths of grass between kerb and pavement
    fronts: tuple[float, float]  # where the pavement ends
    rails: bool
    crossings: tuple[float, ...]  # depths of zebra crossings
    junctions: tuple[tuple[int, float, float], ...]  # (side, near, far) of side streets

    def lane(self, number: int, side: int) -> float:
        """The middle of a lane, counted from the axis, on the right (1) or the left (-1)."""
        return side * LANE * (number + 0.5)

    def kerb(self, side: int) -> float:
        """The kerb's x on that side."""
        return side * self.kerbs[side > 0]

    def front(self, side: int) -> float:
        """Where the houses may start on that side."""
        return side * self.fronts[side > 0]

    def in_junction(self, side: int, z: float, margin: float = 0.0) -> bool:
        """Whether a side street opens there."""
        return any(at == side and near - margin < z < far + margin for at, near, far in self.junctions)


def random_street(rng: np.random.Generator, rails: bool, lawns: bool) -> Street:
    """A street layout; `rails` asks for a tramway in the inner lanes, `lawns` for grass along the kerbs."""
    district = str(rng.choice(["centre", "suburb", "park"], p=[0.5, 0.3, 0.2]))
    lanes = int(rng.choice([1, 2], p=[0.68, 0.32]))
    parking = (bool(rng.random() < 0.6), bool(rng.random() < 0.6))
    kerbs = tuple(lanes * LANE + 0.4 + 2.1 * parked for parked in parking)
    green = 1.0 if lawns else 0.2 if district == "centre" else 0.55
    verges = tuple(float(rng.uniform(0.8, 2.0)) if rng.random() < green else 0.0 for _ in kerbs)
    fronts = tuple(kerb + verge + float(rng.uniform(2.4, 6.5)) for kerb, verge in zip(kerbs, verges))
    crossings = (float(rng.uniform(9, 30)),) if rng.random() < 0.35 else ()
    junctions = []
    for side in (-1, 1):
        if rng.random() < 0.6:
            near = float(rng.uniform(16, 50))
            junctions.append((side, near, near + float(rng.uniform(6.5, 9))))
    return Street(
        district,
        lanes,
        int(rng.integers(lanes)),
        parking,
        kerbs,
        verges,
        fronts,
        rails,
        crossings,
        tuple(junctions),
    )


def ground_things(view: View, rng: np.random.Generator, street: Street) -> list[Thing]:
    """All ground in painter's order: what lies beyond the pavements, pavements, verges, road."""
    camera = view.camera
    lawn = np.array([112.0, 116, 70]) * rng.uniform(0.85, 1.15) + rng.normal(0, 6, 3)
    stone = np.full(3, rng.uniform(122, 172)) * (1 + rng.normal(0, 0.03, 3))
    tar = np.full(3, rng.uniform(86, 132)) * (1 + rng.normal(0, 0.015, 3))
    wide = np.array(
        [
            (0, camera.horizon),
            (camera.width, camera.horizon),
            (camera.width, camera.height),
            (0, camera.height),
        ],
        float,
    )
    beyond = (
        ("sidewalk", "paving", stone * 0.95) if street.district == "centre" else ("terrain", "grass", lawn)
    )
    things = [ground.patch(view, rng, beyond[0], wide, *beyond[1:])]
    pavement = str(rng.choice(["paving", "cobble", "asphalt"], p=[0.6, 0.2, 0.2]))
    for side in (-1, 1):
        kerb, verge, front = street.kerb(side), street.verges[side > 0], street.front(side)
        if verge:
            area = ground.strip(camera, *sorted((kerb, kerb + side * verge)))
            things.append(ground.patch(view, rng, "terrain", area, "grass", lawn))
        area = ground.strip(camera, *sorted((kerb + side * verge, front)))
        walk = ground.patch(view, rng, "sidewalk", area, pavement, stone)
        things.append(walk)
    road = _road(view, rng, street, tar)
    return (
        things
        + _side_streets(view, rng, street, tar)
        + [road]
        + _parking(view, rng, street, tar)
        + _kerbs(view, street, stone)
    )


def _side_streets(view, rng, street, tar):
    made = []
    for side, near, far in street.junctions:
        area = ground.rectangle(*sorted((street.kerb(side) - side * 0.2, side * 70)), near, far)
        made.append(ground.patch(view, rng, "road", view.camera.polygon(area), "asphalt", tar))
    return made


def _kerbs(view, street, stone):
    """Kerb stones as part of the pavement, where no side street opens."""
    made = []
    for side in (-1, 1):
        breaks = sorted((near, far) for at, near, far in street.junctions if at == side)
        start = 1.0
        for near, far in [*breaks, (90.0, 90.0)]:
            area = ground.strip(
                view.camera, *sorted((street.kerb(side), street.kerb(side) + side * 0.16)), start, near
            )
            color = view.light.color(stone * 1.16, (start + near) / 3, np.array([0.0, 1.0, 0.0]))
            made.append(Thing("sidewalk", [area], [], fill=color))
            start = far
    return made


def _parking(view, rng, street, tar):
    """Bays along the kerb: "parking" where they are paved differently, otherwise simply road."""
    made = []
    for side in (-1, 1):
        if street.parking[side > 0] and rng.random() < 0.4:
            area = ground.strip(
                view.camera, *sorted((street.kerb(side), street.kerb(side) - side * 2.1)), 1.0, 80.0
            )
            made.append(ground.patch(view, rng, "parking", area, "cobble", tar * 1.15))
    return made


def _road(view, rng, street, tar):
    """The road with its markings, patches of newer tar, manholes and rails."""
    area = ground.strip(view.camera, street.kerb(-1), street.kerb(1))
    road = ground.patch(view, rng, "road", area, "asphalt", tar)
    for _ in range(int(rng.integers(0, 5))):
        x, z = rng.uniform(-0.8, 0.8) * street.kerbs[1], rng.uniform(5, 40)
        mend = ground.rectangle(x, x + rng.uniform(0.6, 2.5), z, z + rng.uniform(1.5, 9))
        road.parts.append(ground.marking(view, mend, tar * rng.uniform(0.72, 1.12)))
    for _ in range(int(rng.integers(0, 3))):
        turn, x, z = np.linspace(0, 6.28, 16), rng.uniform(-0.7, 0.7) * street.kerbs[1], rng.uniform(6, 25)
        lid = np.stack([x + 0.35 * np.cos(turn), 0 * turn, z + 0.35 * np.sin(turn)], 1)
        road.parts.append(ground.marking(view, lid, tar * 0.6))
    road.parts += _rails(view, street, tar) if street.rails else []
    if rng.random() < 0.85:
        road.parts += _lane_marks(view, rng, street)
    road.parts += [bar for z in street.crossings for bar in _zebra(view, street, z)]
    return road


def _rails(view, street, tar):
    steel, groove = np.array([150.0, 150, 152]), tar * 0.55
    made = []
    for x in (
        -street.lane(0, 1) - 0.72,
        -street.lane(0, 1) + 0.72,
        street.lane(0, 1) - 0.72,
        street.lane(0, 1) + 0.72,
    ):
        for left, right, albedo in ((x - 0.09, x + 0.09, groove), (x - 0.03, x + 0.04, steel)):
            color = view.light.color(albedo, 15.0, np.array([0.0, 1.0, 0.0]))
            made.append(Fill(ground.strip(view.camera, left, right, 1.0, 120.0), color))
    return made


def _lane_marks(view, rng, street):
    made, phase, white = [], rng.uniform(0, 9), np.full(3, rng.uniform(185, 235))
    for number in range(-street.lanes + 1, street.lanes):
        x = number * LANE
        if number == 0 and street.lanes > 1:
            places = [(1.5 + 10 * i, 11.5 + 10 * i) for i in range(10)]
        else:
            places = [(z, z + 3.0) for z in np.arange(2.0 + phase - 9, 100, 9.0) if z > 1.2]
        for near, far in places:
            made.append(ground.marking(view, ground.rectangle(x - 0.07, x + 0.07, near, far), white))
    for side in (-1, 1):
        x = side * street.lanes * LANE
        if street.parking[side > 0] and rng.random() < 0.7:
            for near in range(2, 90, 8):
                made.append(ground.marking(view, ground.rectangle(x - 0.06, x + 0.06, near, near + 8), white))
    if rng.random() < 0.3:
        made.append(_arrow(view, street, rng.uniform(8, 20), white))
    return made


def _arrow(view, street, z, white):
    x = street.lane(street.own_lane, 1)
    points = [(-0.08, 0), (0.08, 0), (0.08, 2.6), (0.4, 2.6), (0, 4.4), (-0.4, 2.6), (-0.08, 2.6)]
    return ground.marking(view, np.array([(x + right, 0, z + forward) for right, forward in points]), white)


def _zebra(view, street, z):
    left, right = street.kerb(-1) + 0.4, street.kerb(1) - 0.4
    return [
        ground.marking(view, ground.rectangle(x, x + 0.5, z, z + 3.2))
        for x in np.arange(left, right - 0.5, 1.0)
    ]
