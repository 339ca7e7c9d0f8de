"""The catalogue of published weights as a section; of no record."""

from itertools import groupby

from benchmarks.report.page_parts import Cell, Column, Section, Table, text
from models.weights import catalogue

COLUMNS = [
    Column("name", numeric=False),
    Column("network", numeric=False),
    Column("mIoU, %"),
    Column("tested on", numeric=False),
    Column("SHA-256", numeric=False),
]


def section() -> Section:
    """A table of each source: its weights, under its name and terms."""
    by_source = groupby(catalogue.published().values(), key=lambda one: one.source)
    groups = [
        (f"{source.title}, {source.page}: {source.licence}", [_row(one) for one in found])
        for source, found in by_source
    ]
    return Section("weights", "Published weights", tables=[Table("Published weights", COLUMNS, groups)])


def _row(one: catalogue.Published) -> list[Cell]:
    digits = text(one.sha256[:8]) if one.sha256 else Cell("not published")
    return [text(one.name), text(one.network), Cell(f"{one.miou:.2f}", one.miou), text(one.tested), digits]
