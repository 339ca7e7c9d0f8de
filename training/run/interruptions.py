"""Signals that ask a run to stop: noted at once, obeyed between two steps."""

import contextlib
import faulthandler
import itertools
import os
import re
import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from common.arguments import as_options
from common.errors import EXIT_INTERRUPTED, EXIT_RUN_AGAIN, NoProgressError, RankLostError
from common.files import writing_error
from training.ranks.distributed import lost

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # SLURM: cancelled, Ctrl-C, time limit near


class Interrupted(Exception):
    """A signal was obeyed."""


class Interruptions:
    """While it is entered, `SIGNALS` are only noted; a second Ctrl-C interrupts at once.

    A Ctrl-C counts more than the others whichever came first: a person does not want the run started again.
    The order could not be told anyway, as a handler may be interrupted by another before its first line.

    After it, only Ctrl-C still counts: the program's end takes a moment, SLURM sends several signals at a
    time limit, and one that struck then would replace the status that asks to be run again.

    Attributes:
        received: the signal, or None.
    """

    def __init__(self):
        self.received: signal.Signals | None = None
        self._at_ctrl_c = signal.default_int_handler

    def __enter__(self):
        self._at_ctrl_c = signal.getsignal(signal.SIGINT)
        for number in SIGNALS:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number in SIGNALS:
            signal.signal(number, self._at_ctrl_c if number == signal.SIGINT else signal.SIG_IGN)

    def _note(self, number, _frame):
        if self.received == number == signal.SIGINT:
            raise KeyboardInterrupt
        if number == signal.SIGINT or not self.received:
            self.received = signal.Signals(number)
        if number == signal.SIGINT:  # past Python's buffers, which this handler may have interrupted
            os.write(2, b"\nstopping after this step; Ctrl-C again stops at once\n")

    @property
    def status(self) -> int:
        """The exit status that fits the signal."""
        return EXIT_INTERRUPTED if self.received == signal.SIGINT else EXIT_RUN_AGAIN


FILE = "restarts.log"
START = "resumed at step "
ALLOWED = 3  # failures at one step
MOST = 50  # starts at one step, whatever ended them: nobody is told of a process that lacks memory each time
SHOWN = 200  # characters of a failure


def note_restart(run: Path, step: int) -> None:
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
        message = (
            f"resumed {len(ends)} times before at step {step}, and always ended before the next checkpoint; "
            "longer time limits or a shorter `save_every` help"
        )
        print(as_options(message), file=sys.stderr)
    _append(path, f"{START}{step}")


def note_failure(run: Path, why: str) -> None:
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
            note_failure(run, f"{type(error).__name__}: {error}")
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
