"""Who is on the street: vehicles, riders, pedestrians, and the furniture along the kerb."""

import numpy as np

from data.synthetic import cars, coaches, furniture, people, plants, vehicles
from data.synthetic.camera import Pose
from data.synthetic.order import Placed
from data.synthetic.solids import View
from data.synthetic.street import LANE, Street
from data.synthetic.thing import Thing, group

# Classes that are rare on a street; each image gets two of them, so that no set of eight goes without.
# Walls, fences and terrain are beside the traffic: lots.py and street.py see to those.
GUESTS = ("train", "truck", "bus", "motorcycle", "rider", "wall", "fence", "terrain")


class Traffic:
    """Places objects without two of them standing in one another; gathers them and their footprints."""

    def __init__(self, view: View, rng: np.random.Generator, street: Street):
        self.view, self.rng, self.street = view, rng, street
        self.footprints: list[np.ndarray] = []
        self.placed: list[Placed] = []
        self._taken: list[tuple[float, float, float, float]] = []

    def free(self, x: float, z: float, half_width: float, half_length: float) -> bool:
        """Reserve a rectangle of ground; False where something stands already."""
        for other_x, other_z, other_width, other_length in self._taken:
            if abs(x - other_x) < half_width + other_width and abs(z - other_z) < half_length + other_length:
                return False
        self._taken.append((x, z, half_width, half_length))
        return True

    def add(self, things: list[Thing], x: float, z: float, half_length: float = 0.0) -> None:
        """Keep things that belong together, painted in the order given."""
        self.placed.append(Placed(things, x, z - half_length, z + half_length))

    def vehicle(self, label: str, x: float, z: float, heading: float, half_length: float) -> bool:
        """Add a vehicle along the street where there is room."""
        if not self.free(x, z, 1.0, half_length + 0.7):
            return False
        pose = Pose(x, z, heading + self.rng.normal(0, 0.015))
        make = {"car": cars.car, "truck": coaches.truck, "bus": coaches.bus, "train": coaches.tram}[label]
        self.add(make(self.view, self.rng, pose), x, z, half_length)
        self.footprints.append(vehicles.footprint(label, pose))
        return True


def traffic_things(
    view: View, rng: np.random.Generator, street: Street, guests: tuple[str, ...]
) -> tuple[list[Placed], list[np.ndarray]]:
    """All upright things in the street's space, and the ground that they shade."""
    traffic = Traffic(view, rng, street)
    for guest in guests:
        _invite(traffic, guest)
    _drive(traffic)
    _park(traffic)
    _furnish(traffic)
    _walk(traffic)
    return traffic.placed, traffic.footprints


def _invite(traffic, guest):
    """Put a rare object where it is well seen."""
    rng, street = traffic.rng, traffic.street
    oncoming = rng.random() < 0.6
    lane = int(rng.integers(street.lanes))
    if guest == "train":
        z = rng.uniform(24, 32)
        traffic.vehicle("train", street.lane(0, -1), z, np.pi, 13.0)
    elif guest in ("truck", "bus"):
        half = 4.5 if guest == "truck" else 6.2
        x = street.lane(lane, -1) if oncoming else street.lane(street.own_lane, 1)
        traffic.vehicle(guest, x, half + rng.uniform(7, 13), np.pi if oncoming else 0.0, half)
    elif guest == "motorcycle":
        _ride(
            traffic,
            people.motorcyclist,
            rng.uniform(7, 14),
            street.lane(lane, -1) if oncoming else street.lane(street.own_lane, 1),
            oncoming,
        )
    elif guest == "rider":
        x = street.kerb(1) - 0.9 - 2.1 * street.parking[1]
        _ride(traffic, people.cyclist, rng.uniform(6.5, 12), x, False)


def _ride(traffic, make, z, x, oncoming):
    if traffic.free(x, z, 0.5, 1.4):
        pose = Pose(x, z, (np.pi if oncoming else 0.0) + traffic.rng.normal(0, 0.12))
        traffic.add(make(traffic.view, traffic.rng, pose), x, z)
        traffic.footprints.append(
            pose.place([(-0.2, 0, -0.8), (0.2, 0, -0.8), (0.2, 0, 0.8), (-0.2, 0, 0.8)])
        )


