"""Every configuration of a sweep file, each in a process of its own.

A sweep file is TOML with tables [[sweep]]: `benchmark`, and its options by their long names. Lists of models,
sizes, batches, scopes, precisions and backends are multiplied, and `model = "all"` is the list of all models;
other lists are one option's words. One that runs out of memory or fails is recorded, and the sweep goes on;
one that --save's folder has a record of is passed over, so that an interrupted sweep can be started again.
"""

import contextlib
import io
import itertools
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.children import ROOT
from common import cli
from common.errors import EXIT_INTERRUPTED, UserError
from models import registry

HELP = "every configuration of a sweep file"
AXES = ("model", "target-size", "batch", "scope", "precision", "backend")
ALL = "all"  # models
CONTINUING = ("inference", "train", "peers", "summary", "accuracy")  # pass over what is measured


def add_arguments(parser) -> None:
    """The command's options."""
    parser.add_argument("file", type=Path, help="such as benchmarks/sweeps/small.toml")
    parser.add_argument("--only", type=cli.natural, metavar="INDEX", help="one configuration, counted from 0")
    parser.add_argument("--count", action="store_true", help="print how many there are, and stop")


def run(options) -> Iterator[dict]:
    """Run configurations one after the other; their own processes keep the records.

    Raises:
        UserError: a file that is no sweep's, or none of its configurations gave figures.
    """
    commands = read(options.file)
    for index, words in enumerate(commands):
        require_valid(options, index, words)
    if options.count:
        print(len(commands))
        return
    chosen = list(enumerate(commands))
    if options.only is not None:
        if options.only >= len(commands):
            last = len(commands) - 1
            raise UserError(f"--only {options.only}: {options.file} has configurations 0 to {last}")
        chosen = [chosen[options.only]]
    failed = 0
    for index, words in chosen:
        print(f"[{index + 1}/{len(commands)}] benchmark.py {' '.join(words)}", flush=True)
        failed += not is_done(words, options.save)
    if failed:
        raise UserError(f"{failed} of {len(chosen)} configurations gave no record, see above")
    yield from ()


def read(path: Path) -> list[list[str]]:
    """The command lines of a sweep file's configurations.

    Raises:
        UserError: not readable, or not laid out as one.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read the sweep file {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path} is no TOML: {error}") from error
    tables = content.get("sweep")
    if not isinstance(tables, list) or not tables or set(content) != {"sweep"}:
        raise UserError(f"{path} is no sweep file: it needs tables [[sweep]], and nothing else")
    if not all(isinstance(table, dict) and isinstance(table.get("benchmark"), str) for table in tables):
        raise UserError(f'{path}: each [[sweep]] needs its benchmark = "NAME"')
    return [words for table in tables for words in command_lines(table)]


def command_lines(table: dict) -> Iterator[list[str]]:
    """The words of every configuration of a table, `benchmark` first."""
    options = {name: value for name, value in table.items() if name != "benchmark"}
    if options.get("model") == ALL:
        options["model"] = [name for name in registry.ARCHITECTURES if name in registry.names(refining=False)]
    axes = {name: value for name, value in options.items() if name in AXES and isinstance(value, list)}
    for values in itertools.product(*axes.values()):
        chosen = options | dict(zip(axes, values))
        yield [table["benchmark"], *(word for item in chosen.items() for word in option(*item))]


def option(name: str, value) -> list[str]:
    """An option's words."""
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    values = value if isinstance(value, list) else [value]
    words = [",".join(values)] if name == "runtimes" else map(str, values)
    return [f"--{name}", *words]


def require_valid(options, index: int, words: list[str]) -> None:
    """Raise UserError, naming the configuration, unless benchmark.py takes its words."""
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            options.parse(words)
        except SystemExit as ended:
            reason = errors.getvalue().strip().partition("error: ")[2].removesuffix(" (see --help)")
            raise UserError(f"{options.file}, configuration {index}: {reason}") from ended


def is_done(words: list[str], folder: Path | None) -> bool:
    """Run a configuration, whose output passes through; whether it gave figures, or a record of why not."""
    saved = ["--save", str(folder)] if folder else []
    saved += ["--continue"] if folder and words[0] in CONTINUING else []
    command = [sys.executable, str(ROOT / "benchmark.py"), *words, *saved]
    recorded = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            recorded |= line.startswith("record: ")
    if process.returncode == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    return recorded or process.returncode == 0
