"""Sections on what is counted, on comparisons of the suite's own parts, and on the machines."""

from collections import defaultdict

from benchmarks.report.cost_rows import Ratio
from benchmarks.report.page_parts import DASH, Column, Section, Table, number, span, text
from benchmarks.report.reported import ReportedRecords

MIB = 2**20


def sections(reported: ReportedRecords) -> list[Section]:
    """Costs and comparisons."""
    return [costs(reported), ratios([*reported.ratios, *reported.runtime_ratios])]


def costs(reported: ReportedRecords) -> Section:
    """Parameters, multiply-accumulates and bytes of each model."""
    columns = [Column("model", numeric=False), Column("parameters"), Column("GMACs")]
    columns += [Column(f"{kind}, MiB") for kind in ("weights", "inference", "training")]
    sizes = defaultdict(list)
    for cost in sorted(reported.costs, key=lambda cost: cost.macs):
        memory = [cost.weight_bytes, cost.inference_bytes, cost.training_bytes]
        cells = [number(None if value is None else value / MIB) for value in memory]
        macs = number(cost.macs / 1e9, "at least" if cost.lower_bound else "")
        sizes[f"one image of {cost.size}, float32"].append(
            [text(cost.model), number(cost.parameters), macs, *cells]
        )
    return Section(
        "costs",
        "What the models cost on paper",
        "Counted from the shapes of the layers, not measured: trainable parameters, multiply-accumulates "
        "of convolutions and matrix products, bytes of the weights and of the activations held at once.",
        tables=[Table("Counted costs", columns, list(sizes.items()))] if sizes else [],
        lacking="" if sizes else "python benchmark.py summary --save",
    )


def ratios(found: list[Ratio]) -> Section:
    """How many times as fast as the reference each variant is."""
    columns = [Column("what", numeric=False), Column("variant", numeric=False), Column("times as fast")]
    columns += [Column(f"least{DASH}most"), Column("measured", numeric=False)]
    devices = defaultdict(list)
    for row in found:
        cells = [
            text(row.what),
            text(row.variant, "noisy" if row.noisy else ""),
            number(row.ratio.median),
            span(row.ratio.least, row.ratio.most),
            text(row.date[:10]),
        ]
        devices[row.device].append(cells)
    return Section(
        "ratios",
        "Ratios",
        "Of variants that took turns in one run; ratios travel better to other machines than seconds.",
        tables=[Table("Ratios", columns, list(devices.items()))] if devices else [],
        lacking="" if devices else "python benchmark.py train-step --save",
    )
