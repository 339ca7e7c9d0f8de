"""JPEG files: size and decoding, with the checks that `data.png` has for PNG.

Images are upright: turned as their EXIF orientation says, as programs that show or label them do. Of most
files a part can be decoded alone, by TensorFlow's decoder, for imagecodecs has none for parts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np

from common.errors import UserError
from data.png import MAX_PIXELS

START, END = b"\xff\xd8\xff", b"\xff\xd9"
HEADER = 2**18  # bytes in which the size is told, also behind a camera's notes and a small preview
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of segments that tell the image's size
BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
SCAN, LAST = 0xDA, 0xD9  # markers of a segment behind which coded pixels stand, and of the image's end
BEHIND_PIXELS = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # a marker; among pixels only restarts have one
SEQUENTIAL = (0xC0, 0xC1)  # of the frames, those whose rows are coded one after the other
# pixels around a part, after which its own are those of the whole image: one block of two samples a chroma
MARGIN = 16
EXIF, EXIF_START = 0xE1, b"Exif\0\0"  # marker and beginning of the segment that may tell the orientation
ORIENTATION, SHORT = 0x0112, 3  # tag and type of its entry (TIFF 6.0)
UPRIGHT = {  # EXIF orientation -> [H, W, 3] as stored to the upright image
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: pixels[::-1].transpose(1, 0, 2),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: pixels[:, ::-1].transpose(1, 0, 2),
}


@dataclass(frozen=True)
class Header:
    """What the segments before the pixels say.

    Attributes:
        stored: (height, width) in pixels, as the file holds them.
        orientation: a key of `UPRIGHT`.
        sequential: whether the rows are coded one after the other, not in passes over the whole image.
    """

    stored: tuple[int, int]
    orientation: int
    sequential: bool

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the upright image."""
        return self.stored[::-1] if self.orientation >= 5 else self.stored


