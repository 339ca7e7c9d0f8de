"""The notes in an ONNX file, read without the package `onnx`, which a Jetson lacks."""

from __future__ import annotations

METADATA = (
    14  # number of the field `metadata_props` in onnx.ModelProto; its parts are a key, 1, and a value, 2
)


def note(content: bytes, wanted: str) -> str | None:
    """The note of a name in an ONNX file's bytes; None where there is none, or the bytes are no ONNX file."""
    try:
        for number, part in _fields(content):
            if number == METADATA:
                entry = dict(_fields(part))
                if entry.get(1, b"").decode() == wanted:
                    return entry.get(2, b"").decode()
    except (IndexError, ValueError):  # TensorRT says what is wrong with the file
        pass
    return None


def _fields(content: bytes):
    """(number, bytes) of each field with a length, of protobuf's wire format; the others are passed over."""
    place = 0
    while place < len(content):
        tag, place = _number(content, place)
        kind = tag & 7
        if kind == 0:
            _, place = _number(content, place)
        elif kind == 2:
            length, place = _number(content, place)
            yield tag >> 3, content[place : place + length]
            place += length
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("no protobuf")


def _number(content: bytes, place: int):
    """(a number of seven bits a byte, lowest first, the place behind it)."""
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
