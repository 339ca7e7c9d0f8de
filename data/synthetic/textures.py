"""Tileable textures: multiplicative gains around 1, made once per process, the same in each.

A tile is square, wraps around, and covers a fixed number of metres; coarser copies of it (a mipmap)
keep distant surfaces from flickering.
"""

from functools import cache

import cv2
import numpy as np

TILE = 512  # pixels
# What one tile covers, in metres.
METRES = {
    "asphalt": 8.0,
    "stain": 24.0,
    "paving": 6.0,
    "cobble": 4.0,
    "grass": 5.0,
    "leaves": 5.0,
    "brick": 4.0,
    "stone": 5.0,
    "plaster": 10.0,
    "cloud": 1.0,
}


@cache
def tile(name: str, level: int = 0) -> np.ndarray:
    """The texture float32 [512 >> level, 512 >> level] of that name, with a mean of 1."""
    if level:
        finer = tile(name, level - 1)
        return cv2.resize(finer, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    rng = np.random.default_rng(sum(name.encode()))
    made = _MAKERS[name](rng).astype(np.float32)
    return made / made.mean()


def sample(name: str, u: np.ndarray, v: np.ndarray, pixels_per_metre: float) -> np.ndarray:
    """The texture at the metric coordinates u, v [H, W], blurred to what that resolution can show."""
    image, texels = _mipmap(name, pixels_per_metre)
    side = image.shape[0]
    columns, rows = np.mod(u * texels, side).astype(np.float32), np.mod(v * texels, side).astype(np.float32)
    return cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def sample_grid(name: str, columns: np.ndarray, rows: np.ndarray, pixels_per_metre: float) -> np.ndarray:
    """As `sample`, at every pair of the metric coordinates columns [W] and rows [H]."""
    image, texels = _mipmap(name, pixels_per_metre)
    side = image.shape[0]
    u, v = (np.mod(metres * texels, side).astype(np.float32) for metres in (columns, rows))
    # magnified, a texture needs interpolation; otherwise the mipmap's nearest pixel will do
    if texels < 0.9 * pixels_per_metre:
        return cv2.remap(image, *np.meshgrid(u, v), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    columns, rows = u.astype(np.intp) % side, v.astype(np.intp) % side  # float32 rounds 255.999999 to 256
    return image[rows][:, columns]


def _mipmap(name, pixels_per_metre):
    """The tile that suits a resolution, and its pixels per metre."""
    level = int(np.clip(np.round(np.log2(TILE / METRES[name] / max(pixels_per_metre, 1e-3))), 0, 7))
    image = tile(name, level)
    return image, image.shape[0] / METRES[name]


def flat(
    name: str, width: float, height: float, density: float, offset: tuple[float, float] = (0, 0)
) -> np.ndarray:
    """The texture laid out on a plane of width x height metres at `density` pixels per metre."""
    columns = (np.arange(max(1, round(width * density))) + 0.5) / density + offset[0]
    rows = (np.arange(max(1, round(height * density))) + 0.5) / density + offset[1]
    return sample_grid(name, columns, rows, density)


def _noise(rng, slope, low=1.0):
    """Noise of unit deviation, whose amplitude falls as frequency ** -slope above `low` cycles a tile."""
    frequency = np.hypot(
        *np.meshgrid(np.fft.fftfreq(TILE) * TILE, np.fft.rfftfreq(TILE) * TILE, indexing="ij")
    )
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) * np.maximum(frequency, low) ** -slope
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(TILE, TILE))
    return noise / noise.std()


def _asphalt(rng):
    return 1 + 0.05 * _noise(rng, 0.3) + 0.05 * _noise(rng, 1.2, 4)


def _stain(rng):
    return np.clip(1 + 0.09 * _noise(rng, 1.5, 2), 0.7, 1.25)


def _plaster(rng):
    return 1 + 0.035 * _noise(rng, 1.6, 2) + 0.02 * _noise(rng, 0.4)


def _cloud(rng):
    return np.clip(1 + 0.5 * _noise(rng, 1.7, 2), 0, 3)


def _bricks(rng, rows, columns, joint, spread, joint_gain):
    """Courses of bricks, each with its own shade, and joints of a given share of a brick's height."""
    image = np.full((TILE, TILE), joint_gain)
    height, width = TILE / rows, TILE / columns
    gap = joint * height
    for row in range(rows):
        start = (row % 2) * 0.5 * width
        for column in range(columns):
            shade = 1 + spread * rng.standard_normal()
            top, bottom = round(row * height + gap / 2), round((row + 1) * height - gap / 2)
            left, right = (
                round(column * width + start + gap / 2),
                round((column + 1) * width + start - gap / 2),
            )
            image[top:bottom, np.arange(left, right) % TILE] = shade
    return image * (1 + 0.04 * _noise(rng, 0.6))


def _brick(rng):
    return _bricks(rng, 40, 16, 0.16, 0.12, 1.15)


def _stone(rng):
    return _bricks(rng, 16, 8, 0.1, 0.1, 0.72)


def _paving(rng):
    return _bricks(rng, 12, 12, 0.08, 0.06, 0.75)


def _cobble(rng):
    return _bricks(rng, 32, 32, 0.22, 0.1, 0.7)


def _grass(rng):
    blades = cv2.GaussianBlur(
        rng.standard_normal((TILE, TILE)), (0, 0), sigmaX=0.8, sigmaY=2.5, borderType=cv2.BORDER_REFLECT
    )
    return np.clip(1 + 0.2 * blades / blades.std() * 0.7 + 0.1 * _noise(rng, 1.3, 3), 0.4, 1.8)


def _leaves(rng):
    """Leaves laid over each other, the later the lighter, wrapped around the tile's edges."""
    image = np.full((TILE, TILE), 0.45, np.float32)
    count = 5200
    for place in range(count):
        x, y = rng.uniform(0, TILE, 2)
        axes = (int(rng.uniform(3, 8)), int(rng.uniform(2, 5)))
        shade = float(0.55 + 0.6 * place / count + 0.18 * rng.standard_normal())
        angle = float(rng.uniform(0, 180))
        for dx in (0, -TILE) if x > TILE / 2 else (0, TILE):
            for dy in (0, -TILE) if y > TILE / 2 else (0, TILE):
                if -10 < x + dx < TILE + 10 and -10 < y + dy < TILE + 10:
                    cv2.ellipse(image, (int(x + dx), int(y + dy)), axes, angle, 0, 360, shade, -1)
    return np.clip(image * (1 + 0.22 * _noise(rng, 1.4, 3)), 0.25, 1.9)


_MAKERS = {
    "asphalt": _asphalt,
    "stain": _stain,
    "paving": _paving,
    "cobble": _cobble,
    "grass": _grass,
    "leaves": _leaves,
    "brick": _brick,
    "stone": _stone,
    "plaster": _plaster,
    "cloud": _cloud,
}