def size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels of an 8-bit colour JPEG, without decoding it.

    Raises:
        UserError: unreadable, no JPEG, not of 8-bit colours, or of an absurd size.
    """
    return _header(_read(path, HEADER), path).size


def decode_image(path: Path) -> np.ndarray:
    """Decode an 8-bit colour JPEG to uint8 RGB [H, W, 3], upright.

    Raises:
        UserError: as `size`, or truncated or damaged; the message names the file.
    """
    return Encoded(path)[:, :]


class Encoded:
    """An image in its file's bytes: `image[rows, columns]` decodes that part of `decode_image`'s array.

    Args:
        path: of the JPEG.

    Attributes:
        shape: (height, width, 3) of the upright image.

    Raises:
        UserError: as `decode_image`; of damaged pixels when they are decoded.
    """

    def __init__(self, path: Path):
        self._path, self._content = path, _read(path)
        self._header = _header(self._content, path)
        # libjpeg fills what is missing with grey and only warns; cameras and editors may write behind the end
        if not self._content.rstrip(b"\x00").endswith(END) and not _has_end(self._content):
            raise UserError(f"{path}: truncated JPEG (its end is missing); copy or unpack it again")
        self.shape = (*self._header.size, 3)

    def __getitem__(self, windows: tuple[slice, slice]) -> np.ndarray:
        parts = [range(*window.indices(side)) for window, side in zip(windows, self.shape)]
        assert all(len(part) and part.step == 1 for part in parts)
        is_small = 4 * len(parts[0]) * len(parts[1]) <= self.shape[0] * self.shape[1]  # else it is no faster
        if is_small and self._header.sequential and self._header.orientation == 1:
            return self._part(*parts)
        return np.ascontiguousarray(self._whole()[windows])

    def _whole(self) -> np.ndarray:
        try:
            pixels = imagecodecs.jpeg8_decode(self._content, outcolorspace="RGB")
        except (imagecodecs.Jpeg8Error, ValueError) as error:
            raise self._damaged(error) from error
        assert pixels.shape == (*self._header.stored, 3) and pixels.dtype == np.uint8
        return UPRIGHT[self._header.orientation](pixels)

    def _part(self, rows: range, columns: range) -> np.ndarray:
        """Decode with a margin, without which pixels of the rim have no neighbours to take colour from."""
        import tensorflow as tf

        top, left = (max(part.start - MARGIN, 0) for part in (rows, columns))
        bottom, right = (min(part.stop + MARGIN, side) for part, side in zip((rows, columns), self.shape))
        window = [top, left, bottom - top, right - left]
        accurate = {"dct_method": "INTEGER_ACCURATE", "fancy_upscaling": True}  # as imagecodecs has them
        try:
            pixels = tf.io.decode_and_crop_jpeg(self._content, window, channels=3, **accurate).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise self._damaged("its pixels cannot be decoded") from error
        return pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]

    def _damaged(self, reason) -> UserError:
        return UserError(f"{self._path}: damaged JPEG ({reason}); copy or unpack it again")


def _read(path, most: int = -1) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}; check the file and its permissions"
        ) from error


def _header(content: bytes, path) -> Header:
    """What the first frame says of the size, and EXIF before it of the orientation (ITU T.81, B.2.2)."""
    if not content.startswith(START):
        empty = "" if content else " (the file is empty)"
        raise UserError(f"{path}: not a JPEG image{empty}; unpack it again")
    orientation = 1
    for marker, place in _segments(content):
        if marker in FRAMES and place + 10 <= len(content):
            size = _size(content[place + 4 : place + 10], path)
            return Header(size, orientation, marker in SEQUENTIAL)
        if marker == EXIF and content.startswith(EXIF_START, place + 4):
            end = place + 2 + int.from_bytes(content[place + 2 : place + 4])
            orientation = _orientation(content[place + 4 + len(EXIF_START) : end])
    raise UserError(f"{path}: damaged JPEG (its header tells no size); copy or unpack it again")


def _has_end(content: bytes) -> bool:
    """Whether the image's end is there, other than that of a preview in a segment, whatever follows it."""
    return any(marker == LAST for marker, _ in _segments(content))


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """The marker and the place of each segment, the last of which is the image's end (ITU T.81, B.1.1)."""
    place, marker = 2, None
    while marker != LAST and place + 2 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # filling
            place += 1
        elif marker in BARE:
            place += 2
        else:
            yield marker, place
            place += 2 + int.from_bytes(content[place + 2 : place + 4])
        if marker == SCAN:
            behind = BEHIND_PIXELS.search(content, place)
            place = behind.start() if behind else len(content)


def _size(frame: bytes, path) -> tuple[int, int]:
    """(height, width) of the first six bytes of a frame's header."""
    bits, channels = frame[0], frame[5]
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    if bits != 8 or channels != 3:
        kind = f"CMYK image of {bits} bits" if channels == 4 else f"{bits}-bit image of {channels} channels"
        cure = "convert it, for example with `convert FILE -colorspace sRGB -type TrueColor FILE`"
        raise UserError(f"{path}: {kind}, need 8-bit RGB; {cure}")
    if not 0 < width * height <= MAX_PIXELS:
        claims = f"its header claims {height}x{width} pixels"
        raise UserError(f"{path}: damaged JPEG ({claims}); unpack it again")
    return height, width


def _orientation(tiff: bytes) -> int:
    """The orientation that EXIF tells, 1 to 8; 1 where it tells none, or nonsense."""
    order = "little" if tiff.startswith(b"II") else "big"

    def number(place: int, length: int = 2) -> int:
        return int.from_bytes(tiff[place : place + length], order)

    entries = number(4, 4)  # of the first directory: their count, then 12 bytes each
    for place in range(entries + 2, entries + 2 + 12 * number(entries), 12):
        if number(place) == ORIENTATION and number(place + 2) == SHORT:
            return number(place + 8) if number(place + 8) in UPRIGHT else 1
    return 1
