"""`benchmark.py compare`: two records, folders, commits or commands."""

import math
import statistics
from pathlib import Path

from common import cli
from common.errors import UserError

HELP = "how many times as fast B is as A, with a confidence interval"
ROUNDS = 5
BENCHMARK = "inference -m fastscnn -t 512,1024 --turns 3 --seconds 1"


def add_arguments(parser) -> None:
    """The command's options."""
    parser.add_argument(
        "sides", nargs="*", metavar="A B", help="records, folders of records, or commits of this repository"
    )
    parser.add_argument(
        "--commands", nargs=2, metavar=("A", "B"), help="time two commands instead, which take turns"
    )
    parser.add_argument(
        "--rounds", type=cli.positive_int, help=f"of commits and commands, A B A B (default: {ROUNDS})"
    )
    parser.add_argument(
        "--with", dest="benchmark_line", metavar="BENCHMARK", help=f"of commits (default: '{BENCHMARK}')"
    )
    parser.add_argument(
        "--fail-below",
        type=cli.positive_float,
        metavar="RATIO",
        help="exit with status 1 if an interval lies below it as a whole, or B fails where A does not",
    )


def run(options) -> int:
    """Compare and print; returns the exit status.

    Raises:
        UserError: options that contradict each other, or nothing in common.
    """
    if bool(options.commands) == bool(options.sides) or len(options.sides) not in (0, 2):
        raise UserError('give two records, folders or commits, or --commands "A" "B"')
    are_records = bool(options.sides) and all(Path(side).exists() for side in options.sides)
    if are_records and (options.rounds or options.benchmark_line):
        raise UserError("--rounds and --with are for commits and commands; records have been measured")
    if options.commands and options.benchmark_line:
        raise UserError("--with is for commits; leave it out")
    from benchmarks.compare import intervals, records, rounds

    count = options.rounds or ROUNDS
    if count < intervals.LEAST:
        raise UserError(f"--rounds {count} are too few for an interval; give {intervals.LEAST} or more")
    if options.commands:
        outcomes = rounds.commands(options.commands, count)
    elif are_records:
        outcomes = records.compare(*(records.read(Path(side)) for side in options.sides))
    else:
        outcomes = rounds.commits(options.sides, options.benchmark_line or BENCHMARK, count)
    how = "turns of different runs, Welch" if are_records else f"{count} rounds of A B, paired"
    print(f"speed of B over A, 95 % interval ({how}, t on logarithms)")
    return verdict(outcomes, options.fail_below)


def verdict(outcomes: list, limit: float | None) -> int:
    """Print each outcome; the exit status."""
    below = 0
    for outcome in outcomes:
        bad = outcome.interval is None or (limit is not None and outcome.interval.is_below(limit))
        below += bad
        result = outcome.interval or f"failed: {outcome.failed}"
        print(f"  {result}  {outcome.name}{_remark(outcome, limit)}")
    ratios = [outcome.interval.ratio for outcome in outcomes if outcome.interval]
    if len(ratios) > 1:
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(f"  {mean:6.3f}  geometric mean of {len(ratios)} configurations")
    if limit is None:
        return 0
    print(f"{below} of {len(outcomes)} below {limit:g}" if below else f"none is surely below {limit:g}")
    return 1 if below else 0


def _remark(outcome, limit: float | None) -> str:
    if limit is None or outcome.interval is None:
        return ""
    if outcome.interval.is_below(limit):
        return "  BELOW"
    return "  cannot tell: more rounds or turns" if outcome.interval.low < limit else ""
