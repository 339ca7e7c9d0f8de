"""The tables of README.md and docs/ that are made of records or data, and the check that they still are."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import (
    costs,
    front_table,
    markdown,
    peers,
    recipe_table,
    speed,
    trained_table,
    training,
    weights,
    zoo_table,
)
from benchmarks.report.page_parts import Section
from benchmarks.report.ranking import groups
from benchmarks.report.reported import ReportedRecords, gather
from common.errors import UserError
from common.files import write_bytes

ROOT = Path(__file__).parents[2]
BETWEEN = re.compile(r"(<!-- table: ([\w-]+), by `make results` -->\n).*?(<!-- end of table -->)", re.DOTALL)
TABLES: dict[str, Callable[[ReportedRecords], Section]] = {
    "parts": lambda reported: costs.ratios(reported.ratios),
    "runtimes": lambda reported: costs.ratios(reported.runtime_ratios),
    "costs": costs.costs,
    "front": front_table.section,
    "inference": lambda reported: speed.inference(groups(reported.speeds)),
    "trained": trained_table.section,
    "training": lambda reported: training.speed(reported.trainings),
    "training-memory": training.memory,
    "scaling": training.scaling,
    "weights": lambda reported: weights.section(),
    "peers": peers.section,
    "zoo": zoo_table.section,
    "networks": lambda reported: zoo_table.section(reported, whole=False),
    "recipes": lambda reported: recipe_table.section(),
}


def run(folders: list[Path], check: bool, root: Path = ROOT) -> int:
    """Write the tables, or check them; returns the exit status, 1 where a checked one differs.

    Raises:
        UserError: no records, or a marker of a table that does not exist.
    """
    reported = gather(folders)
    for name, reason in reported.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    differing = []
    for path in [root / "README.md", *sorted(root.glob("docs/*.md"))]:
        before = path.read_text()
        after = filled(before, reported, path)
        if after != before:
            differing.append(path.relative_to(root))
            if not check:
                write_bytes(path, after.encode())
    for path in differing:
        print(f"{path}: tables differ from the records; run make results" if check else f"written: {path}")
    return 1 if check and differing else 0


def filled(text: str, reported: ReportedRecords, path: Path) -> str:
    """A document with its tables made from the records.

    Raises:
        UserError: a marker names no table, or a table of which there are no records.
    """

    def table(found: re.Match) -> str:
        name = found[2]
        if name not in TABLES:
            raise UserError(f"{path}: no table '{name}'; there are: {', '.join(TABLES)}")
        section = TABLES[name](reported)
        if section.lacking:
            raise UserError(f"{path}: no record for the table '{name}'; make one: {section.lacking}")
        parts = [part for one in section.tables for part in markdown.groups(one)]
        return found[1] + "\n\n".join(parts) + "\n" + found[3]

    return BETWEEN.sub(table, text)
