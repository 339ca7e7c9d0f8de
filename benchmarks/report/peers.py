"""The section on the same networks in PyTorch."""

from collections import defaultdict

from benchmarks.peers.runtimes import EAGER
from benchmarks.report.page_parts import DASH, Cell, Column, Section, Table, number, span, text
from benchmarks.report.peer_rows import Peer
from benchmarks.report.reported import ReportedRecords

MILLI, MIB = 1e3, 2**20
COLUMNS = [
    Column("model", numeric=False),
    Column("original", numeric=False),
    Column("runtime", numeric=False),
    Column("times as fast"),
    Column(f"least{DASH}most"),
    Column("ms a call"),
    Column("memory, MiB"),
    Column("difference"),
    Column("measured", numeric=False),
]


def section(reported: ReportedRecords) -> Section:
    """Each runtime beside the original network."""
    groups = defaultdict(list)
    for row in reported.peers:
        groups[row.group].append(_cells(row))
    return Section(
        "peers",
        "Beside PyTorch",
        "The same network, weights and input: the package's own in PyTorch, eager and compiled, and this "
        "suite's. Times as fast as the eager one, turn by turn; the largest difference of the logits, "
        "relative to the largest of them.",
        tables=[Table("Beside PyTorch", COLUMNS, sorted(groups.items()), filters=True)] if groups else [],
        lacking="" if groups else "python benchmark.py peers --save",
    )


def _cells(row: Peer) -> list[Cell]:
    named = [text(row.model, "noisy" if row.noisy else ""), text(row.package), text(row.runtime)]
    if row.seconds is None:
        return [*named, Cell(row.failed), *[Cell("")] * (len(COLUMNS) - 5), text(row.date[:10])]
    return [
        *named,
        *_ratio(row),
        number(row.seconds * MILLI),
        number(row.memory / MIB),
        Cell(DASH) if row.difference is None else Cell(f"{row.difference:.0e}", row.difference),
        text(row.date[:10]),
    ]


def _ratio(row: Peer) -> list[Cell]:
    if row.ratio is None:
        return [Cell("1", 1.0) if row.runtime == EAGER else Cell(DASH), Cell(DASH)]
    return [number(row.ratio.median), span(row.ratio.least, row.ratio.most)]
