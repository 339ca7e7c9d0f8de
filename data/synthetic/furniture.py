"""What stands along the kerb: poles, lamps, traffic lights and signs, bins, walls and fences."""

import numpy as np

from data.synthetic import textures
from data.synthetic.camera import Pose
from data.synthetic.shapes import SCALE, Plane
from data.synthetic.solids import Sculptor, View
from data.synthetic.thing import Thing

STEEL = np.array([[128, 130, 132], [84, 88, 90], [60, 66, 62], [150, 148, 142], [104, 96, 86]], float)


def pole(view: View, rng: np.random.Generator, pose: Pose, tall: float, radius: float = 0.06) -> Thing:
    """A bare post."""
    solid = Sculptor(view, pose)
    solid.capsule((0, 0, 0), (0, tall, 0), (radius * 1.15, radius * 0.8), STEEL[rng.integers(5)])
    return solid.thing("pole")


def street_lamp(view: View, rng: np.random.Generator, pose: Pose, side: int) -> list[Thing]:
    """A lamp post whose arm reaches over the road, which lies in the direction `-side`."""
    solid, tall, reach, steel = (
        Sculptor(view, pose),
        rng.uniform(6.0, 8.5),
        rng.uniform(0.8, 2.0),
        STEEL[rng.integers(5)],
    )
    solid.capsule((0, 0, 0), (0, tall, 0), (0.11, 0.06), steel)
    solid.capsule((0, tall, 0), (-side * reach, tall + 0.35, 0), (0.05, 0.045), steel)
    solid.capsule(
        (-side * reach, tall + 0.33, 0), (-side * (reach + 0.6), tall + 0.36, 0), (0.09, 0.08), steel * 1.15
    )
    return [solid.thing("pole")]


def traffic_light(view: View, rng: np.random.Generator, pose: Pose, side: int) -> list[Thing]:
    """A signal on a post; sometimes a second one on an arm over the road."""
    post = Sculptor(view, pose)
    overhead = rng.random() < 0.35
    steel, tall = STEEL[rng.integers(5)], 5.6 if overhead else 3.3
    post.capsule((0, 0, 0), (0, tall, 0), (0.09, 0.07), steel)
    reach = rng.uniform(2.0, 3.5)
    if overhead:
        post.capsule((0, tall - 0.1, 0), (-side * reach, tall, 0), (0.06, 0.05), steel)
    lit, made = int(rng.choice([0, 0, 1, 2, 2])), [post.thing("pole")]
    for x, bottom in [(-side * 0.02, 2.2)] + ([(-side * reach, tall - 1.1)] if overhead else []):
        box = Sculptor(view, pose)
        box.face(
            [
                (x - 0.2, bottom, -0.16),
                (x - 0.2, bottom + 1.06, -0.16),
                (x + 0.2, bottom + 1.06, -0.16),
                (x + 0.2, bottom, -0.16),
            ],
            np.array([34.0, 38, 36]),
        )
        for place, bright in enumerate([(60, 225, 130), (250, 190, 50), (245, 52, 40)]):
            lamp = np.array(bright, float) * (1.25 if place == lit else 0.25)
            box.disc((x, bottom + 0.2 + 0.33 * place, -0.17), 0.125, lamp, axis="forward", silhouette=False)
        made.append(box.thing("traffic light", detail=0.5))
    return made


