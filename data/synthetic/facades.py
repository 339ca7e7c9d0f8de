"""Facades as images of surface colours: windows, shops, doors, balconies, glass fronts."""

import numpy as np

from data.synthetic import textures
from data.synthetic.light import Light


class Facade:
    """A facade under construction: float32 `image` [H, W, 3] of width x height metres."""

    def __init__(self, rng: np.random.Generator, light: Light, size: tuple[float, float], density: float):
        self.rng, self.light, self.density = rng, light, density
        self.width, self.height = size
        self.image = np.ones((1, 1, 3), np.float32)

    def cover(self, texture: str, wall: np.ndarray) -> None:
        """Give the whole facade a texture in the colour `wall`, and weather stains."""
        grain = [self._flat(name) for name in (texture, "stain")]
        self.image = (grain[0] * grain[1])[..., None] * np.asarray(wall, np.float32)

    def _flat(self, name):
        return textures.flat(name, self.width, self.height, self.density, tuple(self.rng.uniform(0, 50, 2)))

    def patch(self, left: float, right: float, bottom: float, top: float) -> np.ndarray:
        """The part of the image between two places along the facade and two heights, as a view."""
        # a slice may end beyond the image, but not before it
        rows = slice(self._pixel(self.height - top), self._pixel(self.height - bottom))
        return self.image[rows, self._pixel(left) : self._pixel(right)]

    def _pixel(self, metres):
        return max(0, round(metres * self.density))

    def band(self, bottom: float, top: float) -> np.ndarray:
        """The facade's whole width between two heights, as a view."""
        return self.patch(0, self.width, bottom, top)

    def window(self, corner: tuple[float, float], size: tuple[float, float], glass, frame) -> None:
        """A window by its lower left corner and its (width, height), with frame, bars and sill."""
        (left, bottom), (wide, high) = corner, size
        right, top = left + wide, bottom + high
        self.patch(left - 0.12, right + 0.12, bottom - 0.1, top + 0.12)[:] = frame
        pane = self.patch(left, right, bottom, top)
        if pane.size:
            # the upper panes mirror more of the sky
            pane[:] = glass * np.linspace(1.25, 0.8, pane.shape[0])[:, None, None]
        self.patch(left + wide / 2 - 0.03, left + wide / 2 + 0.03, bottom, top)[:] = frame * 0.95
        self.patch(left, right, bottom + high * 0.66, bottom + high * 0.66 + 0.06)[:] = frame * 0.95
        self.patch(left - 0.18, right + 0.18, bottom - 0.2, bottom - 0.1)[:] = frame * 0.7

    def glass(self) -> np.ndarray:
        """A pane's colour: dark rooms, mirrored sky, now and then a lamp or a curtain."""
        chance = self.rng.random()
        if chance < (0.3 if self.light.weather == "dusk" else 0.03):
            return np.array([255.0, 214, 140]) * self.rng.uniform(0.9, 1.5)
        if chance > 0.86:
            return np.array([190.0, 186, 176]) * self.rng.uniform(0.7, 1.0)
        mirror = self.rng.uniform(0.05, 0.5)
        return np.array([44.0, 50, 56]) * (1 - mirror) + self.light.zenith * mirror


def draw_front(facade: Facade, style: str, wall: np.ndarray) -> np.ndarray:
    """The image of a street front in "plaster", "brick", "stone" or "glass"."""
    rng = facade.rng
    facade.cover("plaster" if style == "glass" else style, wall)
    shop, ground = rng.random() < 0.45 and facade.height > 6, rng.uniform(3.4, 4.2)
    if style == "glass":
        _curtain_wall(facade)
    else:
        _storeys(facade, wall, ground + 0.7 if shop else 1.1)
    if shop:
        _shops(facade, ground)
    else:
        _plinth(facade, wall)
    return facade.image


def draw_gable(facade: Facade, wall: np.ndarray) -> np.ndarray:
    """The image of an end wall, with a few windows or none."""
    rng = facade.rng
    wall = wall * np.float32(rng.uniform(0.88, 1.04))
    facade.cover("plaster", wall)
    if rng.random() < 0.5:
        for bottom in np.arange(4.4, facade.height - 2, 3.1):
            for left in (facade.width * 0.3, facade.width * 0.65):
                facade.window((left, bottom), (1.0, 1.5), np.array([62.0, 70, 78]), wall * 1.12)
    return facade.image


