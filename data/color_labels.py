"""Labels in colours: RGB PNGs in which each colour means a value."""

import functools
import hashlib
from dataclasses import dataclass, field

import cv2
import numpy as np

from common.errors import UserError
from data import png
from data.samples import Sample

Colors = tuple[tuple[tuple[int, int, int], int], ...]  # pairs of (red, green, blue) and the value it means
UNKNOWN = 254  # in the table below; no colour may mean it


@dataclass(frozen=True)
class ColorSample(Sample):
    """An image with an 8-bit RGB PNG as its label, whose colours mean values of the label set."""

    colors: Colors = field(kw_only=True, repr=False, compare=False)

    @property
    def coding(self) -> str:
        return hashlib.sha256(repr(self.colors).encode()).hexdigest()[:16]

    def decode_label(self) -> np.ndarray:
        pixels = png.decode_image(self.label)
        # [H, W, 4] as one number of 32 bits each, red + 256 green + 65536 blue with alpha cleared
        numbers = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA).view("<u4")[..., 0] & 0xFFFFFF
        label = _table(self.colors)[numbers]
        if (unknown := label == UNKNOWN).any():
            color = tuple(pixels[unknown][0].tolist())
            known = ", ".join(str(color) for color, _ in self.colors)
            count = int(unknown.sum())
            raise UserError(f"{self.label}: colour {color} in {count} pixels, known are {known}; {self.cure}")
        return label

    def label_size(self) -> tuple[int, int]:
        found = png.header(self.label)
        png.require_image(found, self.label)
        return found.size


@functools.cache
def _table(colors: Colors) -> np.ndarray:
    """The value of each colour, or `UNKNOWN`, uint8 [2^24]."""
    table = np.full(1 << 24, UNKNOWN, np.uint8)
    for (red, green, blue), value in colors:
        assert value != UNKNOWN
        table[red | green << 8 | blue << 16] = value
    return table
