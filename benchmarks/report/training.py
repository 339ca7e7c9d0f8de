"""Sections on training: speed and what a step consists of, scaling, memory with and without recomputation."""

from collections import defaultdict

from benchmarks.report.canvas import BAR, Canvas, colors, drawn
from benchmarks.report.page_parts import DASH, Cell, Column, Figure, Section, Table, number, span, text
from benchmarks.report.reported import ReportedRecords
from benchmarks.report.themes import LIGHT, SERIES
from benchmarks.report.training_rows import Scaling, Training
from benchmarks.train.step_parts import PARTS

MIB = 2**20
GIB = 2**30
SHARES = [Column(f"{part.replace('_', '-')}, %") for part in PARTS]
COLUMNS = [
    Column("model", numeric=False),
    Column("precision, backend", numeric=False),
    Column("images/s"),
    Column(f"least{DASH}most"),
    Column("of one device"),
    *SHARES,
    Column("memory, MiB"),
    Column("measured", numeric=False),
]
SCALING = [
    Column("model", numeric=False),
    Column("ranks"),
    Column("images/s"),
    Column("efficiency, %"),
    *SHARES,
    Column("measured", numeric=False),
]


def sections(reported: ReportedRecords) -> list[Section]:
    """All sections on training speed."""
    return [speed(reported.trainings), scaling(reported), memory(reported)]


def _by_group(rows: list) -> dict[str, list]:
    found = defaultdict(list)
    for row in rows:
        found[row.group].append(row)
    return dict(sorted(found.items()))


def speed(rows: list[Training]) -> Section:
    """Images per second and what a step consists of."""
    section = Section(
        "training",
        "Training",
        "Whole steps: forward, backward, optimizer, and between ranks the all-reduce. Ranked within their "
        "size, batch, ranks, input and device only.",
        lacking="" if rows else "python benchmark.py train --save",
    )
    found = _by_group(rows)
    for group in found.values():
        group.sort(key=lambda row: -row.rate.median if row.rate else 0)
    if rows:
        listed = [(title, _table_rows(group)) for title, group in found.items()]
        section.tables = [Table("Training", COLUMNS, listed)]
    for place, (title, group) in enumerate(found.items()):
        if split := [row for row in group if row.split]:
            section.figures.append(_split(place, title, split))
    return section


def _table_rows(rows: list[Training]) -> list[list[Cell]]:
    measured = [row for row in rows if row.rate]
    best = measured[0] if len(measured) > 1 else None
    return [_cells(row, row is best) for row in rows]


def _cells(row: Training, best: bool) -> list[Cell]:
    named = [text(row.model, "noisy" if row.noisy else ""), text(row.how)]
    if not row.rate:
        return [*named, Cell(row.failed), *[number(None)] * (len(COLUMNS) - 4), text(row.date[:10])]
    return [
        *named,
        number(row.rate.median, "best" if best else ""),
        span(row.rate.least, row.rate.most),
        number(row.rate_of_one),
        *_shares(row.split or {}),
        number(None if row.memory is None else row.memory / MIB),
        text(row.date[:10]),
    ]


def _shares(split: dict[str, float]) -> list[Cell]:
    """A cell for each part of a step, in percent."""
    return [number(100 * split[part] if part in split else None) for part in PARTS]


@drawn
def _split(place: int, title: str, rows: list[Training]) -> Figure:
    """What a step's time goes to."""
    canvas = Canvas(f"split-{place}", f"What a training step takes, %: {title}", 100 + 56 * len(rows))
    left = [0.0] * len(rows)
    for part, color in zip(PARTS, SERIES):
        widths = [100 * row.split.get(part, 0) for row in rows]
        if any(widths):
            name = part.replace("_", "-")
            bars = canvas.axes.barh(
                range(len(rows)), widths, BAR, left, color=color, label=name, edgecolor=LIGHT["paper"]
            )
            for bar, row, width in zip(bars, rows, widths):
                canvas.tip(bar, f"{row.model}: {name} {width:.0f} %")
            left = [start + width for start, width in zip(left, widths)]
    canvas.name_rows([f"{row.model}, {row.how}" for row in rows])
    canvas.axes.set(xlim=(0, max(100, *left)), xlabel="% of the step")
    canvas.axes.grid(visible=False)
    canvas.legend(3)
    return canvas.finish()


def scaling(reported: ReportedRecords) -> Section:
    """Efficiency of several ranks, and what their steps consist of."""
    section = Section(
        "scaling",
        "Scaling",
        "Images per second on N ranks over N times those of one rank; the dashed line loses nothing.",
        lacking="" if reported.scalings else "python benchmark.py scaling --save",
    )
    for place, (title, rows) in enumerate(_by_group(reported.scalings).items()):
        section.figures.append(_efficiency(place, title, rows))
    listed = [
        (title, [cells for row in rows for cells in _scaling_rows(row)])
        for title, rows in _by_group(reported.scalings).items()
    ]
    if listed:
        section.tables = [Table("Scaling", SCALING, listed)]
    return section


def _scaling_rows(row: Scaling) -> list[list[Cell]]:
    """A row for each number of ranks."""
    return [
        [
            text(row.model),
            Cell(str(ranks), ranks),
            number(rate),
            number(100 * row.efficiency[ranks] if ranks in row.efficiency else None),
            *_shares(row.splits[ranks]),
            text(row.date[:10]),
        ]
        for ranks, rate in row.rates.items()
    ]


@drawn
def _efficiency(place: int, title: str, rows: list[Scaling]) -> Figure:
    canvas = Canvas(f"scaling-{place}", f"Scaling efficiency, %: {title}")
    color = colors([row.model for row in rows])
    ranks = sorted({1} | {count for row in rows for count in row.efficiency})
    canvas.axes.plot([1, ranks[-1]], [100, 100], "--", color=LIGHT["faint"], linewidth=1.2)
    for row in rows:
        points = sorted(({1: 1.0} | row.efficiency).items())
        counts, shares = [count for count, _ in points], [100 * share for _, share in points]
        (line,) = canvas.axes.plot(
            counts, shares, "o-", color=color[row.model], label=row.model, markersize=5
        )
        tip = ", ".join(f"{count} ranks {share:.0f} %" for count, share in zip(counts, shares))
        canvas.tip(line, f"{row.model}: {tip}")
    canvas.axes.set_xscale("log", base=2)
    canvas.axes.set_xticks(ranks, [str(count) for count in ranks])
    canvas.axes.minorticks_off()
    canvas.axes.set(xlabel="ranks", ylabel="efficiency, %")
    canvas.axes.set_ylim(0)
    canvas.legend()
    return canvas.finish()


def memory(reported: ReportedRecords) -> Section:
    """Peaks with activations kept and recomputed."""
    rows = reported.steps
    columns = [
        Column("model", numeric=False),
        Column("activations kept, GiB"),
        Column("recomputed, GiB"),
        Column("measured", numeric=False),
    ]
    section = Section(
        "training-memory",
        "Memory of training",
        "The process's or device's peak in a training step, with activations kept, and with `--remat`.",
        lacking="" if rows else "python benchmark.py memory --save",
    )
    listed = [
        (title, [_memory_row(row) for row in sorted(group, key=lambda row: row.kept or 0)])
        for title, group in _by_group(rows).items()
    ]
    if listed:
        section.tables = [Table("Memory of training", columns, listed)]
    return section


def _memory_row(row) -> list[Cell]:
    peaks = [number(None if peak is None else peak / GIB) for peak in (row.kept, row.recomputed)]
    return [text(row.model), *peaks, text(row.date[:10])]
