"""Lit 3-D shapes as polygons in the image: extruded profiles, boxes, capsules (limbs), discs."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from data.synthetic.camera import NEAR, Camera, Pose
from data.synthetic.light import FACING, Light
from data.synthetic.shapes import Fill, Stroke
from data.synthetic.thing import Thing


def _circle(corners):
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], 1)


_CIRCLE, _RIM = _circle(14), _circle(20)


@dataclass(frozen=True)
class View:
    """From where and in which light a scene is drawn."""

    camera: Camera
    light: Light


class Sculptor:
    """Gathers the parts and the silhouette of one object that stands at a pose."""

    def __init__(self, view: View, pose: Pose):
        self.view, self.pose = view, pose
        self.parts, self.shapes = [], []

    def thing(self, label: str, fill=None, detail: float = 0.7) -> Thing:
        """What was gathered, as a labelled object."""
        return Thing(label, self.shapes, self.parts, fill, detail)

    def face(self, points, albedo, silhouette: bool = True, cull: bool = True) -> bool:
        """Add a planar polygon given in the object's coordinates, clockwise seen from outside.

        Returns whether the camera sees it; a face that is turned away is left out.
        """
        world = self.pose.place(points)
        center, normal = world.mean(0), _normal(world)
        if not self.view.camera.sees(center, normal):
            if cull:
                return False
            normal = -normal
        flat = self.view.camera.polygon(world)
        if len(flat) < 3:
            return False
        self.parts.append(Fill(flat, self.view.light.color(albedo, max(center[2], NEAR), normal)))
        if silhouette:
            self.shapes.append(flat)
        return True

    def box(self, low, high, albedo) -> None:
        """Add a box between two corners (right, up, forward)."""
        self.extrude(
            [(low[2], low[1]), (low[2], high[1]), (high[2], high[1]), (high[2], low[1])],
            [high[0]] * 4,
            albedo,
            left=low[0],
        )

    def extrude(
        self, profile, half_widths, albedo, colors: dict | None = None, left: float | None = None
    ) -> tuple[bool, bool]:
        """Add a profile of (forward, up) points, clockwise seen from the right side, drawn out sideways.

        `half_widths` has one number per point; `colors` gives the edge after point i another colour.
        Returns whether the left and the right side are seen.
        """
        right_side = [(half, up, forward) for (forward, up), half in zip(profile, half_widths)]
        left_side = [
            (-half if left is None else left, up, forward)
            for (_, up, forward), half in zip(right_side, half_widths)
        ]
        strips = []
        for i in range(len(profile)):
            j = (i + 1) % len(profile)
            strips.append((i, [left_side[i], right_side[i], right_side[j], left_side[j]]))
        # far strips first, because a profile such as a car's is not convex
        strips.sort(key=lambda strip: -np.linalg.norm(self.pose.place(strip[1]).mean(0)))
        for i, strip in strips:
            self.face(strip[::-1], (colors or {}).get(i, albedo))
        return self.face(left_side[::-1], albedo), self.face(right_side, albedo)

    def capsule(self, start, end, radii: tuple[float, float], albedo, silhouette: bool = True) -> None:
        """Add a limb between two points, with a radius in metres at each end."""
        world = self.pose.place([start] if start is end else [start, end])
        depths = world[:, 2].tolist()
        if min(depths) < NEAR:
            return
        middles = self.view.camera.project(world)
        balls = [
            middle + radius * self.view.camera.scale(depth) * _CIRCLE
            for middle, radius, depth in zip(middles, radii, depths)
        ]
        hull = balls[0] if start is end else cv2.convexHull(np.float32(np.concatenate(balls)))[:, 0]
        self.parts.append(Fill(hull, self.view.light.color(albedo, sum(depths) / len(depths), FACING)))
        if silhouette:
            self.shapes.append(hull)

    def disc(
        self,
        center,
        radius: float,
        albedo,
        axis: str = "right",
        silhouette: bool = True,
        thickness: float = 0.0,
    ) -> None:
        """Add a disc whose axis points right (a wheel) or forward (a lamp); a wheel may have a thickness."""
        run, rise = radius * _RIM.T
        rim = np.stack([0 * run, rise, run] if axis == "right" else [run, rise, 0 * run], 1) + center
        if thickness:
            rim = np.concatenate([rim - (thickness / 2, 0, 0), rim + (thickness / 2, 0, 0)])
        world = self.pose.place(rim)
        if world[:, 2].min() < NEAR:
            return
        hull = cv2.convexHull(np.float32(self.view.camera.project(world)))[:, 0]
        self.parts.append(Fill(hull, self.view.light.color(albedo, world[:, 2].mean(), FACING)))
        if silhouette:
            self.shapes.append(hull)

    def line(self, points, width: float, albedo) -> None:
        """Add a line `width` metres wide, which does not count for the silhouette."""
        world = self.pose.place(points)
        if world[:, 2].min() >= NEAR:
            depth = world[:, 2].mean()
            color = self.view.light.color(albedo, depth, FACING)
            self.parts.append(
                Stroke(self.view.camera.project(world), color, width * self.view.camera.scale(depth))
            )


def _normal(points):
    """Unit normal of a planar polygon (Newell's method, which bears slightly bent ones)."""
    following = np.concatenate([points[1:], points[:1]])
    x0, y0, z0 = points.T
    x1, y1, z1 = following.T
    normal = np.array(
        [((y0 - y1) * (z0 + z1)).sum(), ((z0 - z1) * (x0 + x1)).sum(), ((x0 - x1) * (y0 + y1)).sum()]
    )
    return normal / max(math.sqrt(normal.dot(normal)), 1e-9)


def upright(x: float, bottom: float, top: float, left: float, right: float, forward: float = 0.0):
    """A rectangle that faces backwards (towards the camera at heading 0), for `Sculptor.face`."""
    return [
        (x + left, bottom, forward),
        (x + left, top, forward),
        (x + right, top, forward),
        (x + right, bottom, forward),
    ]
