"""Sections on scores: IoU of each class, and what others published beside it."""

from collections import defaultdict

from benchmarks.report import published
from benchmarks.report.page_parts import Cell, Column, Section, Table, number, text
from benchmarks.report.reported import ReportedRecords
from benchmarks.report.rows import Accuracy

SCORE = "python benchmark.py accuracy -w RUN -p DATASET --save"


def sections(reported: ReportedRecords) -> list[Section]:
    """All sections on scores."""
    return [_classes(reported.accuracies), _published(reported)]


def _classes(rows: list[Accuracy]) -> Section:
    section = Section(
        "classes",
        "IoU of each class",
        "Official scores in %, at the resolution of the truth; the deeper the colour, the higher. A dash "
        "is a class that neither truth nor prediction holds. Different data are never compared.",
        lacking="" if rows else SCORE,
    )
    data = defaultdict(list)
    for row in rows:
        data[row.data].append(row)
    for name, scored in sorted(data.items()):
        scored.sort(key=lambda row: -row.miou)
        classes = list(dict.fromkeys(kind for row in scored for kind in row.iou))
        columns = [Column("model", numeric=False), Column("input", numeric=False), Column("mIoU")]
        columns += [Column(kind) for kind in classes]
        cells = [_heat_row(row, classes) for row in scored]
        section.tables.append(Table(f"IoU of each class on {name}", columns, [(name, cells)]))
    return section


def _heat_row(row: Accuracy, classes: list[str]) -> list[Cell]:
    precision = "" if row.precision == "float32" else f", {row.precision}"
    passes = f", {row.passes}" if row.passes else ""
    return [
        text(row.model + precision + passes),
        text(row.size),
        *[_heat(value) for value in (row.miou, *map(row.iou.get, classes))],
    ]


def _heat(value: float | None) -> Cell:
    if value is None:
        return number(None)
    return Cell(f"{100 * value:.1f}", value, shade=min(value, 1.0))


def _published(reported: ReportedRecords) -> Section:
    return Section(
        "published",
        "What others published",
        "Their data, schedules and devices are their own, so nothing here is ranked against ours; an empty "
        "cell was not published, or not measured here.",
        tables=[published.table(reported)],
    )
