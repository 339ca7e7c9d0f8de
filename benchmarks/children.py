"""Processes of their own that measure, and what became of those that do not come back."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from common.errors import EXIT_USER_ERROR

ROOT = Path(__file__).parent.parent
OUT_OF_MEMORY = "out of memory"
# as NumPy, TensorFlow, JAX, PyTorch, ONNX Runtime, C++ and CUDA say it
STARVED = (
    *("MemoryError", "Unable to allocate", "ResourceExhausted", "RESOURCE_EXHAUSTED", "OOM when allocating"),
    *("OutOfMemory", "out of memory", "an't allocate memory", "Cannot allocate memory", "bad_alloc"),
    *("Failed to allocate memory", "std::length_error", "failed to map segment"),
)
KILLED = -9  # by the kernel, which ends processes for nothing else


def command(module: str, argument: str) -> list[str]:
    """The command line that runs a module of this suite with one argument."""
    return [sys.executable, "-m", module, argument]


def environment(**variables: str) -> dict[str, str]:
    """This process's variables, those given, and the suite's folder among Python's."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables


class Ended(Exception):
    """A process that ended before it had measured.

    Attributes:
        why: `OUT_OF_MEMORY`, or its last words.
        mistake: it was the user's.
    """

    def __init__(self, status: int, errors: str):
        self.why, self.mistake = reason(status, errors), status == EXIT_USER_ERROR
        super().__init__(self.why)

    def result(self) -> dict:
        """What a record says instead of figures."""
        return {"failed": self.why, "mistake": self.mistake}


def reason(status: int, errors: str) -> str:
    """Why a process ended: `OUT_OF_MEMORY`, or its last words.

    Args:
        status: of its end, negative for a signal.
        errors: what it wrote to stderr.
    """
    if status == KILLED or any(word in errors for word in STARVED):
        return OUT_OF_MEMORY
    lines = errors.strip().splitlines()
    if status == EXIT_USER_ERROR and lines:
        return lines[-1].partition("error: ")[2] or lines[-1]
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return lines[-1] if lines else f"ended with status {status}"


def run(module: str, argument: str, **variables: str) -> str:
    """Run a module of this suite to its end; returns the last line it wrote.

    Raises:
        Ended: it failed.
    """
    done = _finished(module, argument, variables)
    if done.returncode:
        raise Ended(done.returncode, done.stderr)
    return done.stdout.splitlines()[-1]


def lines(module: str, argument: str, **variables: str) -> tuple[list[dict], Ended | None]:
    """Run a module of this suite to its end.

    Returns:
        (the objects of JSON that it wrote, each in a line, until it ended; how it failed, if it did).
    """
    done = _finished(module, argument, variables)
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return told, Ended(done.returncode, done.stderr) if done.returncode else None


def _finished(module, argument, variables):
    return subprocess.run(
        command(module, argument), env=environment(**variables), capture_output=True, text=True, check=False
    )


def die_first() -> None:
    """Have the kernel end this process, and no other, where memory runs out."""
    with contextlib.suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")
