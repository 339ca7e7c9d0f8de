"""Ways in which PNG files break, made for real."""

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np

from data.png import SIGNATURE


def truncate(path: Path) -> None:
    """Cut the file in half, as an interrupted copy does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip_byte(path: Path) -> None:
    """Change one byte in the middle of the image's data."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def empty(path: Path) -> None:
    """Leave 0 bytes, as a full disk does."""
    path.write_bytes(b"")


def text(path: Path) -> None:
    """Put a text where the image was, as a failed download does."""
    path.write_text("<html>404 Not Found: the page you asked for is not here</html>\n")


def replace(path: Path, image: np.ndarray) -> None:
    """Put another image there, of any type that PNG knows."""
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(image)))


def chunks(*parts: tuple[bytes, bytes]) -> bytes:
    """A PNG file of (type, content) chunks, with valid checksums."""
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def image_header(height: int, width: int, bits: int = 8, color: int = 2) -> tuple[bytes, bytes]:
    """The IHDR chunk; colour type 0 is grey, 2 RGB, 3 palette."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)


def bomb(path: Path) -> None:
    """A small file whose header claims 100,000 x 100,000 pixels, 30 GB once decoded."""
    few_rows = zlib.compress(b"\0" * 99)
    path.write_bytes(chunks(image_header(100_000, 100_000), (b"IDAT", few_rows), (b"IEND", b"")))


def bmp_bomb(path: Path) -> None:
    """A BMP of 54 bytes whose header claims 30,000 x 30,000 pixels, 2.7 GB once decoded."""
    side = 30_000
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 3 * side * side, 2835, 2835, 0, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header)


def jpeg_bomb(path: Path) -> None:
    """A true JPEG of a few bytes whose header is changed to claim 60,000 x 60,000 pixels."""
    content = bytearray(imagecodecs.jpeg8_encode(np.zeros((8, 8, 3), np.uint8)))
    frame = content.index(b"\xff\xc0") + 5
    content[frame : frame + 4] = struct.pack(">HH", 60_000, 60_000)
    path.write_bytes(content)