def _storeys(facade, wall, lowest):
    """Rows of windows with shutters, balconies and string courses; a cornice and a drainpipe."""
    rng, tall = facade.rng, facade.height
    wide, high = rng.uniform(0.9, 1.5), rng.uniform(1.3, 1.9)
    pitch, floor = wide + rng.uniform(0.9, 1.9), rng.uniform(2.8, 3.4)
    frame = wall * 1.2 if rng.random() < 0.5 else np.array([222.0, 220, 212])
    shutters, balconies, courses = rng.random() < 0.25, rng.random() < 0.3, rng.random() < 0.5
    count = max(1, int((facade.width - 0.8) // pitch))
    start = (facade.width - count * pitch + pitch - wide) / 2
    for bottom in np.arange(lowest, tall - high - 0.4, floor):
        if courses and bottom > 2:
            facade.band(bottom - 0.72, bottom - 0.55)[:] *= 1.15
            facade.band(bottom - 0.78, bottom - 0.72)[:] *= 0.7
        for place in range(count):
            left = start + place * pitch
            facade.window((left, bottom), (wide, high), facade.glass(), frame)
            for at in (left - 0.55, left + wide + 0.12) if shutters else ():
                facade.patch(at, at + 0.42, bottom, bottom + high)[:] = wall * 0.6
            if balconies and bottom > 3 and place % 2:
                facade.patch(left - 0.4, left + wide + 0.4, bottom - 0.5, bottom + 0.5)[:] = wall * 0.5
                facade.patch(left - 0.4, left + wide + 0.4, bottom + 0.42, bottom + 0.5)[:] = wall * 0.3
    facade.band(tall - 0.35, tall)[:] *= 1.12
    facade.band(tall - 0.5, tall - 0.35)[:] *= 0.62
    if rng.random() < 0.6:
        facade.patch(facade.width - 0.25, facade.width - 0.1, 0.2, tall - 0.4)[:] = wall * 0.55


def _curtain_wall(facade):
    """Panes from floor to floor between metal bars."""
    rng = facade.rng
    panel, floor = rng.uniform(1.2, 2.2), rng.uniform(3.0, 3.8)
    tint, bar = np.array([0.85, 0.97, 1.05]) ** rng.uniform(-0.5, 1.5), rng.uniform(60, 190)
    for bottom in np.arange(0.6, facade.height, floor):
        for left in np.arange(0, facade.width, panel):
            facade.patch(left + 0.06, left + panel, bottom, bottom + floor * 0.72)[:] = facade.glass() * tint
            facade.patch(left, left + 0.06, bottom, bottom + floor)[:] = bar


def _shops(facade, ground):
    """A row of shops at street level."""
    left = 0.2
    while left < facade.width - 2.5:
        wide = min(facade.rng.uniform(3.5, 7.0), facade.width - left - 0.2)
        _shop(facade, left, left + wide, ground)
        left += wide + facade.rng.uniform(0.3, 0.6)


def _shop(facade, left, right, ground):
    """A shop window with its goods, a door, a sign board with letters, and perhaps an awning."""
    rng, wide, sign = facade.rng, right - left, facade.rng.uniform(30, 230, 3)
    facade.patch(left, right, 0, ground)[:] = rng.uniform(50, 170)
    facade.patch(left + 0.15, right - 0.15, 0.45, ground - 0.9)[:] = facade.glass() * 0.9
    for _ in range(6):
        at, up = left + rng.uniform(0.3, max(0.4, wide - 1)), rng.uniform(0.5, 1.4)
        goods = facade.patch(at, at + rng.uniform(0.2, 0.7), up, up + rng.uniform(0.3, 0.9))
        goods[:] = rng.uniform(30, 220, 3)
    for at in np.arange(left + 1.4, right - 0.4, 1.5):
        facade.patch(at, at + 0.07, 0.45, ground - 0.9)[:] = 70
    door = left + rng.uniform(0.3, max(0.4, wide - 1.5))
    facade.patch(door, door + 1.1, 0.05, 2.3)[:] = facade.glass() * 0.6
    facade.patch(left, right, ground - 0.85, ground - 0.2)[:] = sign
    for at in np.arange(left + wide * 0.25, left + wide * 0.72, 0.3):
        end, top = at + rng.uniform(0.1, 0.24), ground - rng.uniform(0.36, 0.44)
        facade.patch(at, end, ground - 0.68, top)[:] = 250 - sign
    if rng.random() < 0.35:
        awning = facade.patch(left, right, ground - 1.5, ground - 0.85)
        stripes = (np.arange(awning.shape[1]) / facade.density % 0.6 < 0.3)[None, :, None]
        awning[:] = np.where(stripes, sign, 225.0) * 0.92


def _plinth(facade, wall):
    """A darker foot of the wall, and the house's door."""
    rng = facade.rng
    facade.band(0, rng.uniform(0.4, 0.9))[:] *= 0.7
    door = rng.uniform(0.2, 0.8) * facade.width
    facade.patch(door - 0.15, door + 1.25, 0, 2.55)[:] = wall * 1.15
    facade.patch(door, door + 1.1, 0, 2.4)[:] = rng.uniform(30, 130, 3)
    facade.patch(door + 0.2, door + 0.9, 1.2, 2.1)[:] = 60
