"""Decoded images, kept: decoding a PNG costs ten times what augmenting it does.

`load(sample)` gives uint8 image [H, W, 3] and label map [H, W] as decoded: the file's values, which
`Sample.to_train_ids` turns into train ids. The image may be read or decoded when it is indexed, `image[rows,
columns]`, and that part alone.
"""

import hashlib
import io
import tokenize
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import write_bytes
from data.samples import Sample


def open_cache(option: str, samples: list[Sample]):
    """The cache of that name: `none`, `memory`, or a folder.

    Raises:
        UserError: not enough memory for all images, or the folder cannot be written.
    """
    if option == "none":
        return NoCache()
    if option == "memory":
        require_memory(samples)
        return MemoryCache()
    return FolderCache(Path(option))


class NoCache:
    """Decodes anew each time, and of a JPEG what is used alone."""

    def load(self, sample: Sample):
        """Decode, or open."""
        return sample.open()


class MemoryCache:
    """Keeps what was decoded in this process's memory: 4 bytes a pixel."""

    def __init__(self):
        self._pairs = {}

    def load(self, sample: Sample):
        """Decode once."""
        if sample not in self._pairs:
            self._pairs[sample] = sample.decode()
        return self._pairs[sample]


class FolderCache:
    """Keeps raw arrays as .npy files, mapped into memory: a crop reads only the rows it needs.

    A file's name holds a hash of the source's path, size and time, so a changed source is decoded anew.
    Several threads and processes may fill one folder: files appear whole, by renaming.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {folder}: {error.strerror}; see `cache`") from error

    def load(self, sample: Sample):
        """Map the cached arrays, after decoding and writing them the first time."""
        image, label = self._file(sample.image), self._file(sample.label, sample.coding)
        try:
            return _map_pair(image, label)
        except (OSError, ValueError, EOFError, tokenize.TokenError):  # not there yet, or damaged: made anew
            pair = sample.decode()
            for path, array in zip((image, label), pair):
                _save(path, array)
            return pair

    def _file(self, source: Path, coding: str = "") -> Path:
        try:
            state = source.stat()
        except OSError as error:
            raise UserError(f"cannot read {source}: {error.strerror}; check the data set") from error
        key = f"{source.resolve()}|{state.st_size}|{state.st_mtime_ns}" + (f"|{coding}" if coding else "")
        return self.folder / f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"


def _map_pair(image: Path, label: Path) -> tuple[np.ndarray, np.ndarray]:
    pair = np.load(image, mmap_mode="r"), np.load(label, mmap_mode="r")
    if any(array.dtype != np.uint8 for array in pair) or pair[0].shape != (*pair[1].shape, 3):
        raise ValueError("the header is damaged")
    return pair


def _save(path: Path, array: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, array)
    write_bytes(path, content.getvalue())


def require_memory(samples: list[Sample]) -> None:
    """Raise UserError unless all decoded images fit into three quarters of the free memory."""
    need = sum(4 * height * width for height, width in (sample.image_size() for sample in samples))
    free = _available_memory()
    if free is not None and need > 0.75 * free:
        raise UserError(
            f"`cache` memory needs {need / 2**30:.1f} GiB for {len(samples)} images, "
            f"{free / 2**30:.1f} GiB are free; use `cache` FOLDER"
        )


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux: let it try
        return None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
