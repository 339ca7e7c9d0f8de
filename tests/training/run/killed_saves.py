"""Saves checkpoints in processes that are killed, one after the other.

    python killed_saves.py before FOLDER COUNT       before the first, second ... operation of saving
    python killed_saves.py after FOLDER SECONDS ...  so long after the first of checkpoints without end

Each process fills a run folder of its own, FOLDER/0 and so on; the first way prints how each ended. They are
forks of this one, which has TensorFlow already.
"""

import itertools
import os
import signal
import sys
import time
from pathlib import Path

from test_checkpoints import ORIGIN, tiny

from training.run import checkpoints
from training.run.progress import Progress

OPERATIONS = ("mkdir", "write_bytes", "write_text", "rename", "symlink_to", "replace", "unlink")  # of a Path
model, optimizer = tiny()


def save(run: Path, epoch: int) -> None:
    checkpoints.save(run, model, optimizer, ORIGIN, Progress(epoch, epoch, 0.5, epoch))


def forked(work, *arguments) -> int:
    """The number of a process that does this work and ends."""
    process = os.fork()
    if process:
        return process
    work(*arguments)
    os._exit(0)


def killed_before(run: Path, operation: int) -> int:
    """How a process ended that was to be killed before this operation of its third checkpoint."""
    save(run, 1)
    save(run, 2)
    _, status = os.waitpid(forked(save_until, run, operation), 0)
    return os.waitstatus_to_exitcode(status)


def save_until(run: Path, operation: int) -> None:
    done = itertools.count(1)

    def fatal(function):
        def counted(*arguments, **options):
            if next(done) == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return counted

    for name in OPERATIONS:
        setattr(Path, name, fatal(getattr(Path, name)))
    os.fsync, checkpoints.shutil.rmtree = fatal(os.fsync), fatal(checkpoints.shutil.rmtree)
    save(run, 3)


def killed_after(run: Path, seconds: float) -> None:
    process = forked(save_without_end, run)
    while not (run / "checkpoints" / "last").exists():
        if os.waitpid(process, os.WNOHANG)[0]:
            sys.exit("saving ended by itself")
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def save_without_end(run: Path) -> None:
    for epoch in itertools.count(1):
        save(run, epoch)


if __name__ == "__main__":
    way, folder, *given = sys.argv[1:]
    if way == "before":
        print(*(killed_before(Path(folder, str(number)), number + 1) for number in range(int(given[0]))))
    else:
        for number, seconds in enumerate(map(float, given)):
            killed_after(Path(folder, str(number)), seconds)
