"""One labelled object: its outline, as in the polygon file, and the parts that it is painted with."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from data.synthetic.shapes import SCALE, Layer, fixed

SMALLEST = 4  # pixels; what covers less is left out of image and labels alike


@dataclass
class Thing:
    """An object, or a piece of the ground.

    `shapes` are polygons [N, 2] whose union is the silhouette; `fill` covers the whole silhouette before
    the parts, and is None for what one can see through (a bicycle, a fence), whose outline holds
    background as well.
    """

    label: str
    shapes: list
    parts: list = field(default_factory=list)
    fill: tuple | None = None
    detail: float = 0.7  # pixels by which the outline may miss the silhouette

    def outline(self, height: int, width: int) -> np.ndarray | None:
        """The outline int32 [N, 2] of the largest visible piece in an image of that size, or None.

        Traced from a mask, because the label tools draw polygons with their border included: what is
        traced here is what they draw.
        """
        shapes = [shape for shape in self.shapes if len(shape) >= 3]
        if not shapes:
            return None
        points = np.concatenate(shapes)
        left, top = np.clip(np.floor(points.min(0)) - 1, 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(points.max(0)) + 2, 0, (width, height)).astype(int)
        if right <= left or bottom <= top:
            return None
        mask = np.zeros((bottom - top, right - left), np.uint8)
        for shape in shapes:
            cv2.fillPoly(mask, [fixed(shape - (left, top))], 255, cv2.LINE_8, 4)
        contours, _ = cv2.findContours(
            mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(int(left), int(top))
        )
        largest = max(contours, key=_extent, default=None)
        if largest is None or _extent(largest) < SMALLEST:
            return None
        smooth = cv2.approxPolyDP(largest, self.detail, True)[:, 0]
        outline = smooth if len(smooth) >= 3 else largest[:, 0]
        return np.concatenate([outline, outline[::-1]])[:4] if len(outline) < 3 else outline

    def paint(self, canvas: np.ndarray, outline: np.ndarray) -> None:
        """Paint the parts on the canvas uint8 [H, W, 3], nowhere outside the outline."""
        left, top = np.maximum((outline.min(0) - 1) * SCALE, 0)
        right, bottom = np.minimum((outline.max(0) + 2) * SCALE, canvas.shape[1::-1])
        target = canvas[top:bottom, left:right]
        layer = Layer(target.copy(), int(left), int(top))
        if self.fill is not None:
            layer.pixels[:] = np.clip(self.fill, 0, 255)
        for part in self.parts:
            part.draw(layer)
        target[:] = cv2.copyTo(layer.pixels, covered(layer, outline), target)


def group(members: list[Thing]) -> Thing:
    """Things of one class, far to near, as a group: the labels do not tell them apart."""
    shapes, parts = (
        [piece for thing in members for piece in getattr(thing, kind)] for kind in ("shapes", "parts")
    )
    return Thing(f"{members[0].label}group", shapes, parts, detail=members[0].detail)


def covered(layer: Layer, outline: np.ndarray) -> np.ndarray:
    """uint8 [H, W], 255 where the label tools fill the outline: half a pixel beyond its vertices."""
    mask = np.zeros(layer.pixels.shape[:2], np.uint8)
    points = fixed(layer.local(outline))
    cv2.fillPoly(mask, [points], 255, cv2.LINE_8, 4)
    cv2.polylines(mask, [points], True, 255, SCALE, cv2.LINE_8, 4)
    return mask


def _extent(contour):
    """Pixels that a traced contour covers, about; its area alone is 0 for lines."""
    return cv2.contourArea(contour) + cv2.arcLength(contour, True) / 2 + 1
