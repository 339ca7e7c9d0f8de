"""Times functions in turns, so that a change of the machine's speed affects all of them."""

import statistics
import time
from collections.abc import Callable

from common.errors import UserError

SLEEP, SIDE = 0.05, 512  # seconds; rows of a square matrix


def take_turns(
    functions: dict[str, Callable[[], object]], rounds: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Time each function once a round.

    Args:
        functions: name -> function that returns only when its work is done.
        rounds: counted calls of each.
        warmup: calls of each that are not counted; the first includes compilation.

    Returns:
        name -> seconds of each counted call.
    """
    for function in functions.values():
        for _ in range(warmup):
            function()
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def summary(seconds: list[float]) -> dict[str, float]:
    """Minimum, median and maximum, in seconds."""
    return {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}


def ratios(numerators: list[float], denominators: list[float]) -> dict[str, float]:
    """Minimum, median and maximum of the ratios round by round, so that a slow round hardly matters."""
    return summary([a / b for a, b in zip(numerators, denominators)])


def self_check() -> dict[str, float]:
    """Time a known sleep and a known matrix product.

    Returns:
        `slept`, seconds measured of `SLEEP`; `matmul_gmacs`, billions of multiply-accumulates per second.

    Raises:
        UserError: the clock measures less than the sleep.
    """
    import numpy as np

    start = time.perf_counter()
    time.sleep(SLEEP)
    slept = time.perf_counter() - start
    if slept < SLEEP:
        raise UserError(
            f"the clock measures {slept:.4f} s of a sleep of {SLEEP} s; measure on another machine"
        )
    ones = np.ones((SIDE, SIDE), np.float32)
    times = take_turns({"product": lambda: ones @ ones}, rounds=5)["product"]
    return {"slept": slept, "matmul_gmacs": SIDE**3 / statistics.median(times) / 1e9}
