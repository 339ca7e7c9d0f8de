"""What an object is painted with: polygons, strokes, plane images and textures, on a fine canvas."""

from dataclasses import dataclass

import cv2
import numpy as np

from data.synthetic import textures
from data.synthetic.camera import Camera

SCALE = 2  # canvas pixels per image pixel
_SHIFT = 4  # OpenCV's fixed-point bits of polygon coordinates


@dataclass
class Layer:
    """A rectangle of the canvas: uint8 pixels [H, W, 3] and the canvas position of the first one."""

    pixels: np.ndarray
    x: int
    y: int

    def local(self, points: np.ndarray) -> np.ndarray:
        """Image coordinates [N, 2] as coordinates in this layer."""
        return np.asarray(points, np.float64).reshape(-1, 2) * SCALE + (SCALE - 1) / 2 - (self.x, self.y)

    def pixel_centers(self) -> tuple[np.ndarray, np.ndarray]:
        """Image columns [W] and rows [H] of this layer's pixels."""
        height, width = self.pixels.shape[:2]
        return (np.arange(width) + self.x - (SCALE - 1) / 2) / SCALE, (
            np.arange(height) + self.y - (SCALE - 1) / 2
        ) / SCALE

    def mask(self, points: np.ndarray | None) -> np.ndarray | None:
        """uint8 [H, W], 255 inside the polygon; None (everywhere) for None."""
        if points is None:
            return None
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fixed(self.local(points))], 255, cv2.LINE_8, _SHIFT)
        return mask

    def blend(self, image: np.ndarray, mask: np.ndarray | None) -> None:
        """Put an image [H, W, 3] of the layer's size on it where the mask is set."""
        image = np.clip(image, 0, 255).astype(np.uint8)
        self.pixels[:] = image if mask is None else cv2.copyTo(image, mask, self.pixels)


def fixed(points: np.ndarray) -> np.ndarray:
    """Coordinates in OpenCV's fixed point, kept within its range."""
    within = np.minimum(np.maximum(points, -60000), 60000)  # np.clip takes longer for a few points
    return np.rint(within * (1 << _SHIFT)).astype(np.int32)


@dataclass(frozen=True)
class Fill:
    """A polygon [N, 2] in one colour."""

    points: np.ndarray
    color: tuple

    def draw(self, layer: Layer) -> None:
        """Paint the polygon."""
        if len(self.points) >= 3:
            cv2.fillPoly(layer.pixels, [fixed(layer.local(self.points))], self.color, cv2.LINE_AA, _SHIFT)


@dataclass(frozen=True)
class Stroke:
    """A line through points [N, 2], `width` image pixels wide."""

    points: np.ndarray
    color: tuple
    width: float

    def draw(self, layer: Layer) -> None:
        """Paint the line, at least one canvas pixel wide."""
        thickness = max(1, round(self.width * SCALE))
        cv2.polylines(
            layer.pixels, [fixed(layer.local(self.points))], False, self.color, thickness, cv2.LINE_AA, _SHIFT
        )


@dataclass(frozen=True)
class Plane:
    """An image uint8 [H, W, 3 or 4] laid on a quadrilateral, corners [4, 2] clockwise from its top left."""

    image: np.ndarray
    corners: np.ndarray

    def draw(self, layer: Layer) -> None:
        """Warp the image onto the layer; a fourth channel is its opacity."""
        height, width = self.image.shape[:2]
        source = np.float32([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
        warp = cv2.getPerspectiveTransform(source, layer.local(self.corners).astype(np.float32))
        size = layer.pixels.shape[1::-1]
        warped = cv2.warpPerspective(
            self.image, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        mask = layer.mask(self.corners)
        if self.image.shape[2] == 4:
            opacity = warped[..., 3:].astype(np.float32) / 255
            warped = warped[..., :3] * opacity + layer.pixels * (1 - opacity)
        layer.blend(warped, mask)


@dataclass(frozen=True)
class Grain:
    """A texture that multiplies what is painted within a polygon (everywhere for None)."""

    name: str
    points: np.ndarray | None
    pixels_per_metre: float
    strength: float
    offset: tuple[float, float]

    def draw(self, layer: Layer) -> None:
        """Multiply the layer by the texture."""
        columns, rows = layer.pixel_centers()
        u, v = columns / self.pixels_per_metre + self.offset[0], rows / self.pixels_per_metre + self.offset[1]
        gain = 1 + (textures.sample_grid(self.name, u, v, self.pixels_per_metre * SCALE) - 1) * self.strength
        layer.blend(layer.pixels * gain[..., None], layer.mask(self.points))


@dataclass(frozen=True)
class Ground:
    """A textured patch of the ground, in perspective and haze; fills the whole layer."""

    camera: Camera
    names: tuple[tuple[str, float], ...]  # textures and their strengths
    color: np.ndarray  # lit RGB, without haze
    haze: np.ndarray
    density: float
    offset: tuple[float, float]

    def draw(self, layer: Layer) -> None:
        """Paint rows in bands of an octave of depth, each with its own mipmap level."""
        columns, rows = layer.pixel_centers()
        x, z = self.camera.ground(columns, rows)
        octave = np.floor(np.log2(np.minimum(z, 512))).astype(int)
        for band in np.unique(octave):
            chosen = octave == band
            depth = z[chosen]
            gain = np.ones((chosen.sum(), len(columns)), np.float32)
            ahead = np.repeat(depth[:, None], len(columns), 1) + self.offset[1]
            # lengthwise the ground is foreshortened, so the resolution is between across and along
            density = SCALE * self.camera.focal / 2 ** (band + 0.5) * min(1.0, (1.3 / 2**band) ** 0.5)
            for name, strength in self.names:
                gain *= 1 + strength * (textures.sample(name, x[chosen] + self.offset[0], ahead, density) - 1)
            clear = np.exp(-self.density * depth)[:, None, None]
            colors = self.color.astype(np.float32) * gain[..., None]
            layer.pixels[chosen] = np.clip(
                colors * clear + self.haze.astype(np.float32) * (1 - clear), 0, 255
            )
