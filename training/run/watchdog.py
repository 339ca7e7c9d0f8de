"""Ends a rank that has waited too long: one that is dead or stuck would hold up all others for ever.

Horovod's own stall check does nothing under Gloo. Each rank notes in the run folder where it is, so that the
one that all wait for can be named.
"""

import json
import math
import os
import socket
import sys
import threading
from pathlib import Path

from common.arguments import as_options
from common.errors import EXIT_STALLED
from training.ranks.ranks import Ranks
from training.run import interruptions

FOLDER = ".ranks"  # in the run folder
LOOK = 1.0  # seconds
COMPILING = 900.0  # seconds more that a step may take which is compiled first


class Watchdog:
    """Watches this rank from a thread of its own.

    Args:
        run: the run folder, or another that all ranks see.
        ranks: the processes of the run; one alone is not watched.
        timeout: seconds after a beat at which the process ends with status 73 unless there is another. Those
            in which the process stood still, as in a suspended job, do not count.
    """

    def __init__(self, run: Path, ranks: Ranks, timeout: float):
        self._run, self._folder, self._ranks, self._timeout = run, run / FOLDER, ranks, timeout
        self._left = math.inf  # seconds
        self._beats, self._ended = 0, threading.Event()

    def __enter__(self):
        if self._ranks.size > 1:
            self._folder.mkdir(exist_ok=True)
            (self._folder / str(self._ranks.rank)).unlink(missing_ok=True)  # of an earlier start
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._ended.set()

    def beat(self, compiles: bool = False) -> None:
        """A step is done; `compiles` tells that the next one has to be compiled."""
        self._beats += 1
        self._left = self._timeout + (COMPILING if compiles else 0)

    def _watch(self):
        pause = min(LOOK, self._timeout / 10)
        self._note()  # also of a rank that ends within its first second
        while not self._ended.wait(pause):
            self._note()
            self._left -= pause  # not by the clock, which goes on while the process stands still
            if self._left < 0:
                self._end()

    def _note(self):
        note = {"beats": self._beats, "host": socket.gethostname(), "process": os.getpid()}
        path = self._folder / str(self._ranks.rank)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(note))
        partial.replace(path)

    def _end(self):
        message = f"no step for {self._timeout:.0f} s (`stall_timeout`); {self._latecomer()}"
        os.write(2, f"rank {self._ranks.rank}: {as_options(message)}\n".encode())
        interruptions.note_failure(self._run, message)
        sys.stdout.flush()
        os._exit(EXIT_STALLED)

    def _latecomer(self) -> str:
        """Which rank all wait for: the one with the fewest steps; among equal ones, the longest silent."""
        notes = []
        for rank in range(self._ranks.size):
            path = self._folder / str(rank)
            try:
                notes.append((json.loads(path.read_text())["beats"], path.stat().st_mtime, rank, path))
            except (OSError, ValueError):
                return f"rank {rank} has not done its first step"
        beats, _, rank, path = min(notes)
        note = json.loads(path.read_text())
        where = f"process {note['process']} on {note['host']}"
        return f"all wait for rank {rank} ({where}), stuck after {beats} steps"
