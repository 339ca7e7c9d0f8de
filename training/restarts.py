"""Ends requeue loops: a run that fails again and again at the same step has something to mend first.

A run's `restarts.log` has a line for each time that it was resumed, and below it how it failed, if it failed
by itself: an error of Python's, or a crash of native code, which faulthandler writes there. What comes from
outside leaves nothing: signals that ask to save, SIGKILL by a queue or for want of memory, a node that dies.
"""

import contextlib
import faulthandler
import itertools
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from common.errors import NoProgressError, RankLostError
from common.files import writing_error
from training.distributed import lost

FILE = "restarts.log"
START = "resumed at step "
ALLOWED = 3  # failures at one step
MOST = 50  # starts at one step, whatever ended them: nobody is told of a process that lacks memory each time
SHOWN = 200  # characters of a failure


def note(run: Path, step: int) -> None:
    """Note that a run is resumed at a step; a line on stderr from the `ALLOWED`th time there.

    Raises:
        NoProgressError: at this very step it failed `ALLOWED` times, or was resumed `MOST` times.
        UserError: the note cannot be written.
    """
    path = run / FILE
    ends = [end for _, end in itertools.takewhile(lambda start: start[0] == step, reversed(_read(path)))]
    failures = [end for end in ends if end]
    if len(failures) >= ALLOWED:
        raise NoProgressError(
            f"{run} was resumed at step {step} and failed {ALLOWED} times without getting any further, the "
            f"last time by: {textwrap.shorten(failures[0].splitlines()[0], SHOWN)}; mend that, then "
            f"delete {path}"
        )
    if len(ends) >= MOST:
        raise NoProgressError(
            f"{run} was resumed {MOST} times at step {step} and ended each time without getting any further; "
            f"find what ends it, such as too little memory or time, then delete {path}"
        )
    if len(ends) >= ALLOWED:
        print(
            f"resumed {len(ends)} times before at step {step}, and always ended before the next checkpoint; "
            "longer time limits or a shorter --save-every help",
            file=sys.stderr,
        )
    _append(path, f"{START}{step}")


def fail(run: Path, why: str) -> None:
    """Note that this process fails by itself, if the run was resumed; several ranks of a start count once."""
    with contextlib.suppress(OSError):  # not before the failure itself is told
        if (run / FILE).exists():
            _append(run / FILE, " ".join(why.split()))


@contextlib.contextmanager
def failures_noted(run: Path) -> Iterator[None]:
    """Inside, an error that ends a resumed run is noted, and so is a crash; another rank's end is not."""
    try:
        with _crashes_noted(run / FILE):
            yield
    except RankLostError:
        raise
    except Exception as error:
        if not lost(error):
            fail(run, f"{type(error).__name__}: {error}")
        raise


@contextlib.contextmanager
def _crashes_noted(path: Path) -> Iterator[None]:
    if not path.exists():
        yield
        return
    before = faulthandler.is_enabled()
    with open(path, "ab", buffering=0) as file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
            if before:
                faulthandler.enable(sys.__stderr__)


def _read(path: Path) -> list[tuple[int, str]]:
    """(step, how it failed or nothing) of each start, oldest first."""
    try:
        text = path.read_text(errors="replace")
    except OSError:  # none yet
        return []
    _, *parts = re.split(rf"^{START}(\d+)\n", text, flags=re.MULTILINE)
    return [(int(step), end.strip()) for step, end in zip(parts[::2], parts[1::2])]


def _append(path: Path, line: str) -> None:
    try:
        with open(path, "a") as file:
            file.write(f"{line}\n")
    except OSError as error:
        raise writing_error(path, error) from error
