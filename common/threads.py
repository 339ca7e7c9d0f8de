"""Threads over many files: results in order, memory flat however long the list is."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

AHEAD = 4  # pending items per thread: enough that none idles while a slow file holds up the order


def usable_cpus() -> int:
    """The processors this process may use; under SLURM that is the job's share, not the node."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def may_spin() -> bool:
    """Whether threads may wait for work in a busy loop: unless OMP_WAIT_POLICY is `passive`.

    That is a few per cent quicker on a machine of one's own, and takes time from all others on a shared one.
    OpenMP's libraries, PyTorch's among them, follow the variable by themselves.
    """
    return os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive"


def bounded_map(function: Callable, items: Iterable, workers: int | None = None) -> Iterator:
    """Like `map(function, items)` on threads; `Executor.map` would submit every item at once.

    Threads suffice where the work is decoding images, which releases the interpreter lock.
    """
    workers = workers or usable_cpus()
    pending = deque()
    with ThreadPoolExecutor(workers) as executor:
        try:
            for item in items:
                pending.append(executor.submit(function, item))
                if len(pending) >= AHEAD * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)  # after an error or an interrupt
