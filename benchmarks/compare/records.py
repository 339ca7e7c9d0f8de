"""Two records or folders of records, configuration by configuration."""

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare.intervals import LEAST, Interval, unpaired
from benchmarks.report import record_files
from benchmarks.report.rows import speeds
from benchmarks.report.training_rows import trainings
from common.errors import UserError


@dataclass(frozen=True)
class Measured:
    """A configuration's speeds, one of each turn, in calls per second; `failed` is why there are none."""

    speeds: tuple[float, ...] = ()
    failed: str = ""


@dataclass(frozen=True)
class Outcome:
    """A configuration of both sides: the ratio, or why B has none while A has figures."""

    name: str
    interval: Interval | None
    failed: str = ""


def read(path: Path) -> dict[str, Measured]:
    """Configurations of a record or of a folder's, the newest of each.

    Raises:
        UserError: there is none.
    """
    records, left_out = record_files.read([path])
    found = {}
    for record in records:
        try:
            found |= configurations(record)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            left_out.append((record["file"], f"a damaged record: {error}"))
    for name, reason in left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    if not found:
        raise UserError(
            f"no record of inference or train in {path}; `benchmark.py inference --save` makes one"
        )
    return found


def configurations(record: dict) -> dict[str, Measured]:
    """The configurations of a record: name -> figures; the same name means that figures can be compared."""
    if record["benchmark"] == "inference":
        rows = speeds(record)
        return {f"{row.name}, {row.group.title}": _measured(row) for row in rows}
    if record["benchmark"] == "train":
        return {f"{row.model}, {row.how}, {row.group}": _measured(row) for row in trainings(record)}
    return {}


def _measured(row) -> Measured:
    return Measured(tuple(1 / seconds for seconds in row.turns), row.failed)


def compare(first: dict[str, Measured], second: dict[str, Measured]) -> list[Outcome]:
    """Every configuration that both sides have, and that the first has figures of.

    Turns of two records were not taken in turns with each other, so that they are not paired.

    Raises:
        UserError: there is none.
    """
    shared = [name for name in first if name in second and len(first[name].speeds) >= LEAST]
    if not shared:
        raise UserError(
            f"no configuration in common: the first has {_example(first)}, the second {_example(second)}"
        )
    return [_outcome(name, first[name], second[name]) for name in shared]


def _outcome(name: str, first: Measured, second: Measured) -> Outcome:
    if len(second.speeds) < LEAST:
        return Outcome(name, None, second.failed or "too few turns")
    return Outcome(name, unpaired(first.speeds, second.speeds))


def _example(found: dict) -> str:
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"'{next(iter(found))}'{more}"


def rates(found: dict[str, Measured]) -> dict[str, float]:
    """The median speed of each configuration with figures."""
    return {name: statistics.median(one.speeds) for name, one in found.items() if one.speeds}
