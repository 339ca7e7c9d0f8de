"""One JSON file per measurement: what was measured, on what, and the numbers."""

import json
import time
from pathlib import Path

from benchmarks.environment import environment
from common.files import write_bytes

VERSION = 1
RESULTS = Path(__file__).parent / "results"


def make(benchmark: str, settings: dict, results: dict) -> dict:
    """A record of a measurement taken now on this machine."""
    return {
        "version": VERSION,
        "benchmark": benchmark,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "settings": settings,
        "results": results,
        "environment": environment(),
    }


def write(record: dict, folder: Path, label: str = "") -> Path:
    """Write a record under a name of its own.

    Args:
        record: by `make`.
        folder: made if it is not there.
        label: what the name says of the configuration: `fastscnn-1024x2048-b1`.

    Raises:
        FileExistsError: there is one of this second; records are never overwritten.
    """
    stamp = record["date"].replace("-", "").replace(":", "")
    path = folder / f"{'-'.join(filter(None, [record['benchmark'], label, stamp]))}.json"
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise FileExistsError(path)
    write_bytes(path, (json.dumps(record, indent=2) + "\n").encode())
    return path