def traffic_sign(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A post with one or two sign plates."""
    tall = rng.uniform(2.3, 3.0)
    made, top = [pole(view, rng, pose, tall, 0.045)], tall
    for _ in range(int(rng.integers(1, 3))):
        plate = Sculptor(view, pose)
        made.append(_plate(plate, rng, top - 0.36))
        top -= 0.78
    return made


def _plate(plate, rng, center):
    """One sign, its face a bit before the post."""
    radius, kind = (
        rng.uniform(0.3, 0.42),
        str(rng.choice(["ban", "order", "warn", "priority", "square", "board"])),
    )
    corners = {"ban": 20, "order": 20, "warn": 3, "priority": 4}.get(kind)
    if corners:
        turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        unit = np.stack([np.sin(turn), np.cos(turn)], 1)
    else:
        wide = 1.0 if kind == "square" else rng.uniform(1.6, 2.6)
        unit = np.array([[-wide, -0.9], [-wide, 0.9], [wide, 0.9], [wide, -0.9]])
    white, red, blue = (236, 236, 230), (196, 38, 38), (32, 82, 170)
    border, face = {
        "ban": (red, white),
        "order": (white, blue),
        "warn": (red, white),
        "priority": (white, (240, 196, 40)),
        "square": (white, blue),
        "board": (white, [(240, 200, 50), (30, 90, 160), (20, 110, 70), white][rng.integers(4)]),
    }[kind]
    for shrink, albedo in ((1.0, border), (0.78 if corners else 0.92, face)):
        points = [(x * radius * shrink, center + y * radius * shrink, -0.08) for x, y in unit]
        plate.face(points, np.array(albedo, float), cull=False)
    if kind in ("ban", "warn", "board"):
        ink = (30, 30, 32) if sum(face) > 450 else white
        span = 0.34 * (1 if corners else wide)
        plate.line(
            [(-span * radius, center - 0.02, -0.08), (span * radius, center - 0.02, -0.08)],
            0.09,
            np.array(ink, float),
        )
    elif kind != "priority":
        plate.line(
            [(0, center - 0.5 * radius, -0.08), (0, center + 0.5 * radius, -0.08)],
            0.09,
            np.array(white, float),
        )
    return plate.thing("traffic sign", detail=0.5)


def bin_or_box(view: View, rng: np.random.Generator, pose: Pose) -> list[Thing]:
    """A litter bin, switch cabinet or planter: "static", which is not scored."""
    solid, albedo = (
        Sculptor(view, pose),
        STEEL[rng.integers(5)] if rng.random() < 0.6 else rng.uniform(30, 190, 3),
    )
    half, tall = rng.uniform(0.22, 0.6), rng.uniform(0.7, 1.3)
    solid.box((-half, 0, -0.2), (half, tall, 0.2), albedo)
    return [solid.thing("static")]


def wall(
    view: View, rng: np.random.Generator, x: float, near: float, far: float, tall: float | None = None
) -> Thing:
    """A free-standing wall along the street, of the stuff that houses are made of."""
    tall = tall or rng.uniform(1.4, 2.8)
    name, albedo = [
        ("stone", (150, 142, 128)),
        ("brick", (142, 84, 66)),
        ("plaster", (176, 172, 162)),
        ("plaster", (196, 178, 146)),
        ("stone", (118, 116, 112)),
    ][rng.integers(5)]
    density = surface_density(view, near)
    image = textures.flat(name, far - near, tall, density, tuple(rng.uniform(0, 50, 2)))[..., None] * (
        np.array(albedo) + rng.normal(0, 10, 3)
    )
    image *= textures.flat("stain", far - near, tall, density, tuple(rng.uniform(0, 50, 2)))[..., None]
    coping = max(1, round(0.14 * density))
    image[:coping] *= 1.18
    image[coping : coping + max(1, round(0.05 * density))] *= 0.6
    for at in np.arange(0, far - near, rng.uniform(3, 6)) if rng.random() < 0.5 else []:
        left = int(at * density)
        image[:, left : left + max(1, round(0.3 * density))] *= 0.86
    return standing_plane(view, "wall", image, x, near, far, tall)


def fence(view: View, rng: np.random.Generator, x: float, near: float, far: float) -> Thing:
    """A fence along the street, which one can see through."""
    tall, density = rng.uniform(1.1, 2.0), surface_density(view, near)
    height, width = max(4, round(tall * density)), max(4, round((far - near) * density))
    image = np.zeros((height, width, 4), np.float32)
    albedo = [(196, 192, 180), (92, 72, 52), (70, 92, 66), (52, 54, 56), (140, 142, 142)][
        rng.integers(5)
    ] + rng.normal(0, 8, 3)
    pitch, share = {0: (0.16, 0.66), 1: (0.13, 0.3), 2: (0.09, 0.22)}[int(rng.integers(3))]
    across, up = np.arange(width) / density, np.arange(height)[:, None] / density
    bars = np.broadcast_to((across % pitch < max(pitch * share, 0.6 / density)), (height, width))
    rails = (abs(up - 0.12) < 0.045) | (abs(up - tall + 0.22) < 0.045) | np.zeros((1, width), bool)
    posts = np.broadcast_to(across % 2.4 < 0.1, (height, width))
    if pitch == 0.09:  # a mesh
        bars = bars | ((up + 0 * across) % pitch < pitch * share)
    image[..., 3] = np.where(bars | rails | posts, 255, 0)
    image[..., :3] = albedo * (np.where(posts, 0.8, 1.0) * np.where(rails, 0.9, 1.0))[..., None]
    return standing_plane(view, "fence", image, x, near, far, tall)


def standing_plane(
    view: View,
    label: str,
    image: np.ndarray,
    x: float,
    near: float,
    far: float,
    tall: float,
    bottom: float = 0.0,
) -> Thing:
    """An image of surface colours [H, W, 3 or 4] on a plane along the street, its left end at `near`."""
    corners = np.array([(x, tall, near), (x, tall, far), (x, bottom, far), (x, bottom, near)])
    return Thing(label, [view.camera.polygon(corners)], [lit_plane(view, image, corners)])


def lit_plane(view: View, image: np.ndarray, corners: np.ndarray) -> Plane:
    """An image of surface colours, lit and hazy, on the world rectangle [4, 3] from its top left."""
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    normal = np.cross(across, down)
    normal = normal / np.linalg.norm(normal)
    if not view.camera.sees(corners.mean(0), normal):
        normal = -normal
    depth = np.linspace(corners[0, 2], corners[1, 2], image.shape[1], dtype=np.float32)
    gain = view.light.gain(normal).astype(np.float32)
    lit = view.light.through_haze(image[..., :3].astype(np.float32) * gain, depth[None, :])
    whole = np.concatenate([lit, image[..., 3:]], 2) if image.shape[2] == 4 else lit
    return Plane(np.clip(whole, 0, 255).astype(np.uint8), view.camera.project(corners))


def surface_density(view: View, near: float) -> float:
    """Texture pixels per metre for a plane along the street that starts at `near`."""
    return float(np.clip(SCALE * view.camera.scale(max(near, 8.0)) * 0.35, 6, 90))
