"""Signals that ask a run to stop: noted at once, obeyed between two steps."""

import os
import signal

from common.errors import EXIT_INTERRUPTED, EXIT_RUN_AGAIN

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)  # SLURM: cancelled, Ctrl-C, time limit near


class Interrupted(Exception):
    """A signal was obeyed."""


class Interruptions:
    """While it is entered, the first of `SIGNALS` is only noted; a second Ctrl-C interrupts at once.

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
        self.received = self.received or signal.Signals(number)
        if number == signal.SIGINT:  # past Python's buffers, which this handler may have interrupted
            os.write(2, b"\nstopping after this step; Ctrl-C again stops at once\n")

    @property
    def status(self) -> int:
        """The exit status that fits the signal."""
        return EXIT_INTERRUPTED if self.received == signal.SIGINT else EXIT_RUN_AGAIN
