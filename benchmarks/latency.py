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
SLOW = 1.0  # seconds; what other programs left in caches does not show in calls of that length
SLOW_WARM_UP = 2  # calls


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

    Of calls that all take `SLOW` seconds or more, `SLOW_WARM_UP` are enough, steady or not.

    Returns:
        `calls`, `seconds`, and whether it became `steady`.
    """
    seconds, start = [], now()
    while True:
        before = now()
        call()
        seconds.append(now() - before)
        slow = min(seconds) >= SLOW
        elapsed, steady = now() - start, is_steady(seconds, 1 if slow else WINDOW)
        enough = steady or (slow and len(seconds) >= SLOW_WARM_UP)
        if (enough and elapsed >= LEAST_SECONDS) or elapsed >= MOST_SECONDS:
            return {"calls": len(seconds), "seconds": elapsed, "steady": steady}


def is_steady(seconds: list[float], window: int = WINDOW) -> bool:
    """Whether the medians of the last `window` calls and of those before differ by at most `STEADY`."""
    if len(seconds) < 2 * window:
        return False
    last, before = statistics.median(seconds[-window:]), statistics.median(seconds[-2 * window : -window])
    return abs(last - before) <= STEADY * before


def is_slow(warm_up: dict) -> bool:
    """Whether calls took `SLOW` seconds or more in a warm-up, as `warm_up` returns it."""
    return warm_up["seconds"] >= SLOW * warm_up["calls"]


def take_turn(
    call: Callable[[], dict | None],
    least: float,
    slow: bool = False,
    now: Callable[[], float] = time.perf_counter,
) -> Turn:
    """Call for `least` seconds.

    Args:
        call: what is timed; may return seconds of its stages.
        least: seconds.
        slow: at least one call, and the first one counts; else at least `LEAST_CALLS`, after one that does
            not count, as other programs have filled the caches.
        now: the clock.
    """
    if not slow:
        call()
    turn, start = Turn(), now()
    while turn.wall < least or len(turn.seconds) < (1 if slow else LEAST_CALLS):
        before = now()
        stages = call()
        after = now()
        turn.seconds.append(after - before)
        turn.stages.append(stages or {})
        turn.wall = after - start
    return turn


def settled(taken: list[list[Turn]], least: int = LEAST_TURNS) -> bool:
    """Whether each list has `least` turns or more, and its turns agree: enough for slow calls."""
    return all(len(turns) >= least and not is_noisy(medians(turns)) for turns in taken)


def medians(turns: list[Turn]) -> list[float]:
    """The median seconds of a call of each turn."""
    return [statistics.median(turn.seconds) for turn in turns]


def rates(turns: list[Turn], batch: int) -> dict[str, float]:
    """Images per second of the turns, each over its wall time: minimum, median and maximum."""
    return spread([batch * len(turn.seconds) / turn.wall for turn in turns])


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` percent of the values do not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(share / 100 * len(values)), 1) - 1]


def figures(turns: list[Turn], batch: int) -> dict:
    """The figures of turns together.

    Args:
        turns: `LEAST_TURNS` or more.
        batch: images of a call.

    Returns:
        `calls`; `latency` in seconds of a call, p99 only from `SAMPLES_OF_P99` calls on; `turns`, medians;
        `pictures_per_second`, images over wall time, of the turns; whether they are `noisy`; and `stages`.
    """
    seconds = [second for turn in turns for second in turn.seconds]
    shares = [share for share in PERCENTILES if share < 99 or len(seconds) >= SAMPLES_OF_P99]
    found = {
        "calls": len(seconds),
        "latency": {f"p{share}": percentile(seconds, share) for share in shares} | {"max": max(seconds)},
        "turns": medians(turns),
        "pictures_per_second": rates(turns, batch),
        "noisy": is_noisy(medians(turns)),
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
