"""Many trainings from one file: a table of runs, each of which goes on where it stopped.

A sweep file is TOML: [common] holds options of train.py by their long names, each [[run]] a `name` and
options that replace them; options whose values are lists are multiplied, such as `seed = [0, 1, 2]`. A run
is known again by its job, FILE:NAME, so that the same command goes on with those that are unfinished.
"""

import csv
import itertools
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import EXIT_INTERRUPTED, EXIT_RUN_AGAIN, UserError

OWN = ("--sweep", "--only")  # options that the runs do not get
LENGTHS = ("epochs", "steps")


@dataclass(frozen=True)
class Run:
    """A training of a sweep.

    Attributes:
        name: unique in its file.
        job: by which train.py knows it again.
        model: its architecture.
        words: of train.py's command line.
    """

    name: str
    job: str
    model: str
    words: tuple[str, ...]


def read(path: Path, has_length: bool = False) -> list[Run]:
    """The runs of a sweep file.

    Args:
        path: of the file.
        has_length: whether the command line says how long runs are, in place of the file.

    Raises:
        UserError: not readable, or not laid out as one.
    """
    try:
        content = tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"cannot read the sweep file {path}: {error}") from error
    tables, common = content.get("run"), content.get("common", {})
    if set(content) - {"run", "common"} or not isinstance(tables, list) or not isinstance(common, dict):
        raise UserError(
            f"{path} is no sweep file: it needs tables [[run]], may have [common], and nothing else"
        )
    joined = [_joined(common, _checked(path, table)) for table in tables]
    if has_length:
        joined = [_without_length(table) for table in joined]
    runs = [run for table in joined for run in _runs(path, table)]
    names = [run.name for run in runs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{path} has two runs '{twice}'; give each [[run]] a name of its own")
    return runs


def _joined(common: dict, table: dict) -> dict:
    """A run's options; its length, in epochs or in steps, takes the place of the common one."""
    return (_without_length(common) if table.keys() & {*LENGTHS} else common) | table


def _without_length(options: dict) -> dict:
    return {name: value for name, value in options.items() if name not in LENGTHS}


def _checked(path: Path, table) -> dict:
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise UserError(f'{path}: each [[run]] needs its name = "NAME"')
    return table


def _runs(path: Path, table: dict) -> Iterator[Run]:
    options = {name: value for name, value in table.items() if name != "name"}
    if not isinstance(options.get("model"), str):
        raise UserError(f"{path}: run '{table['name']}' needs its model")
    axes = {name: value for name, value in options.items() if isinstance(value, list)}
    if empty := next((name for name, values in axes.items() if not values), None):
        raise UserError(
            f"{path}: run '{table['name']}' has no value of {empty}; fill the list, or leave it out"
        )
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values))
        name = "-".join([table["name"], *(f"{axis}{value}" for axis, value in chosen.items())])
        words = [word for item in (options | chosen).items() for word in _option(*item)]
        yield Run(name, f"{Path(path).stem}:{name}", options["model"], tuple(words))


def _option(name: str, value) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", str(value)]


def chosen(runs: list[Run], only: str | None) -> list[Run]:
    """The runs that `only` stands for: a number from 0, a run's name, or an architecture; None for all.

    Raises:
        UserError: none is called so.
    """
    if only is None:
        return runs
    if only.isdigit() and int(only) < len(runs):
        return [runs[int(only)]]
    found = [run for run in runs if run.name == only] or [run for run in runs if run.model == only]
    if not found:
        listed = ", ".join(run.name for run in runs)
        raise UserError(f"`only` {only} is no run of the sweep; there are 0 to {len(runs) - 1}: {listed}")
    return found


def words_of_others(words: list[str]) -> list[str]:
    """A command line without the options that choose the sweep and its runs."""
    kept, skip = [], False
    for word in words:
        if not skip and word not in OWN and not word.startswith(tuple(f"{name}=" for name in OWN)):
            kept.append(word)
        skip = word in OWN
    return kept


def run_all(script: str, file: Path, runs: list[Run], words: list[str], logs: Path) -> int:
    """Train runs one after the other, each in a process of its own, and print a table of them.

    Args:
        script: train.py.
        file: the sweep file.
        runs: those to train.
        words: further options of train.py, for all of them.
        logs: where runs are kept.

    Returns:
        The exit status: that of an interruption, else 1 if a run failed.
    """
    failed = 0
    for number, run in enumerate(runs, start=1):
        print(f"[{number}/{len(runs)}] {run.name}", flush=True)
        command = [sys.executable, script, "--sweep", str(file), "--only", run.name, *words]
        status = subprocess.run(command, check=False).returncode
        if status in (EXIT_INTERRUPTED, EXIT_RUN_AGAIN):
            print("the same command goes on with this run", file=sys.stderr)
            return status
        failed += status != 0
    print(table(runs, logs))
    return 1 if failed else 0


def table(runs: list[Run], logs: Path) -> str:
    """Best mIoU, its epoch, and the folder of each run."""
    from training.run.run_folder import of_job  # with TensorFlow

    width = max(len(run.name) for run in runs)
    lines = [f"{'run':{width}}  {'mIoU':>6}  {'epoch':>9}  folder"]
    for run in runs:
        folder = of_job(logs, run.job)
        rows = _validated(folder) if folder else []
        if not rows:
            lines.append(f"{run.name:{width}}  {'-':>6}  {'-':>9}  no validated epoch")
            continue
        best = max(rows, key=lambda row: float(row["val_miou"]))
        epoch = f"{best['epoch']} of {rows[-1]['epoch']}"
        lines.append(f"{run.name:{width}}  {float(best['val_miou']):6.3f}  {epoch:>9}  {folder}")
    return "\n".join(lines)


def _validated(folder: Path) -> list[dict]:
    from training.run.run_folder import LOG

    try:
        with open(folder / LOG, newline="") as file:
            return [row for row in csv.DictReader(file) if row["val_miou"]]
    except OSError:
        return []
