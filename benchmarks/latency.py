"""What calls of a function take: warm-up, turns, percentiles, throughput, and whether they can be trusted."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PERCENTILES = (50, 90, 95, 99)
SAMPLES_OF_P99 = 1000  # fewer than ten lie above it otherwise
LEAST_TURNS = 3
NOISY = 0.1  # spread of the turns' medians, relative to their median
WINDOW, STEADY = 5, 0.05  # calls of a rolling median, and how much two neighbouring ones differ at most
LEAST_SECONDS, MOST_SECONDS = 2.0, 60.0  # of a warm-up
LEAST_CALLS = 3  # of a turn


@dataclass
class Turn:
    """Calls one after the other.

    Attributes:
        seconds: of each call.
        wall: seconds from the start of the first to the end of the last.
        stages: what each call returned: seconds of its stages, or nothing.
    """

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    stages: list[dict[str, float]] = field(default_factory=list)


def warm_up(call: Callable[[], object], now: Callable[[], float] = time.perf_counter) -> dict:
    """Call until the rolling median is steady and `LEAST_SECONDS` are over, at most for `MOST_SECONDS`.

    Returns:
        `calls`, `seconds`, and whether it became `steady`.
    """
    seconds, start = [], now()
    while True:
        before = now()
        call()
        seconds.append(now() - before)
        elapsed, steady = now() - start, is_steady(seconds)
        if (steady and elapsed >= LEAST_SECONDS) or elapsed >= MOST_SECONDS:
            return {"calls": len(seconds), "seconds": elapsed, "steady": steady}


def is_steady(seconds: list[float]) -> bool:
    """Whether the medians of the last `WINDOW` calls and of those before differ by at most `STEADY`."""
    if len(seconds) < 2 * WINDOW:
        return False
    last, before = statistics.median(seconds[-WINDOW:]), statistics.median(seconds[-2 * WINDOW : -WINDOW])
    return abs(last - before) <= STEADY * before


def take_turn(
    call: Callable[[], dict | None], least: float, now: Callable[[], float] = time.perf_counter
) -> Turn:
    """Call for `least` seconds and `LEAST_CALLS` calls, after one that does not count: caches are others'."""
    call()
    turn, start = Turn(), now()
    while turn.wall < least or len(turn.seconds) < LEAST_CALLS:
        before = now()
        stages = call()
        after = now()
        turn.seconds.append(after - before)
        turn.stages.append(stages or {})
        turn.wall = after - start
    return turn


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` percent of the values do not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(share / 100 * len(values)), 1) - 1]


def figures(turns: list[Turn], batch: int) -> dict:
    """What turns say together.

    Args:
        turns: `LEAST_TURNS` or more.
        batch: pictures of a call.

    Returns:
        `calls`; `latency` in seconds of a call, p99 only from `SAMPLES_OF_P99` calls on; `turns`, medians;
        `pictures_per_second`, pictures over wall time, of the turns; whether they are `noisy`; and `stages`.
    """
    seconds = [second for turn in turns for second in turn.seconds]
    medians = [statistics.median(turn.seconds) for turn in turns]
    shares = [share for share in PERCENTILES if share < 99 or len(seconds) >= SAMPLES_OF_P99]
    found = {
        "calls": len(seconds),
        "latency": {f"p{share}": percentile(seconds, share) for share in shares} | {"max": max(seconds)},
        "turns": medians,
        "pictures_per_second": spread([batch * len(turn.seconds) / turn.wall for turn in turns]),
        "noisy": is_noisy(medians),
    }
    stages = [stages for turn in turns for stages in turn.stages if stages]
    return found | ({"stages": stage_figures(stages)} if stages else {})


def stage_figures(calls: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """The median in seconds and the share of all time of each stage."""
    total = sum(sum(stages.values()) for stages in calls)
    return {
        name: {
            "p50": statistics.median(stages[name] for stages in calls),
            "share": sum(stages[name] for stages in calls) / total,
        }
        for name in calls[0]
    }


def spread(values: list[float]) -> dict[str, float]:
    """Minimum, median and maximum."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def is_noisy(values: list[float]) -> bool:
    """Whether values that ought to be equal differ by more than `NOISY`."""
    found = spread(values)
    return found["max"] - found["min"] > NOISY * found["median"]
