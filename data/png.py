"""PNG files: header, decoding, encoding.

Headers are read without decoding, so that sizes and formats of a whole data set are checked in
seconds. Decoding is imagecodecs' (libpng on zlib-ng): 1.6 times as fast as OpenCV's, raises on damage
instead of printing to stderr, releases the interpreter lock, and needs no TensorFlow.
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from common.errors import UserError
from common.files import write_bytes

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
MAX_PIXELS = 2**28  # 128 Cityscapes images; a damaged or hostile header may claim any size
# what to do about a label file of another kind
OWN_FILE = "use the data set's own label file, of Cityscapes labelIds or labelTrainIds"
COLOR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey+alpha", 6: "RGBA"}


@dataclass(frozen=True)
class Header:
    """What the first 26 bytes of a PNG say."""

    height: int
    width: int
    bits: int
    color: str

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.height, self.width

    @property
    def is_rgb(self) -> bool:
        """Whether it is an 8-bit RGB image's."""
        return self.bits == 8 and self.color == "RGB"


def header(path: Path) -> Header:
    """Read a PNG's header.

    Raises:
        UserError: not readable, empty, not a PNG, or of an absurd size.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(26)
    except OSError as error:
        raise _unreadable(path, error) from error
    return _parse(start, path)


def _parse(start: bytes, path) -> Header:
    if len(start) < 26 or not start.startswith(SIGNATURE):
        empty = "" if start else " (the file is empty)"
        raise UserError(f"{path}: not a PNG image{empty}; unpack it again")
    width, height, bits, color = struct.unpack(">IIBB", start[16:26])
    if width * height > MAX_PIXELS:  # refused here, before anything is allocated
        raise UserError(f"{path}: damaged PNG (its header claims {height}x{width} pixels); unpack it again")
    return Header(height, width, bits, COLOR_TYPES.get(color, f"unknown colour type {color}"))


def require_image(found: Header, path) -> None:
    """Raise UserError unless the header is an 8-bit RGB image's."""
    if not found.is_rgb:
        raise UserError(
            f"{path}: {found.bits}-bit {found.color} image, need 8-bit RGB; convert it, for example with "
            "`convert FILE -depth 8 PNG24:FILE`"
        )


def require_labels(found: Header, path, cure: str = OWN_FILE) -> None:
    """Raise UserError, with this cure, unless the header is a label map's: grey of 8 bits, or a palette."""
    if found.color != "palette" and (found.bits != 8 or found.color != "grey"):
        raise UserError(
            f"{path}: {found.bits}-bit {found.color} image, need an 8-bit grey PNG of label values, or a "
            f"palette's; {cure}"
        )


def require_equal_size(image_size, image, label_size, label) -> None:
    """Raise UserError unless an image's and its label map's (height, width) are equal."""
    if tuple(image_size) == tuple(label_size):
        return
    cure = "restore both from the data set"
    if tuple(image_size) == tuple(label_size)[::-1]:
        cure = "turn one of them, or clear a wrong EXIF orientation with `exiftool -Orientation= FILE`"
    raise UserError(
        f"{label} is {label_size[0]}x{label_size[1]} but its image {Path(image).name} is "
        f"{image_size[0]}x{image_size[1]}; {cure}"
    )


def decode_image(path: Path) -> np.ndarray:
    """Decode an 8-bit RGB PNG to uint8 [H, W, 3].

    Raises:
        UserError: unreadable, truncated, damaged, grey or 16-bit; the message names the file.
    """
    content = _read(path)
    require_image(_parse(content[:26], path), path)
    return _decode(content, path)[..., :3]  # a tRNS chunk, "this colour is transparent", adds a channel


def decode_labels(path: Path, cure: str = OWN_FILE) -> np.ndarray:
    """Decode a label map to uint8 [H, W] of the values that it holds, of a palette the colours' numbers.

    Args:
        path: of the PNG.
        cure: what to do where it is of another kind.

    Raises:
        UserError: as `decode_image`.
    """
    content = _read(path)
    found = _parse(content[:26], path)
    require_labels(found, path, cure)
    label = _decode(content, path)
    if found.color == "palette":
        return _palette_numbers(content)
    return label if label.ndim == 2 else label[..., 0]  # a tRNS chunk adds a channel here as well


def decode_any(path: Path) -> np.ndarray:
    """Decode any PNG as it is (instance maps are 16-bit), with the same checks for damage."""
    content = _read(path)
    _parse(content[:26], path)
    return _decode(content, path)


def _read(path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path, error: OSError) -> UserError:
    return UserError(f"cannot read {path}: {error.strerror}; check the file and its permissions")


def _decode(content: bytes, path) -> np.ndarray:
    # libpng fills missing rows with zeros and only warns when the last chunk is cut off
    if not content.rstrip(b"\x00").endswith(END[4:]):
        raise UserError(f"{path}: truncated PNG (its end is missing); copy or unpack it again")
    try:
        return imagecodecs.png_decode(content)
    except imagecodecs.PngError as error:
        raise UserError(f"{path}: damaged PNG ({error}); copy or unpack it again") from error
    except UnicodeDecodeError as error:  # some damage garbles libpng's own message
        raise UserError(f"{path}: damaged PNG; copy or unpack it again") from error


def _palette_numbers(content: bytes) -> np.ndarray:
    """The numbers that a sound PNG of a palette holds, uint8 [H, W]; libpng would look the colours up."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.array(image)


def write(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 or uint16 [H, W] or [H, W, 3] as PNG, whole or not at all.

    Fast rather than small. Label maps are filtered by the row above, which is a third of the default's
    work for writer and reader and no larger.

    Raises:
        UserError: it cannot be written.
    """
    row_above = imagecodecs.PNG.FILTER.UP if pixels.ndim == 2 else None
    write_bytes(path, imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1, filter=row_above))
