"""The side of `benchmarks.turns` that measures: a process that loads a subject, warms up, and takes turns."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from benchmarks import latency
from benchmarks.backend_devices import Device
from benchmarks.children import send, send_progress


@dataclass(frozen=True)
class Work:
    """What is timed.

    Attributes:
        call: returns when its work is done; what it returns are seconds of its stages, or nothing.
        device: where it works.
        about: what the parent is told of it, `batch` at least; read after the warm-up.
        check: called once after the warm-up, and not timed.
    """

    call: Callable[[], dict | None]
    device: Device
    about: dict
    check: Callable[[], None] = lambda: None


def serve(name: str, load: Callable[[], Work]) -> None:
    """Load and warm up, send what that took, then take a turn for each line of stdin.

    A line is the least seconds of a turn, which is sent as a `benchmarks.latency.Turn`. For an empty line the
    state of the device is sent, and that is the end.
    """
    send_progress(f"{name}: loading")
    start = time.perf_counter()
    work = load()
    loaded = time.perf_counter()
    send_progress(f"{name}: loaded in {loaded - start:.1f} s; first call, with compilation")
    work.call()
    first = time.perf_counter() - loaded
    send_progress(f"{name}: first call {first:.2f} s; warm-up")
    warm_up = latency.warm_up(work.call)
    work.check()
    send(
        **work.about,
        device=work.device.name,
        load_seconds=loaded - start,
        first_call_seconds=first,
        warm_up=warm_up,
    )
    for line in sys.stdin:
        if not line.strip():
            break
        send(**asdict(latency.take_turn(work.call, float(line), latency.is_slow(warm_up))))
    send(**work.device.state())
