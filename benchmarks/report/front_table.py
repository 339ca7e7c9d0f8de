"""The networks that no other beats in both speed and published mIoU, on a processor or on a GPU."""

from benchmarks.report import ranking, zoo_table
from benchmarks.report.page_parts import Cell, Column, Section, Table, number, text
from benchmarks.report.reported import ReportedRecords
from benchmarks.report.rows import Speed
from models.weights import catalogue


def section(reported: ReportedRecords) -> Section:
    """A row for each network of a front, by mIoU; speeds that are on their device's front are marked."""
    devices = [
        {name: row for name, row in zoo_table.fastest(reported.speeds, on_cpu).items() if row.published}
        for on_cpu in (True, False)
    ]
    devices = [found for found in devices if found]
    fronts = [{row.model for row in ranking.front(found.values(), ranking.published)} for found in devices]
    networks = {row.model: row.published for found in devices for row in found.values()}
    names = {zoo_table.name_of(one): one.network for one in catalogue.networks()}
    rows = [
        [
            text(names.get(model, model)),
            Cell(f"{networks[model]:.2f}", networks[model]),
            *(_speed(found.get(model), model in front) for found, front in zip(devices, fronts)),
        ]
        for model in sorted(networks, key=networks.get)
        if any(model in front for front in fronts)
    ]
    columns = [Column("network", numeric=False), Column("mIoU, %")]
    columns += [Column(f"images/s, {zoo_table.conditions(found)}") for found in devices]
    return Section(
        "front",
        "The front",
        tables=[Table("Front", columns, [(f"one image of {zoo_table.SIZE}", rows)])] if rows else [],
        lacking="" if rows else zoo_table.LACKING,
    )


def _speed(row: Speed | None, on_front: bool) -> Cell:
    """Images per second; `best` where no network as fast has a higher mIoU."""
    return number(row.rate.median, "best" if on_front else "") if row else number(None)
