"""Ends requeue loops: a run that starts again and again at the same step has something to mend first."""

import json
from pathlib import Path

from common.errors import NoProgressError
from common.files import write_bytes

FILE = "restarts.json"
ALLOWED = 3  # restarts at one step


def note(run: Path, step: int) -> None:
    """Note that a run is resumed at a step.

    Raises:
        NoProgressError: it was resumed at this very step `ALLOWED` times already.
    """
    path = run / FILE
    steps = _read(path)
    if steps[-ALLOWED:] == [step] * ALLOWED:
        raise NoProgressError(
            f"{run} was resumed {ALLOWED} times at step {step} and never got any further; "
            f"mend what stops it (see its output), then delete {path}"
        )
    write_bytes(path, (json.dumps((steps + [step])[-ALLOWED:]) + "\n").encode())


def _read(path: Path) -> list[int]:
    try:
        steps = json.loads(path.read_text())
    except (OSError, ValueError):  # none yet, or spoilt: it only guards against loops
        return []
    return steps if isinstance(steps, list) else []
