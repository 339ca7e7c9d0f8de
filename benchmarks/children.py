"""Child processes that measure: how they start, send their results, and fail."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from common.errors import EXIT_USER_ERROR

ROOT = Path(__file__).parent.parent
OUT_OF_MEMORY = "out of memory"
# as NumPy, TensorFlow, JAX, PyTorch, ONNX Runtime, C++ and CUDA put it
STARVED = (
    *("MemoryError", "Unable to allocate", "ResourceExhausted", "RESOURCE_EXHAUSTED", "OOM when allocating"),
    *("OutOfMemory", "out of memory", "an't allocate memory", "Cannot allocate memory", "bad_alloc"),
    *("Failed to allocate memory", "std::length_error", "failed to map segment"),
)
PROGRESS = "progress"  # key of an object whose text is only printed
KILLED = -9  # by the kernel, which ends processes for nothing else


def command(module: str, argument: str) -> list[str]:
    """The command line that runs a module of this suite with one argument."""
    return [sys.executable, "-m", module, argument]


def environment(**variables: str) -> dict[str, str]:
    """This process's variables, those given, and the suite's folder among Python's."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables


class Ended(Exception):
    """A process ended before it had measured.

    Attributes:
        why: `OUT_OF_MEMORY`, or the last line that it wrote to stderr.
        mistake: whether it ended because of a mistake of the user.
    """

    def __init__(self, status: int, errors: str):
        self.why, self.mistake = reason(status, errors), status == EXIT_USER_ERROR
        super().__init__(self.why)

    def result(self) -> dict:
        """What a record holds instead of figures: `failed`, the reason, and `mistake`."""
        return {"failed": self.why, "mistake": self.mistake}


def reason(status: int, errors: str) -> str:
    """Why a process ended: `OUT_OF_MEMORY`, or the last line that it wrote to stderr.

    Args:
        status: its exit status; negative for a signal.
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


def send(**values) -> None:
    """In a child process: write values to stdout as one line of JSON, which the parent reads."""
    print(json.dumps(values), flush=True)


def send_progress(text: str) -> None:
    """In a child process: have the parent print a text."""
    send(**{PROGRESS: text})


def received(lines: Iterable[str]) -> Iterator[dict]:
    """Yield the objects that a child process sends, and print its progress.

    Args:
        lines: of its stdout.
    """
    for line in lines:
        if line.startswith("{"):  # libraries write to stdout as well
            found = json.loads(line)
            if PROGRESS in found:
                print(f"  {found[PROGRESS]}", flush=True)
            else:
                yield found


def run(module: str, argument: str, **variables: str) -> str:
    """Run a module of this suite to its end; returns the last line that it wrote to stdout.

    Raises:
        Ended: its exit status is not 0.
    """
    done = subprocess.run(
        command(module, argument), env=environment(**variables), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Ended(done.returncode, done.stderr)
    return done.stdout.splitlines()[-1]


def objects(module: str, argument: str, **variables: str) -> tuple[list[dict], Ended | None]:
    """Run a module of this suite to its end, and print its progress.

    Returns:
        (the objects that it sent, see `send`; why it failed, or None).
    """
    with tempfile.TemporaryFile("w+") as errors:  # no pipe: it could fill up while the other one is read
        process = subprocess.Popen(
            command(module, argument),
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process:
            try:
                found = list(received(process.stdout))
            except BaseException:
                process.kill()
                raise
        errors.seek(0)
        return found, Ended(process.returncode, errors.read()) if process.returncode else None


def die_first() -> None:
    """Have the kernel end this process rather than another if memory runs out."""
    with contextlib.suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")
