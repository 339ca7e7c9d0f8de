"""Fetches a published file once: resumed where it broke off, checked by its hash, whole or not at all."""

import contextlib
import fcntl
import hashlib
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import writing_error
from models.weights import download_http

PARTIAL = ".partial"  # behind the name of a file that is not whole yet


@dataclass(frozen=True)
class Remote:
    """A file to be fetched.

    Attributes:
        address: its URL, for which a mirror may stand, see `models.weights.download_http`.
        sha256: its hash, or first digits of it; empty where none is published.
        md5: its hash, where only that is published.
    """

    address: str
    sha256: str = ""
    md5: str = ""


def fetch(remote: Remote, path: Path) -> Path:
    """The file at `path`, fetched if it is not there; its folder is made.

    What breaks off stays beside it as `NAME.partial`, and the next call goes on there, in this process or
    another; of two at a time one waits for the other. A file that somebody has put there is checked as well.

    Raises:
        UserError: it cannot be fetched, then the message says what to put where; it is not the one that was
            published; or it cannot be written.
    """
    if path.is_file():
        if wrong := mismatch(remote, path):
            raise UserError(f"{path} is not {remote.address}: {wrong}; remove it, or put the whole there")
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_name(path.name + PARTIAL), path) as file:
            if file:
                _complete(remote, file, path)
    except OSError as error:
        raise writing_error(path, error) from error
    return path


@contextmanager
def _alone(partial: Path, path: Path) -> Iterator:
    """The partial file, open for appending, while no other process writes it; None where `path` has come."""
    while True:
        with open(partial, "ab") as file:
            _lock(file, path.name)
            here = os.fstat(file.fileno())
            if path.is_file():
                partial.unlink(missing_ok=True)
                yield None
                return
            # who held the lock may have taken this file away
            if partial.is_file() and os.path.samestat(here, partial.stat()):
                yield file
                return


def _lock(file, name: str) -> None:
    """Wait until no other process holds the file, which lasts until it is closed or the process ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another process that fetches {name}", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        pass


def _complete(remote: Remote, file, path: Path) -> None:
    """Fetch what is missing of a partial file, check the whole, and give it its name."""
    from tqdm import tqdm

    partial, url = Path(file.name), download_http.mirrored(remote.address)
    with tqdm(desc=path.name, unit="B", unit_scale=True, unit_divisor=1024, disable=None) as bar:
        try:
            download_http.receive(url, file, bar)
        except download_http.Broken as error:
            bar.close()
            raise UserError(_unreachable(url, file, path, str(error))) from error
    file.flush()
    if wrong := mismatch(remote, partial):
        partial.unlink()
        raise UserError(f"{url} came damaged: {wrong}; fetch it again")
    os.replace(partial, path)


def _unreachable(url: str, file, path: Path, reason: str) -> str:
    """What to say of a file that cannot be fetched, or not to its end."""
    have = file.tell()
    if not have:
        with contextlib.suppress(OSError):
            Path(file.name).unlink()
        return f"cannot fetch {path.name} ({reason}); fetch {url} and put it at {path}"
    return (
        f"cannot fetch more than {have / 2**20:.1f} MiB of {path.name} ({reason}); the same command goes on "
        f"there; or fetch {url} and put it at {path}"
    )


def mismatch(remote: Remote, path: Path) -> str:
    """What tells a file from the published one, in words; empty where nothing does.

    Without a hash an archive, as PyTorch writes it, is checked by its own checksums.
    """
    for algorithm, name, digits in (("sha256", "SHA-256", remote.sha256), ("md5", "MD5", remote.md5)):
        if digits:
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, algorithm).hexdigest()
            return "" if found.startswith(digits) else f"its {name} begins with {found[:8]}, not {digits[:8]}"
    if not zipfile.is_zipfile(path):
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        return "it is no whole archive"
    return f"its part {damaged} is" if damaged else ""
