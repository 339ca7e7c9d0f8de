"""Files from a real HTTP server on the loopback: broken off, damaged, slow, killed, through a proxy."""

import hashlib
import io
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from common.errors import UserError
from file_server import PIECE, serving
from models.weights import download, download_http
from models.weights.download import Remote
from tiny import REPO

CONTENT = np.random.default_rng(0).bytes(40 * PIECE + 7)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "model.pth"
FETCH = """
import sys
from pathlib import Path
from models.weights.download import Remote, fetch

fetch(Remote(sys.argv[1], sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download_http, "PAUSE", 0.0)
    for name in ("http_proxy", "https_proxy", "all_proxy", download_http.MIRROR):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving({f"/some/{NAME}": CONTENT}) as (files, address):
        files.address = f"{address}/some/{NAME}"
        yield files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / NAME


def partial(path):
    return path.with_name(NAME + download.PARTIAL)


def begun(path, content):
    path.parent.mkdir()
    partial(path).write_bytes(content)


def assert_whole(path):
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def failure(remote, path):
    """The one line that tells why a file was not fetched."""
    with pytest.raises(UserError) as raised:
        download.fetch(remote, path)
    message = str(raised.value)
    assert message.isprintable()
    return message


@pytest.mark.parametrize("digits", [8, 64, 0])
def test_a_file_is_fetched_once(digits, server, path):
    remote = Remote(server.address, SHA256[:digits])
    assert download.fetch(remote, path) == download.fetch(remote, path) == path
    assert_whole(path)
    assert server.asked == [(f"/some/{NAME}", None)]


def test_a_file_of_unknown_length_is_fetched(server, path):
    server.lengths = False
    download.fetch(Remote(server.address, md5=hashlib.md5(CONTENT).hexdigest()), path)
    assert_whole(path)


def test_what_breaks_off_is_continued(server, path):
    server.break_after = [3 * PIECE, 5 * PIECE]
    download.fetch(Remote(server.address, SHA256), path)
    assert_whole(path)
    assert [part for _, part in server.asked] == [None, f"bytes={3 * PIECE}-", f"bytes={8 * PIECE}-"]


def test_a_connection_that_brings_nothing_ends_it_and_the_next_call_goes_on(server, path):
    server.break_after = [3 * PIECE, 0]
    message = failure(Remote(server.address, SHA256), path)
    assert f"the connection ended after {3 * PIECE} of {len(CONTENT)} bytes" in message
    assert "the same command goes on there" in message
    assert f"fetch {server.address} and put it at {path}" in message
    assert partial(path).read_bytes() == CONTENT[: 3 * PIECE] and not path.exists()
    download.fetch(Remote(server.address, SHA256), path)
    assert_whole(path)
    assert server.asked[-1][1] == f"bytes={3 * PIECE}-"


def test_a_killed_process_is_continued_by_another(server, path):
    server.pause = 0.02
    words = [sys.executable, "-c", FETCH, server.address, SHA256, path]
    process = subprocess.Popen(words, cwd=REPO)
    end = time.monotonic() + 60
    while not (partial(path).is_file() and partial(path).stat().st_size):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.kill()
    process.wait()
    there = partial(path).stat().st_size
    assert 0 < there < len(CONTENT) and not path.exists()
    server.pause = 0.0
    download.fetch(Remote(server.address, SHA256), path)
    assert_whole(path)
    assert server.asked[-1][1] == f"bytes={there}-"


def test_two_processes_at_once_fetch_it_once(server, path):
    server.pause = 0.02
    words = [sys.executable, "-c", FETCH, server.address, SHA256, path]
    processes = [subprocess.Popen(words, cwd=REPO, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert_whole(path)
    assert len(server.asked) == 1
    assert sum(f"waiting for another process that fetches {NAME}" in text for text in told) <= 1


def test_a_server_without_ranges_sends_it_anew(server, path):
    begun(path, b"something else")
    server.ranges = False
    download.fetch(Remote(server.address, SHA256), path)
    assert_whole(path)
    assert server.asked == [(f"/some/{NAME}", "bytes=14-")]


@pytest.mark.parametrize("beyond", [b"", b"more"])
def test_a_partial_file_with_nothing_to_come_is_fetched_anew(beyond, server, path):
    begun(path, CONTENT + beyond)
    download.fetch(Remote(server.address, SHA256), path)
    assert_whole(path)
    assert [part for _, part in server.asked] == [f"bytes={len(CONTENT + beyond)}-", None]


def test_a_file_with_another_hash_is_not_kept(server, path):
    begun(path, b"something else")
    message = failure(Remote(server.address, SHA256), path)
    assert message.startswith(f"{server.address} came damaged: its SHA-256 begins with ")
    assert f", not {SHA256[:8]}; " in message
    assert not list(path.parent.iterdir())


def test_a_file_that_was_put_there_is_checked_and_left(server, path):
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    message = failure(Remote(server.address, SHA256), path)
    assert message.startswith(f"{path} is not {server.address}: its SHA-256 begins with ")
    assert path.read_bytes() == CONTENT[:-1] and not server.asked


def test_without_a_hash_an_archive_is_checked_by_its_own_checksums(server, path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data.pkl", CONTENT)
    damaged = bytearray(archive.getvalue())
    damaged[1000] ^= 1
    server.files[f"/some/{NAME}"] = bytes(damaged)
    message = failure(Remote(server.address), path)
    assert "came damaged: its part data.pkl is" in message and not list(path.parent.iterdir())


@pytest.mark.parametrize(("status", "words"), [(404, "HTTP 404 Not Found"), (503, "HTTP 503 Service Unav")])
def test_a_refusal_says_what_to_put_where(status, words, server, path):
    server.status = status
    message = failure(Remote(server.address, SHA256), path)
    assert message.startswith(f"cannot fetch {NAME} ({words}")
    assert message.endswith(f"; fetch {server.address} and put it at {path}")
    assert not list(path.parent.iterdir())


def test_no_network_says_what_to_put_where(server, path):
    address = f"http://weights.invalid/{NAME}"
    message = failure(Remote(address, SHA256), path)
    assert message.startswith(f"cannot fetch {NAME} (")
    assert message.endswith(f"); fetch {address} and put it at {path}")


def test_a_slow_server_is_waited_for_and_a_silent_one_is_not(server, path, monkeypatch):
    monkeypatch.setattr(download_http, "SILENCE", 0.3)
    server.pause = 0.02
    download.fetch(Remote(server.address, SHA256), path)
    assert_whole(path)
    path.unlink()
    server.pause = 1.0
    assert f"cannot fetch {NAME} (silence for 0.3 s)" in failure(Remote(server.address, SHA256), path)


def test_proxies_of_the_environment_are_used(server, path, monkeypatch):
    address = f"http://weights.invalid/{NAME}"
    server.files[address] = CONTENT
    monkeypatch.setenv("http_proxy", server.address.removesuffix(f"/some/{NAME}"))
    download.fetch(Remote(address, SHA256), path)
    assert_whole(path)
    assert server.asked == [(address, None)]


def test_a_mirror_takes_the_place_of_scheme_and_host(server, path, monkeypatch):
    host = server.address.removesuffix(f"/some/{NAME}")
    server.files[f"/mirror/some/{NAME}"] = CONTENT
    monkeypatch.setenv(download_http.MIRROR, f"{host}/mirror/")
    download.fetch(Remote(f"https://weights.invalid/some/{NAME}", SHA256), path)
    assert_whole(path)
    assert server.asked == [(f"/mirror/some/{NAME}", None)]
    monkeypatch.setenv(download_http.MIRROR, "file:///etc")
    message = failure(Remote("https://weights.invalid/a", SHA256), path.with_name("other"))
    assert message == "WEIGHTS_MIRROR is 'file:///etc'; give an http:// or https:// address, or unset it"


def test_a_folder_that_cannot_be_made_is_said(server, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert failure(Remote(server.address), tmp_path / "cache" / NAME).startswith(
        f"cannot write {tmp_path / 'cache' / NAME}: "
    )


def test_more_than_any_model_is_refused(server, path, monkeypatch):
    monkeypatch.setattr(download_http, "MOST_BYTES", 4 * PIECE)
    assert "it is larger than" in failure(Remote(server.address, SHA256), path)
    assert len(server.asked) == 1
