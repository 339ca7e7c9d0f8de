"""Sections on inference: accuracy against speed, the table, latency, batches, memory."""

from collections import defaultdict

from benchmarks.report import speed_charts
from benchmarks.report.front import filters
from benchmarks.report.page_parts import DASH, Cell, Column, Row, Section, Table, number, span, text
from benchmarks.report.ranking import fastest, groups
from benchmarks.report.reported import ReportedRecords
from benchmarks.report.rows import SAME_SCORE, Group, Speed

PERCENTILES = ("p50", "p90", "p95", "p99", "max")
MEASURE = "python benchmark.py inference --runtimes keras,onnx --save"
COLUMNS = [
    Column("model", numeric=False),
    Column("runtime", numeric=False),
    Column("images/s"),
    Column(f"least{DASH}most"),
    Column("mIoU, %"),
    Column("published"),
    *[Column(f"{name}, ms") for name in PERCENTILES],
    Column("memory, MiB"),
    Column("precision", numeric=False),
    Column("measured", numeric=False),
]


def sections(reported: ReportedRecords) -> list[Section]:
    """All sections on inference."""
    found = groups(reported.speeds)
    return [_tradeoff(found), inference(found), _latency(found), _throughput(reported.speeds), _memory(found)]


def _tradeoff(found: dict[Group, list[Speed]]) -> Section:
    section = Section(
        "tradeoff",
        "Accuracy against speed",
        "Models on the line are beaten by none in both speed and mIoU (Pareto). Each chart is one scope, "
        "size, batch, device and data set; the bar through a point is the least and most of its turns, and "
        "a hollow point is noisy. mIoU is that of the very weights, size and precision that were timed.",
    )
    for place, (group, rows) in enumerate(found.items()):
        section.figures += speed_charts.tradeoff(place, group, rows)
    if not section.figures:
        section.lacking = "python benchmark.py accuracy -w RUN -p DATASET --save"
    return section


def inference(found: dict[Group, list[Speed]]) -> Section:
    """The table of all runtimes."""
    section = Section(
        "inference",
        "Inference",
        "Rows are ranked within their scope, size, batch and device only. Images per second is the "
        "median of the turns; latency is of a call, nearest rank over all turns, and p99 takes a thousand "
        "calls. mIoU is that of these weights here; published is that of the network's published weights, "
        f"and is marked where the two differ by more than {SAME_SCORE:g}.",
        lacking="" if found else MEASURE,
    )
    if found:
        listed = [(group.title, table_rows(rows)) for group, rows in found.items()]
        section.tables = [Table("Inference", COLUMNS, listed, filters=True)]
    return section


def table_rows(rows: list[Speed]) -> list[Row]:
    """A group's rows; the fastest and the most accurate are marked where there are others."""
    measured = [row for row in rows if row.rate]
    best = fastest(rows) if len(measured) > 1 else None
    scores = {row.miou for row in measured if row.miou is not None}
    highest = max(scores) if len(scores) > 1 else None
    return [_cells(row, best is row, row.miou is not None and row.miou == highest) for row in rows]


def _cells(row: Speed, is_fastest: bool, is_most_accurate: bool) -> Row:
    named = [text(row.model, "noisy" if row.noisy else ""), text(row.runtime)]
    known = [text(row.numbers), text(row.date[:10])]
    if not row.rate:
        cells = [*named, Cell(row.failed, None), *[number(None)] * (len(COLUMNS) - 5), *known]
        return Row(cells, filters(row))
    score = None if row.miou is None else 100 * row.miou
    milliseconds = [row.latency.get(name) for name in PERCENTILES]
    cells = [
        *named,
        number(row.rate.median, "best" if is_fastest else ""),
        span(row.rate.least, row.rate.most),
        number(None) if score is None else Cell(f"{score:.1f}", score, "best" if is_most_accurate else ""),
        number(None) if row.published is None else _published(row),
        *[number(None if value is None else value * speed_charts.MILLI) for value in milliseconds],
        number(None if row.memory is None else row.memory / speed_charts.MIB),
        *known,
    ]
    return Row(cells, filters(row))


def _published(row: Speed) -> Cell:
    """Digit by digit as it was published."""
    return Cell(f"{row.published:g}", row.published, "differs" if row.differs else "")


def _latency(found: dict[Group, list[Speed]]) -> Section:
    section = Section(
        "latency",
        "Latency",
        "Dot: p50. Thick line: to p95. Thin line: to the longest call. Box: the middle half of the turns' "
        "medians; a wide box is a machine that drifted. Fastest first.",
    )
    for place, (group, rows) in enumerate(found.items()):
        if any(row.rate for row in rows):
            section.figures.append(speed_charts.latency(place, group, rows))
    section.lacking = "" if section.figures else MEASURE
    return section


def _throughput(speeds: list[Speed]) -> Section:
    section = Section(
        "throughput", "Throughput against batch", "The band is the least and most of the turns."
    )
    shared = defaultdict(list)
    for row in speeds:
        shared[row.group.scope, row.group.size, row.group.device].append(row)
    charts = [
        speed_charts.throughput(place, *item) for place, item in enumerate(sorted(shared.items(), key=_key))
    ]
    section.figures = [chart for chart in charts if chart]
    section.lacking = "" if section.figures else "python benchmark.py inference -b 1 2 4 8 --save"
    return section


def _key(item: tuple) -> tuple:
    return item[0]


def _memory(found: dict[Group, list[Speed]]) -> Section:
    section = Section(
        "memory",
        "Memory of inference",
        "The highest that the process, or the device where it is measured, held of memory: weights, library "
        "and scratch space included.",
    )
    for place, (group, rows) in enumerate(found.items()):
        section.figures += speed_charts.memory(place, group, rows)
    section.lacking = "" if section.figures else MEASURE
    return section
