"""JPEG files: size and decoding, with the checks that `data.png` has for PNG."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np

from common.errors import UserError
from data.png import MAX_PIXELS

START, END = b"\xff\xd8\xff", b"\xff\xd9"
HEADER = 2**18  # bytes in which the size is told, also behind a camera's notes and a small preview
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of segments that tell the image's size
BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment


def size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels of an 8-bit colour JPEG, without decoding it.

    Raises:
        UserError: unreadable, no JPEG, not of 8-bit colours, or of an absurd size.
    """
    return _size(_read(path, HEADER), path)


def decode_image(path: Path) -> np.ndarray:
    """Decode an 8-bit colour JPEG to uint8 RGB [H, W, 3].

    Raises:
        UserError: as `size`, or truncated or damaged; the message names the file.
    """
    content = _read(path)
    height, width = _size(content, path)
    # libjpeg fills what is missing with grey and only warns
    if not content.rstrip(b"\x00").endswith(END):
        raise UserError(f"{path}: truncated JPEG (its end is missing); copy or unpack it again")
    try:
        pixels = imagecodecs.jpeg8_decode(content, outcolorspace="RGB")
    except (imagecodecs.Jpeg8Error, ValueError) as error:
        raise UserError(f"{path}: damaged JPEG ({error}); copy or unpack it again") from error
    assert pixels.shape == (height, width, 3) and pixels.dtype == np.uint8
    return pixels


def _read(path, most: int = -1) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}; check the file and its permissions"
        ) from error


def _size(content: bytes, path) -> tuple[int, int]:
    """What the header of the first frame says (ITU T.81, B.2.2)."""
    if not content.startswith(START):
        empty = "" if content else " (the file is empty)"
        raise UserError(f"{path}: not a JPEG image{empty}; unpack it again")
    place = 2
    while place + 10 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in FRAMES:
            bits, height, width, channels = struct.unpack(">BHHB", content[place + 4 : place + 10])
            if bits != 8 or channels != 3:
                kind = f"{bits}-bit image of {channels} channels"
                raise UserError(f"{path}: {kind}, need 8-bit RGB; convert it, for example with `convert`")
            if not 0 < width * height <= MAX_PIXELS:
                claims = f"its header claims {height}x{width} pixels"
                raise UserError(f"{path}: damaged JPEG ({claims}); unpack it again")
            return height, width
        if marker == 0xFF:  # filling
            place += 1
        elif marker in BARE:
            place += 2
        else:
            place += 2 + struct.unpack(">H", content[place + 2 : place + 4])[0]
    raise UserError(f"{path}: damaged JPEG (its header tells no size); copy or unpack it again")
