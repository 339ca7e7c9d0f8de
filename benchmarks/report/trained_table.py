"""Networks that were trained alike, on the same images for as long, in one table."""

import statistics
from collections import defaultdict

from benchmarks.report import zoo_table
from benchmarks.report.page_parts import DASH, Cell, Column, Section, Table, number, text
from benchmarks.report.reported import ReportedRecords
from benchmarks.report.rows import Accuracy

COLUMNS = [
    Column("network", numeric=False),
    Column("mIoU, %"),  # a phone shows the first columns
    Column("least to most"),
    Column("trainings"),
    Column(f"images/s, {zoo_table.SIZE}"),
    Column("parameters, M"),
    Column("optimizer and loss", numeric=False),
]
LACKING = "python benchmark.py accuracy -w RUN RUN -p DATASET --save"


def section(reported: ReportedRecords) -> Section:
    """A table for each way of training and data that were scored; the best network first."""
    groups: dict[str, dict[tuple, list[Accuracy]]] = defaultdict(lambda: defaultdict(list))
    for row in reported.accuracies:
        if row.budget and not row.passes:
            groups[f"trained on {row.budget}; scored on {row.data}"][row.model, row.alike].append(row)
    costs = {cost.model: cost.parameters for cost in reported.costs}
    timed = zoo_table.fastest(reported.speeds, on_cpu=True)
    rates = {name: row.rate.median for name, row in timed.items()}

    def cells(rows: list[Accuracy]) -> list[Cell]:
        model = rows[0].model
        scores = [100 * row.miou for row in rows]
        spread = f"{min(scores):.1f}{DASH}{max(scores):.1f}" if len(rows) > 1 else DASH
        return [
            text(model),
            Cell(f"{statistics.mean(scores):.1f}", statistics.mean(scores)),
            Cell(spread, max(scores) - min(scores) if len(rows) > 1 else None),
            Cell(str(len(rows)), len(rows)),
            number(rates.get(model)),
            number(costs[model] / 1e6 if model in costs else None),
            text(rows[0].recipe),
        ]

    tables = [
        (title, sorted((cells(rows) for rows in alike.values()), key=lambda row: -row[1].value))
        for title, alike in sorted(groups.items())
    ]
    return Section(
        "trained",
        "Trained alike",
        "Networks trained on the same images for as long, with the optimizer and rates of their recipes: the "
        "mean of trainings that differ in the seed alone. Speed is of the network with any weights"
        + (f", {zoo_table.conditions(timed)}." if timed else "."),
        tables=[Table("Trained alike", COLUMNS, tables)] if tables else [],
        lacking="" if tables else LACKING,
    )
