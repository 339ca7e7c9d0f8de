"""Two commands or two commits that take turns: A B A B."""

import contextlib
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.compare import records
from benchmarks.compare.intervals import paired
from benchmarks.compare.records import Outcome
from common.errors import UserError

ROOT = Path(__file__).parents[2]


def commands(pair: list[str], rounds: int) -> list[Outcome]:
    """Speed of the second command over the first, whole processes; the first run of each does not count.

    Raises:
        UserError: one fails or does not exist.
    """
    split = [shlex.split(text) for text in pair]
    for words in split:
        _seconds(words)
    ratios = []
    for number in range(rounds):
        first, second = (_seconds(words) for words in split)
        print(f"round {number + 1}: A {first:.3f} s, B {second:.3f} s", flush=True)
        ratios.append(first / second)
    return [Outcome("whole command", paired(ratios))]


def _seconds(words: list[str]) -> float:
    start = time.perf_counter()
    _run(words)
    return time.perf_counter() - start


def _run(words: list[str]) -> None:
    """Run to the end.

    Raises:
        UserError: it cannot be started, or ends with another status than 0.
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise UserError(f"cannot run '{shlex.join(words)}': {error.strerror}; no shell reads it") from error
    if done.returncode:
        error = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"'{shlex.join(words)}' ended with status {done.returncode}: {error}")


def commits(pair: list[str], benchmark: str, rounds: int) -> list[Outcome]:
    """Speed of the second commit over the first in a benchmark of this suite, each from its own checkout.

    Raises:
        UserError: no such commit, or the benchmark measures nothing that can be compared.
    """
    with checkouts(pair) as folders:
        return in_turns(lambda place, out: _measure(folders[place], benchmark, out), rounds)


def in_turns(measure: Callable[[int, Path], dict[str, float]], rounds: int) -> list[Outcome]:
    """Ratios round by round of what both sides measure.

    Args:
        measure: (0 or 1, empty folder for records) -> name -> speed.
        rounds: how often each takes its turn.

    Raises:
        UserError: they have no configuration in common.
    """
    ratios: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            first, second = (measure(place, Path(folder) / f"{number}-{place}") for place in (0, 1))
            for name in first.keys() & second.keys():
                ratios.setdefault(name, []).append(second[name] / first[name])
            lacking = sorted(first.keys() - second.keys())
            print(f"round {number + 1} of {rounds} done", flush=True)
    outcomes = [
        Outcome(name, paired(found)) for name, found in sorted(ratios.items()) if len(found) == rounds
    ]
    if not outcomes and not lacking:
        raise UserError("the two commits have no configuration in common; choose another `benchmark`")
    return outcomes + [Outcome(name, None, "B has no figures") for name in lacking]


def _measure(checkout: Path, benchmark: str, out: Path) -> dict[str, float]:
    _run([sys.executable, str(checkout / "benchmark.py"), *shlex.split(benchmark), "--save", str(out)])
    return records.rates(records.read(out))


@contextlib.contextmanager
def checkouts(pair: list[str]) -> Iterator[list[Path]]:
    """Working trees of two commits, which are gone afterwards."""
    hashes = [commit(name) for name in pair]
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / f"{letter}-{found[:10]}" for letter, found in zip("ab", hashes)]
        try:
            for place, found in zip(places, hashes):
                _git("worktree", "add", "--detach", str(place), found)
            yield places
        finally:
            for place in places:
                _git("worktree", "remove", "--force", str(place))


def commit(name: str) -> str:
    """The hash of a commit.

    Raises:
        UserError: there is none of that name.
    """
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode:
        raise UserError(f"'{name}' is no record, no folder of records, and no commit of this repository")
    return done.stdout.strip()


def _git(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
