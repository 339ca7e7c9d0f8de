"""Records, one JSON file per configuration: what was measured, on what, the numbers. None is overwritten.

What a record has to hold is `record_schema.json`, against which each is checked when written and when read.
"""

import functools
import hashlib
import json
import time
from pathlib import Path

from common.environment import environment
from common.errors import UserError
from common.files import make_folder, write_bytes

VERSION = 2
RESULTS = Path(__file__).parent / "results"
SCHEMA = Path(__file__).parent / "record_schema.json"


class BrokenRecordError(UserError):
    """A file that holds no record, or not all of one.

    Attributes:
        path: the file.
        reason: what is wrong with it, one line.
    """

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


def make(benchmark: str, settings: dict, results: dict) -> dict:
    """A record of a measurement taken now on this machine."""
    return {
        "version": VERSION,
        "id": make_id(benchmark, settings),
        "benchmark": benchmark,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "settings": settings,
        "results": results,
        "environment": environment(),
    }


def make_id(benchmark: str, settings: dict) -> str:
    """Twelve hexadecimal digits of the SHA-256 of benchmark and settings; date and machine do not enter."""
    text = json.dumps([benchmark, settings], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write(record: dict, folder: Path, label: str = "") -> Path:
    """Write a record under a name of its own.

    Args:
        record: by `make`.
        folder: made if it is not there.
        label: a part of the file's name: `fastscnn-1024x2048-b1`.

    Raises:
        FileExistsError: there is one of this second; records are never overwritten.
        ValueError: it does not fit `record_schema.json`.
    """
    text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    if wrong := fault(json.loads(text)):
        raise ValueError(wrong)
    stamp = record["date"].replace("-", "").replace(":", "")
    path = folder / f"{'-'.join(filter(None, [record['benchmark'], label, record['id'], stamp]))}.json"
    make_folder(folder, "save")
    if path.exists():
        raise FileExistsError(path)
    write_bytes(path, text.encode())
    return path


def read(path: Path) -> dict:
    """Read a record, and add the `id` that version 1 lacks.

    Raises:
        BrokenRecordError: not readable, no JSON, or unfit for `record_schema.json`.
    """
    try:
        found = json.loads(path.read_bytes(), parse_constant=_refuse)
    except OSError as error:
        raise BrokenRecordError(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BrokenRecordError(path, f"is no JSON ({_one_line(error)})") from error
    if wrong := fault(found):
        raise BrokenRecordError(path, wrong)
    return {"id": make_id(found["benchmark"], found["settings"])} | found


def read_folder(folder: Path) -> tuple[list[dict], list[tuple[Path, str]]]:
    """The records in a folder's .json files, in the order of their names.

    Returns:
        (records, what was left out: each file's path and the reason).

    Raises:
        UserError: no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"no folder of records at {folder}; `benchmark.py inference --save {folder}` makes one"
        )
    records, left_out = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            records.append(read(path))
        except BrokenRecordError as error:
            left_out.append((error.path, error.reason))
    return records, left_out


def fault(content) -> str | None:
    """What is wrong with a record's plain values, in one line; None if nothing is."""
    import fastjsonschema

    if not isinstance(content, dict) or not {"version", "benchmark", "results"} <= set(content):
        return "is no record of a benchmark"
    if isinstance(content["version"], int) and content["version"] > VERSION:
        return f"is of version {content['version']}; this suite reads up to {VERSION}"
    try:
        _validator()(content)
    except fastjsonschema.JsonSchemaValueException as error:
        return _one_line(error).replace("data.", "", 1)
    return None


@functools.cache
def _validator():
    import fastjsonschema

    return fastjsonschema.compile(json.loads(SCHEMA.read_text()))


def _refuse(constant: str):
    raise ValueError(f"{constant} is no number of JSON")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
