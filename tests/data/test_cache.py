"""Caches: the same arrays as decoding gives, fewer decodings, and no harm from what happens to files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import damage
from common.errors import UserError
from data import cache, datasets, png
from data.cityscapes import CityscapesSample
from tiny import REPO, tiny_dataset


@pytest.fixture
def samples(tmp_path):
    return datasets.opened(tiny_dataset(tmp_path / "set", train=3, val=1, size=(20, 30))).training()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """The samples that were decoded, in order."""
    calls, decode = [], CityscapesSample.decode

    def counted(sample):
        calls.append(sample)
        return decode(sample)

    monkeypatch.setattr(CityscapesSample, "decode", counted)
    return calls


def assert_same(pair, expected):
    for array, wanted in zip(pair, expected, strict=True):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, wanted)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["none", "memory", "folder"])
def test_every_cache_gives_what_is_in_the_files_each_time(samples, folder, kind):
    opened = cache.open_cache(str(folder) if kind == "folder" else kind, samples)
    for _ in range(3):
        for sample in samples:
            expected = png.decode_image(sample.image), png.decode_labels(sample.label)
            assert_same(opened.load(sample), expected)


@pytest.mark.parametrize(("kind", "times"), [("none", 3), ("memory", 1), ("folder", 1)])
def test_how_often_a_image_is_decoded(samples, folder, decoded, kind, times):
    opened = cache.open_cache(str(folder) if kind == "folder" else kind, samples)
    for _ in range(3):
        for sample in samples:
            opened.load(sample)
    assert decoded == samples * times


def test_a_later_run_finds_the_folder_filled(samples, folder, decoded):
    for _ in range(2):
        for sample in samples:
            cache.FolderCache(folder).load(sample)
    assert decoded == samples


def test_a_changed_source_is_decoded_anew(samples, folder):
    opened = cache.FolderCache(folder)
    opened.load(samples[0])
    image, label = (255 - part for part in samples[0].decode())
    png.write(samples[0].image, image)
    png.write(samples[0].label, label % 34)
    assert_same(opened.load(samples[0]), (image, label % 34))


def test_images_of_one_name_in_two_sets_are_kept_apart(samples, folder, tmp_path):
    other = datasets.opened(
        tiny_dataset(tmp_path / "other", train=3, val=1, size=(20, 30), seed=1)
    ).training()
    opened = cache.FolderCache(folder)
    for sample in samples + other:
        opened.load(sample)
    for sample in samples + other:
        assert_same(opened.load(sample), sample.decode())


def wrong_shape(path):
    np.save(path, np.zeros((4, 4), np.uint8))


def wrong_type(path):
    np.save(path, np.load(path).astype(np.int32))


def garbled_header(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(", b"'", 1))


@pytest.mark.parametrize(
    "harm", [damage.truncate, damage.empty, damage.text, wrong_shape, wrong_type, garbled_header]
)
def test_a_damaged_cache_file_is_made_anew(samples, folder, decoded, harm):
    opened, expected = cache.FolderCache(folder), samples[0].decode()
    opened.load(samples[0])
    for path in list(folder.iterdir()):
        harm(path)
        decoded.clear()
        for _ in range(2):
            assert_same(opened.load(samples[0]), expected)
        assert decoded == samples[:1]  # the second time it was whole again
    assert len(files(folder)) == 2


def test_another_thread_may_write_the_same_file_meanwhile(samples, folder, monkeypatch):
    opened, expected = cache.FolderCache(folder), samples[0].decode()
    write, overtaken = Path.write_bytes, []

    def slow_write(path, content):
        write(path, content)
        if not overtaken:  # between this file's writing and its renaming another one is done with both
            overtaken.append(path)
            assert_same(opened.load(samples[0]), expected)

    monkeypatch.setattr(Path, "write_bytes", slow_write)
    assert_same(opened.load(samples[0]), expected)
    assert overtaken and len(files(folder)) == 2


def test_two_processes_may_fill_one_folder(samples, folder):
    root = samples[0].image.parents[3]
    script = (
        "import sys; from pathlib import Path; from data import cache, datasets\n"
        "opened = cache.FolderCache(Path(sys.argv[2]))\n"
        "for sample in datasets.opened(Path(sys.argv[1])).training(): opened.load(sample)"
    )
    command = [sys.executable, "-c", script, str(root), str(folder)]
    processes = [subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(REPO)}) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(files(folder)) == 2 * len(samples)
    for sample in samples:
        assert_same(cache.FolderCache(folder).load(sample), sample.decode())


def test_a_folder_that_cannot_be_made_is_one_line(samples):
    below = samples[0].image / "cache"
    with pytest.raises(UserError, match=f"{below}: Not a directory; see `cache`"):
        cache.open_cache(str(below), samples)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(samples, folder, monkeypatch):
    def write_half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    opened = cache.FolderCache(folder)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_half)
        with pytest.raises(UserError, match=f"cannot write {folder}/.*: No space left on device"):
            opened.load(samples[0])
    assert files(folder) == []
    assert_same(opened.load(samples[0]), samples[0].decode())


@pytest.mark.parametrize("kind", ["none", "memory", "folder"])
def test_a_image_that_has_gone_is_named(samples, folder, kind):
    opened = cache.open_cache(str(folder) if kind == "folder" else kind, samples)
    samples[0].image.unlink()
    with pytest.raises(UserError, match=f"cannot read {samples[0].image}: No such file"):
        opened.load(samples[0])


@pytest.mark.parametrize("kind", ["none", "memory", "folder"])
def test_a_damaged_image_is_named_and_not_kept(samples, folder, kind):
    opened = cache.open_cache(str(folder) if kind == "folder" else kind, samples)
    whole = samples[0].image.read_bytes()
    damage.truncate(samples[0].image)
    with pytest.raises(UserError, match=f"{samples[0].image}: truncated PNG"):
        opened.load(samples[0])
    samples[0].image.write_bytes(whole)
    assert_same(opened.load(samples[0]), samples[0].decode())


def test_images_that_do_not_fit_into_memory_are_refused(samples, monkeypatch):
    need = 3 * 20 * 30 * 4  # bytes: three channels and the labels
    monkeypatch.setattr(cache, "_available_memory", lambda: int(need / 0.75) + 2)
    assert isinstance(cache.open_cache("memory", samples), cache.MemoryCache)
    monkeypatch.setattr(cache, "_available_memory", lambda: int(need / 0.75) - 2)
    with pytest.raises(UserError, match=r"`cache` memory needs .* 3 images, .* use `cache` FOLDER"):
        cache.open_cache("memory", samples)


def test_memory_is_not_judged_where_the_system_does_not_tell(samples, monkeypatch):
    monkeypatch.setattr(cache, "_available_memory", lambda: None)
    assert isinstance(cache.open_cache("memory", samples), cache.MemoryCache)
