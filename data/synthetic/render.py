"""The painter: a scene as an image, and as the polygons of its label file."""

import cv2
import numpy as np

from data.synthetic.scene import Scene
from data.synthetic.shapes import SCALE, Layer


def render(scene: Scene) -> tuple[np.ndarray, list[dict]]:
    """Paint a scene far to near.

    Returns:
        The image, uint8 [H, W, 3] RGB, and the label file's objects in the same order.
    """
    camera = scene.view.camera
    canvas = np.zeros((camera.height * SCALE, camera.width * SCALE, 3), np.uint8)
    objects = _paint(canvas, scene.ground, camera)
    _shade(canvas, scene.shadows)
    objects += _paint(canvas, scene.upright, camera)
    return _expose(canvas, scene.noise, camera), objects


def _paint(canvas, things, camera):
    objects = []
    for thing in things:
        outline = thing.outline(camera.height, camera.width)
        if outline is not None:
            thing.paint(canvas, outline)
            objects.append({"label": thing.label, "polygon": outline.tolist()})
    return objects


def _shade(canvas, shadows):
    """Darken the ground under blurred polygons; where several overlap, the darkest counts."""
    light = np.ones(canvas.shape[:2], np.float32)
    for points, gain, blur in shadows:
        if len(points) < 3:
            continue
        reach = 3 * blur + 1
        low = np.clip((points.min(0) - reach) * SCALE, 0, canvas.shape[1::-1]).astype(int)
        high = np.clip((points.max(0) + reach) * SCALE, 0, canvas.shape[1::-1]).astype(int)
        if (high - low).min() < 2:
            continue
        part = light[low[1] : high[1], low[0] : high[0]]
        mask = Layer(part, int(low[0]), int(low[1])).mask(points)
        if blur * SCALE > 0.6:
            mask = cv2.blur(mask, (2 * int(blur * SCALE) + 1,) * 2)
        np.minimum(part, 1 - mask * np.float32((1 - gain) / 255), out=part)
    rows = np.flatnonzero(light.min(1) < 1)
    if rows.size:
        shaded = slice(rows[0], rows[-1] + 1)
        canvas[shaded] = canvas[shaded] * light[shaded, :, None]


def _expose(canvas, rng, camera):
    """The lens's slight blur, vignetting and exposure, the sensor's noise, at the image's size."""
    small = cv2.resize(canvas, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.35, 0.6)).astype(np.float32)
    across = np.linspace(-1, 1, camera.width, dtype=np.float32) ** 2
    down = np.linspace(-1, 1, camera.height, dtype=np.float32)[:, None] ** 2
    gain = rng.uniform(0.96, 1.04, 3) * rng.uniform(0.88, 1.08)  # white balance and exposure
    exposed = blurred * (1 - 0.09 * (across + down))[..., None] * gain.astype(np.float32)
    noise = rng.standard_normal(exposed.shape, dtype=np.float32)
    exposed += noise * (rng.uniform(1.2, 3.2) + 0.012 * exposed)
    return np.clip(exposed, 0, 255).astype(np.uint8)
