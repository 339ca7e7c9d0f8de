"""The networks of the catalogue in one table: what they cost, how good, and how fast they are."""

from collections import Counter
from collections.abc import Iterable

from benchmarks.report.cost_rows import Cost
from benchmarks.report.page_parts import Cell, Column, Section, Table, number, text
from benchmarks.report.reported import ReportedRecords
from benchmarks.report.rows import Speed
from benchmarks.report.values import label
from models import registry
from models.weights import catalogue
from models.weights.catalogue import Published

SIZE = "1024x2048"
COLUMNS = [
    Column("network", numeric=False),
    Column("encoder", numeric=False),
    Column("parameters, M"),
    Column("GMACs"),
    Column("mIoU, %"),
    Column("by", numeric=False),
    Column("images/s"),
    Column("images/s on a GPU"),
    Column("weights that load", numeric=False),
]


LACKING = "python benchmark.py zoo --random --save"


def name_of(one: Published) -> str:
    """A network's name in records' rows."""
    return label(one.model, one.options)


def section(reported: ReportedRecords, whole: bool = True) -> Section:
    """A row for each network; without `whole`, of each architecture the smallest of those timed."""
    costs = {cost.model: cost for cost in reported.costs if cost.size == SIZE}
    cpu, gpu = fastest(reported.speeds, on_cpu=True), fastest(reported.speeds, on_cpu=False)
    found = [one for one in catalogue.networks() if name_of(one) in costs]
    timed = [one for one in found if name_of(one) in cpu]

    def by_speed(one: Published) -> tuple[float, float]:
        """The fastest first; those that are not timed last, by their cost."""
        rate = cpu[name_of(one)].rate.median if name_of(one) in cpu else 0.0
        return -rate, costs[name_of(one)].macs

    shown = found if whole else smallest(timed, costs)
    rows = [_row(one, costs[name_of(one)], cpu, gpu) for one in sorted(shown, key=by_speed)]
    title = f"one image of {SIZE}: {'; '.join(filter(None, map(conditions, (cpu, gpu))))}"
    return Section(
        "zoo",
        "The zoo",
        "Networks whose trained weights load here; speed is of the graph alone, on the fastest runtime.",
        tables=[Table("Networks", COLUMNS, [(title, rows)])] if rows else [],
        lacking="" if rows else LACKING,
    )


def smallest(found: Iterable[Published], costs: dict[str, Cost]) -> list[Published]:
    """Of each architecture the network of the fewest multiply-accumulates."""
    chosen: dict[str, Published] = {}
    for one in sorted(found, key=lambda one: costs[name_of(one)].macs):
        chosen.setdefault(one.model, one)
    return list(chosen.values())


def fastest(speeds: list[Speed], on_cpu: bool) -> dict[str, Speed]:
    """The fastest row of each network, in float, on the processor, or the GPU, that most networks ran on."""
    rows = [
        row
        for row in speeds
        if row.rate
        and row.group.scope == "model"
        and (row.group.size, row.group.batch) == (SIZE, 1)
        and row.numbers != "int8"
        and ("core" in row.group.device) == on_cpu
    ]
    if not rows:
        return {}
    networks = Counter(device for device, _ in {(row.group.device, row.model) for row in rows})
    device = max(sorted(networks), key=networks.get)
    best: dict[str, Speed] = {}
    for row in rows:
        known = best.get(row.model)
        if row.group.device == device and (known is None or row.rate.median > known.rate.median):
            best[row.model] = row
    return best


def conditions(found: dict[str, Speed]) -> str:
    """What rows of `fastest` were calculated in, and where: `bfloat16 on NVIDIA H200`; empty for no rows."""
    numbers = Counter(row.numbers for row in found.values()).most_common(1)
    return f"{numbers[0][0]} on {next(iter(found.values())).group.device}" if numbers else ""


def _row(one: Published, cost: Cost, cpu: dict[str, Speed], gpu: dict[str, Speed]) -> list[Cell]:
    name = name_of(one)
    encoder = registry.ENCODERS.get(one.options.get("encoder"))
    others = [str(value) for option, value in one.options.items() if option not in ("encoder", "preset")]
    rates = [number(found[name].rate.median) if name in found else number(None) for found in (cpu, gpu)]
    return [
        text(" ".join([registry.title(one.model), *others])),
        text(encoder.title if encoder else ""),
        number(cost.parameters / 1e6),
        number(cost.macs / 1e9, "at least" if cost.lower_bound else ""),
        Cell(f"{one.miou:.2f}", one.miou),
        text(one.source.title.removesuffix("'s repository").removesuffix(", ESPNetv2")),
        *rates,
        text(one.name, "checked" if one.answer else ""),
    ]
