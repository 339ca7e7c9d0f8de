"""Files that appear whole or not at all."""

import contextlib
import uuid
from pathlib import Path

from common.errors import UserError


def write_bytes(path: Path, content: bytes) -> None:
    """Write under a temporary name in the same folder, then rename; nothing half-written is left behind.

    Raises:
        UserError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    partial = partial_name(path)
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; check the folder and the disk") from error
    finally:  # after an interrupt too; once renamed there is nothing to remove
        with contextlib.suppress(OSError):
            partial.unlink()


def partial_name(path: Path) -> Path:
    """A name beside `path` for what is not complete yet, which no other thread or node has."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
