"""Files that appear whole or not at all, and what to say where they cannot be written."""

import contextlib
import errno
import os
import shutil
import uuid
from pathlib import Path

from common.errors import DiskFullError, UserError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the user's quota, the limit of a file's size


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
        raise writing_error(path, error) from error
    finally:  # after an interrupt too; once renamed there is nothing to remove
        with contextlib.suppress(OSError):
            partial.unlink()


def require_folder_of(path: Path, argument: str = "output") -> None:
    """Raise UserError unless there is a folder for a file, before the work of which it is the result.

    Args:
        argument: what named the file, for the message.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise UserError(f"cannot write {path}: no folder for it, or a folder itself; correct `{argument}`")


def make_folder(folder: Path, argument: str = "folder") -> None:
    """Make a folder for results before the work that they come from, unless it is there.

    Args:
        argument: what named the folder, for the message.

    Raises:
        UserError: it cannot be made or written to.
    """
    cure = f"give another `{argument}`"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the results folder {folder}: {error.strerror}; {cure}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to the results folder {folder}: no permission; {cure}")


def partial_name(path: Path) -> Path:
    """A name beside `path` for what is not complete yet, which no other thread or node has."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")


def writing_error(path: Path, error: OSError, cure: str = "check the folder and the disk") -> UserError:
    """What to raise where a file or folder cannot be written; a full disk has an exit status of its own."""
    if error.errno not in NO_SPACE:
        return UserError(f"cannot write {path}: {error.strerror or error}; {cure}")
    folder = next(place for place in path.resolve().parents if place.is_dir())
    free = shutil.disk_usage(folder).free / 2**20
    return DiskFullError(f"cannot write {path}: {error.strerror} ({free:.0f} MiB free); {cure}")
