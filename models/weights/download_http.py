"""One file by HTTP into an open file: from where that ends to the end, in as many connections as it takes."""

import contextlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from common.errors import UserError

MIRROR = "WEIGHTS_MIRROR"
SILENCE = 30.0  # seconds without a byte, after which a connection counts as broken
PAUSE = 1.0  # seconds before a broken one is made anew
MOST_BYTES = 2**32  # of a file, far above any model's here
PIECE = 2**18  # bytes read at once
AGENT = "street-scene-benchmark"


class Broken(Exception):
    """A connection that was not made, or ended early; says why."""


class Refused(Broken):
    """An answer that would be no other the next time."""


def mirrored(address: str) -> str:
    """An address, or the mirror's: `WEIGHTS_MIRROR` takes the place of scheme and host.

    Raises:
        UserError: a mirror that is no http(s) address.
    """
    mirror = os.environ.get(MIRROR, "")
    if not mirror:
        return address
    if not re.match(r"https?://[^/]", mirror):
        raise UserError(f"{MIRROR} is {mirror!r}; give an http:// or https:// address, or unset it")
    return mirror.rstrip("/") + urlsplit(address).path


def receive(url: str, file, bar) -> None:
    """Append the rest of a file to what there is of it; a connection that brought something is made anew.

    Args:
        url: http(s) address; proxies are those of the environment.
        file: open for appending, binary.
        bar: of tqdm.

    Raises:
        Broken: a connection brought nothing, or what cannot be the file.
        OSError: the file cannot be written.
    """
    while True:
        before = file.tell()
        try:
            return _append(url, file, bar)
        except Refused:
            raise
        except Broken:
            if file.tell() <= before:
                raise
            time.sleep(PAUSE)


def _append(url: str, file, bar) -> None:
    have = file.tell()
    with _opened(url, have) as response:
        start, total = _place(response, have)
        if start < have:
            file.seek(start)
            file.truncate()
        bar.n = bar.initial = start
        bar.total = total
        bar.refresh()
        while piece := _read(response):
            file.write(piece)
            bar.update(len(piece))
            start += len(piece)
            if start > MOST_BYTES:
                raise Refused(f"it is larger than {MOST_BYTES >> 30} GiB")
        if total is not None and start < total:
            raise Broken(f"the connection ended after {start} of {total} bytes")


def _opened(url: str, have: int):
    """The response with what comes behind the first `have` bytes, or with the whole file."""
    headers = {"User-Agent": AGENT} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        opener = urllib.request.build_opener()  # with the environment's proxies of now
        return opener.open(urllib.request.Request(url, headers=headers), timeout=SILENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return _opened(url, 0)  # there is more than the server has, or all of it
        raise Refused(f"HTTP {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Broken(_reason(error)) from error


def _place(response, have: int) -> tuple[int, int | None]:
    """Where a response begins in the file, and how long the whole file is, where the server says so."""
    if response.status != http.client.PARTIAL_CONTENT:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None
    part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not part or int(part[1]) != have:
        raise Refused("the server sends another part than was asked for")
    return have, None if part[2] == "*" else int(part[2])


def _read(response) -> bytes:
    try:
        return response.read1(PIECE)
    except (OSError, ValueError, http.client.HTTPException) as error:
        with contextlib.suppress(OSError):
            response.close()
        raise Broken(_reason(error)) from error


def _reason(error: Exception) -> str:
    """In a few words: of an error around another, that of the inner one."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"silence for {SILENCE:g} s"
    words = str(getattr(inner, "strerror", None) or inner or type(inner).__name__)
    return "".join(filter(str.isprintable, (words.splitlines() or [""])[0]))[:80]