def _drive(traffic):
    """Moving vehicles in the lanes, some in side streets, some riders."""
    rng, street = traffic.rng, traffic.street
    busy = rng.uniform(0.15, 0.75)
    for side, heading in ((1, 0.0), (-1, np.pi)):
        for number in range(street.lanes):
            z = rng.uniform(9, 18) if side > 0 else rng.uniform(7, 16)
            while z < 110:
                if rng.random() < busy:
                    label = str(rng.choice(["car", "truck", "bus"], p=[0.9, 0.06, 0.04]))
                    half = {"car": 2.2, "truck": 4.5, "bus": 6.2}[label]
                    traffic.vehicle(
                        label, street.lane(number, side) + rng.normal(0, 0.15), z + half, heading, half
                    )
                z += rng.uniform(9, 22)
    for side, near, far in street.junctions:
        if rng.random() < 0.5:
            _cross(traffic, side, (near + far) / 2)
    for _ in range(int(rng.poisson(0.8))):
        side = int(rng.choice([-1, 1]))
        x = street.kerb(side) - side * (0.9 + 2.1 * street.parking[side > 0])
        _ride(
            traffic,
            people.cyclist if rng.random() < 0.75 else people.motorcyclist,
            rng.uniform(8, 40),
            x,
            side < 0,
        )


def _cross(traffic, side, z):
    """A car that waits in a side street."""
    rng, x = traffic.rng, traffic.street.kerb(side) + side * traffic.rng.uniform(3.0, 9.0)
    if traffic.free(x, z, 2.4, 1.4):
        pose = Pose(x, z - 1.4, -side * np.pi / 2)
        traffic.add(cars.car(traffic.view, rng, pose), x, z - 1.0)
        traffic.footprints.append(vehicles.footprint("car", pose))


