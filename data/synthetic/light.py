"""Daylight: what colour a surface shows, from its own colour, its direction and its distance."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

UP = np.array([0.0, 1.0, 0.0])
FACING = np.array([0.0, 0.25, -0.97])  # towards the camera and slightly up: for people, signs, foliage


@dataclass(frozen=True)
class Light:
    """A sky and a sun; colours are gains on RGB, `haze` is an RGB colour in 0..255."""

    weather: str  # "sun", "overcast" or "dusk"
    sun: np.ndarray  # gain of a surface that faces the sun
    ambient: np.ndarray  # gain of every surface
    direction: np.ndarray  # unit vector to the sun
    haze: np.ndarray
    density: float  # of the haze, 1/m
    zenith: np.ndarray  # the sky's RGB above

    def gain(self, normal: np.ndarray) -> np.ndarray:
        """RGB gain of a surface with this unit normal."""
        return self.ambient * (0.85 + 0.15 * normal[1]) + self.sun * max(
            0.0, float(np.dot(normal, self.direction))
        )

    def through_haze(self, colors: np.ndarray, z) -> np.ndarray:
        """Colours [..., 3] as seen at the distance z (a number, or [...])."""
        clear = np.exp(-self.density * np.asarray(z, np.float32))[..., None]
        return colors * clear + self.haze.astype(np.float32) * (1 - clear)

    def color(self, albedo, z: float, normal: np.ndarray = FACING) -> tuple[float, float, float]:
        """The RGB that a surface shows at the distance z."""
        clear = math.exp(-self.density * z)
        gains = self._facing if normal is FACING else self.gain(normal).tolist()
        parts = zip(np.asarray(albedo).tolist(), gains, self.haze.tolist())  # of numbers of Python: quicker
        return tuple(
            min(max(own * gain * clear + haze * (1 - clear), 0.0), 255.0) for own, gain, haze in parts
        )

    @cached_property
    def _facing(self):
        return self.gain(FACING).tolist()

    def shadow(self) -> float:
        """The gain of ground on which the sun does not shine."""
        full = self.gain(UP)
        return float((self.ambient.mean() * 0.85) / full.mean())


def random_light(rng: np.random.Generator) -> Light:
    """Sun (40 %), overcast (40 %) or dusk (20 %)."""
    weather = str(rng.choice(["sun", "overcast", "dusk"], p=[0.4, 0.4, 0.2]))
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 1.1)
    direction = np.array(
        [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)]
    )
    level = rng.uniform(0.88, 1.12)
    if weather == "sun":
        sun, ambient = np.array([0.56, 0.52, 0.44]), np.array([0.66, 0.69, 0.74])
        blue = rng.uniform(0, 1)
        haze, zenith = (
            np.array([208.0, 217, 226]),
            np.array([88 + 60 * blue, 138 + 42 * blue, 208 + 12 * blue]),
        )
    elif weather == "overcast":
        sun, ambient = np.full(3, 0.07), np.array([0.9, 0.91, 0.92])
        grey = rng.uniform(165, 225)
        haze, zenith = np.array([grey, grey + 2, grey + 4]), np.array([grey - 14, grey - 10, grey - 5])
    else:
        sun, ambient = np.array([0.34, 0.23, 0.13]), np.array([0.58, 0.57, 0.63])
        haze, zenith = np.array([190.0, 165, 150]), np.array([95.0, 105, 140])
        level = rng.uniform(0.8, 1.0)
    return Light(
        weather,
        sun * level,
        ambient * level,
        direction,
        haze * min(level, 1.05),
        rng.uniform(0.0008, 0.005),
        zenith * min(level, 1.05),
    )
