"""Record files of this machine and of strangers: what can be read, and why the others cannot."""

import unicodedata
from pathlib import Path

from benchmarks import record
from common.errors import UserError

MOST_BYTES = 16 * 2**20  # of a record; they have some kilobytes


def read(folders: list[Path]) -> tuple[list[dict], list[tuple[str, str]]]:
    """The records in folders, oldest first, each with its file's name as `file`.

    Args:
        folders: of .json files; those below are read as well.

    Returns:
        records, and (path, why it was left out) of the files that are none.

    Raises:
        UserError: a folder is not there, or there is no record in any.
    """
    records, left_out = [], []
    for folder in folders:
        if not folder.exists():
            raise UserError(f"no folder {folder}; name one with records, such as benchmarks/results")
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*.json")):
            try:
                records.append(_record(path))
            except record.BrokenRecordError as error:
                left_out.append((str(path), error.reason))
            except (OSError, ValueError) as error:
                left_out.append((str(path), str(error)))
    if not records:
        named = " and ".join(map(str, folders))
        why = f" ({left_out[0][0]}: {left_out[0][1]})" if left_out else ""
        raise UserError(f"no record in {named}{why}; `benchmark.py inference --save {folders[0]}` makes one")
    return sorted(records, key=lambda one: one["date"]), left_out


def _record(path: Path) -> dict:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    return _printable(record.read(path)) | {"file": path.name}


def _printable(value):
    """The value with control characters, which neither SVG nor a terminal can show, replaced."""
    if isinstance(value, str):
        return "".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in value)
    if isinstance(value, dict):
        return {_printable(key): _printable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_printable(inner) for inner in value]
    return value