def _park(traffic):
    """Parked cars along the kerb, bicycles and motorcycles on the pavement."""
    rng, street = traffic.rng, traffic.street
    for side in (-1, 1):
        if rng.random() < 0.25:
            _rack(traffic, side)
        if street.parking[side > 0]:
            dense, z = rng.uniform(0.3, 0.95), rng.uniform(6, 10)
            while z < 90:
                if rng.random() < dense and not street.in_junction(side, z, 4):
                    traffic.vehicle(
                        "car", street.kerb(side) - side * 1.05, z, 0.0 if side > 0 else np.pi, 2.2
                    )
                z += rng.uniform(5.3, 6.5)
        for _ in range(int(rng.poisson(0.9))):
            z, x = (
                rng.uniform(7, 30),
                street.kerb(side) + side * (street.verges[side > 0] + rng.uniform(0.5, 1.2)),
            )
            if not street.in_junction(side, z, 2) and traffic.free(x, z, 0.6, 1.0):
                pose = Pose(x, z, rng.choice([0.0, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.4))
                make = people.bicycle if rng.random() < 0.75 else people.motorcycle
                traffic.add([make(traffic.view, rng, pose)], x, z)


def _rack(traffic, side):
    """A stand of bicycles side by side, labelled as one group."""
    rng, street = traffic.rng, traffic.street
    count, z = int(rng.integers(3, 7)), rng.uniform(8, 28)
    x = street.kerb(side) + side * (street.verges[side > 0] + 1.1)
    if not street.in_junction(side, z, 3) and traffic.free(x, z, 1.0, count * 0.3):
        heading = side * np.pi / 2 + rng.normal(0, 0.2)
        poses = [Pose(x, z + 0.55 * place, heading + rng.normal(0, 0.08)) for place in range(count)]
        traffic.add([group([people.bicycle(traffic.view, rng, pose) for pose in reversed(poses)])], x, z)


def _furnish(traffic):
    """Lamps, lights, signs, bollards, bins and street trees beside the kerb."""
    rng, street, view = traffic.rng, traffic.street, traffic.view
    for side in (-1, 1):
        x = street.kerb(side) + side * 0.5
        for z in np.arange(rng.uniform(8, 22), 130, rng.uniform(20, 32)):
            if not street.in_junction(side, z) and traffic.free(x, z, 0.2, 0.3):
                traffic.add(furniture.street_lamp(view, rng, Pose(x, z), side), x, z)
        for _ in range(int(rng.integers(1, 4))):
            z = rng.uniform(7, 42)
            if not street.in_junction(side, z) and traffic.free(x, z, 0.4, 0.4):
                traffic.add(furniture.traffic_sign(view, rng, Pose(x, z)), x, z)
        signals = [z - 0.8 for z in street.crossings] + [
            near - 1.0 for at, near, _ in street.junctions if at == side
        ]
        for z in signals if rng.random() < 0.75 else []:
            if traffic.free(x, z, 0.3, 0.3):
                traffic.add(furniture.traffic_light(view, rng, Pose(x, z), side), x, z)
        _plant(traffic, side, x)
        _bollards(traffic, side, x)


def _plant(traffic, side, x):
    rng, street, view = traffic.rng, traffic.street, traffic.view
    if rng.random() < 0.45:
        tall = rng.uniform(5, 10)
        for z in np.arange(rng.uniform(9, 16), 110, rng.uniform(8, 14)):
            if (
                rng.random() < 0.8
                and not street.in_junction(side, z, 1)
                and traffic.free(x + side * 0.4, z, 0.4, 0.4)
            ):
                traffic.add(
                    plants.tree(view, rng, Pose(x + side * 0.4, z), tall * rng.uniform(0.85, 1.15)), x, z
                )


def _bollards(traffic, side, x):
    rng, street, view = traffic.rng, traffic.street, traffic.view
    if rng.random() < 0.3:
        start = rng.uniform(7, 20)
        for z in np.arange(start, start + 12, 1.8):
            if not street.in_junction(side, z) and traffic.free(x, z, 0.1, 0.1):
                traffic.add([furniture.pole(view, rng, Pose(x, z), 0.9, 0.07)], x, z)
    for _ in range(int(rng.poisson(0.5))):
        z = rng.uniform(8, 35)
        if not street.in_junction(side, z) and traffic.free(x + side * 0.3, z, 0.6, 0.4):
            traffic.add(furniture.bin_or_box(view, rng, Pose(x + side * 0.3, z)), x, z)


def _walk(traffic):
    """Pedestrians on the pavements and on crossings, alone, in pairs or in groups."""
    rng, street = traffic.rng, traffic.street
    for side in (-1, 1):
        low, high = sorted(
            (street.kerb(side) + side * (street.verges[side > 0] + 0.7), street.front(side) - side * 0.4)
        )
        for _ in range(1 + int(rng.poisson(2.2 if street.district == "centre" else 1.2))):
            x, z, heading = (
                rng.uniform(low, high),
                rng.uniform(7, 55),
                rng.choice([0.0, np.pi]) + rng.normal(0, 0.4),
            )
            for place in range(int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))):
                _person(traffic, x + place * 0.65 * side, z + rng.normal(0, 0.3), heading)
    for z in street.crossings:
        for _ in range(int(rng.integers(0, 4))):
            _person(
                traffic,
                rng.uniform(street.kerb(-1), street.kerb(1)),
                z + rng.uniform(0.4, 2.8),
                rng.choice([-1, 1]) * np.pi / 2,
            )
    if rng.random() < 0.15:
        _person(traffic, rng.uniform(-LANE, LANE), rng.uniform(14, 35), rng.choice([-1, 1]) * np.pi / 2)


def _person(traffic, x, z, heading):
    if traffic.free(x, z, 0.3, 0.3):
        traffic.add(people.pedestrian(traffic.view, traffic.rng, Pose(x, z, heading)), x, z)
        traffic.footprints.append(
            Pose(x, z).place([(-0.25, 0, -0.2), (0.25, 0, -0.2), (0.25, 0, 0.2), (-0.25, 0, 0.2)])
        )
