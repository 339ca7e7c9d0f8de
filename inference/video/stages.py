"""Three stages in a row, each in a thread of its own: as many frames per second as the slowest takes."""

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread

AHEAD = 4  # frames that may wait for a stage
PATIENCE = 0.1  # seconds until a waiting stage looks whether it still has to wait
LEAVE = 5.0  # seconds for a reader to end; one that waits for a camera is left to the end of the process
END = object()


@dataclass
class Busy:
    """Seconds that each stage worked, not waiting for another, of all the seconds."""

    reading: float = 0.0
    inference: float = 0.0
    writing: float = 0.0
    seconds: float = 0.0

    def __str__(self):
        stages = {name: getattr(self, name) for name in ("reading", "inference", "writing")}
        shares = ", ".join(f"{name} {100 * busy / self.seconds:.0f} %" for name, busy in stages.items())
        return f"busy: {shares}; slowest: {max(stages, key=stages.get)}"


@dataclass(frozen=True)
class Outcome:
    """How much work the stages had, and the error that ended the reading, if one did."""

    busy: Busy
    error: Exception | None


def overlapped(frames: Iterable, infer: Callable, write: Callable, stop: Event) -> Outcome:
    """Read in a thread, infer in the caller's, as GPU runtimes need it, and write in another thread.

    Every frame that was inferred is written, in order, also where reading fails or `stop` is set.

    Args:
        frames: anything.
        infer: a frame -> a result.
        write: takes a result.
        stop: once set, no further frame is inferred.

    Raises:
        What `infer` or `write` raise.
    """
    busy, incoming, outgoing = Busy(), Queue(AHEAD), Queue(AHEAD)
    no_more, broken = Event(), Event()
    errors = {}

    def read():
        with _noting(errors, "reading"):
            for frame in _timed(frames, busy):
                if not _put(incoming, frame, no_more):
                    return
        _put(incoming, END, no_more)

    def write_all():
        with _noting(errors, "writing", broken):
            while (result := _get(outgoing, broken)) is not END:
                start = time.perf_counter()
                write(result)
                busy.writing += time.perf_counter() - start

    start = time.perf_counter()
    reader, writer = Thread(target=read, daemon=True), Thread(target=write_all, daemon=True)
    reader.start()
    writer.start()
    try:
        while (frame := _get(incoming, stop)) is not END:
            begin = time.perf_counter()
            result = infer(frame)
            busy.inference += time.perf_counter() - begin
            if not _put(outgoing, result, broken):
                break
        _put(outgoing, END, broken)
        writer.join()
    finally:
        no_more.set()
        broken.set()
        writer.join()
        reader.join(LEAVE)
    busy.seconds = time.perf_counter() - start
    if "writing" in errors:
        raise errors["writing"]
    return Outcome(busy, errors.get("reading"))


def one_after_the_other(frames: Iterable, infer: Callable, write: Callable) -> Busy:
    """The same without threads, to compare with."""
    busy = Busy()
    start = time.perf_counter()
    for frame in _timed(frames, busy):
        begin = time.perf_counter()
        result = infer(frame)
        middle = time.perf_counter()
        write(result)
        busy.inference += middle - begin
        busy.writing += time.perf_counter() - middle
    busy.seconds = time.perf_counter() - start
    return busy


def _timed(frames, busy):
    iterator = iter(frames)
    for _ in itertools.count():
        start = time.perf_counter()
        frame = next(iterator, END)
        busy.reading += time.perf_counter() - start
        if frame is END:
            return
        yield frame


class _noting:
    """Keep an exception of a thread for the thread that waits for it."""

    def __init__(self, errors, name, event=None):
        self._errors, self._name, self._event = errors, name, event

    def __enter__(self):
        pass

    def __exit__(self, kind, error, traceback):
        if error is None:
            return False
        self._errors[self._name] = error
        if self._event:
            self._event.set()
        return True


def _put(queue, item, given_up) -> bool:
    """Put, waiting for a place; False if nobody will take it."""
    while not given_up.is_set():
        try:
            queue.put(item, timeout=PATIENCE)
            return True
        except Full:
            pass
    return False


def _get(queue, given_up):
    """Get, waiting for an item; END if none will come."""
    while not given_up.is_set():
        try:
            return queue.get(timeout=PATIENCE)
        except Empty:
            pass
    return END
