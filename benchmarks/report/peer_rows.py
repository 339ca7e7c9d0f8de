"""Records of comparisons with PyTorch's packages as typed rows."""

import statistics
from dataclasses import dataclass

from benchmarks.report.values import (
    Spread,
    device,
    figure,
    label,
    mapping,
    positive,
    short,
    size,
    spread,
    word,
)


@dataclass
class Peer:
    """One runtime of a comparison; `failed` is why there are no figures."""

    group: str
    model: str
    package: str
    runtime: str
    date: str
    failed: str = ""
    seconds: float | None = None  # of a call, the median turn's
    ratio: Spread | None = None  # times as fast as the original
    noisy: bool = False
    memory: float | None = None  # bytes
    difference: float | None = None  # of logits, relative to the largest

    @property
    def key(self) -> tuple:
        """What a later measurement of the same replaces."""
        return self.group, self.model, self.package, self.runtime


def peers(record: dict) -> list[Peer]:
    """The runtimes of a comparison."""
    settings, results = record["settings"], record["results"]
    found = {word(name): mapping(figures) for name, figures in mapping(results["runtimes"]).items()}
    named = next((figures["device"] for figures in found.values() if "device" in figures), "CPU")
    parts = [size(settings["size"]), f"batch {int(positive(settings['batch']))}", settings["precision"]]
    machine = device(named, record["environment"])
    group = f"{word(settings['scope'])}, {', '.join(map(word, parts))}, {machine}"
    model = label(settings["model"], settings["options"])
    rows = []
    for name, figures in found.items():
        shown = f"keras ({word(settings['backend'])})" if name == "keras" else short(name)
        row = Peer(group, model, short(word(settings["package"])), shown, record["date"])
        rows.append(row)
        if "failed" in figures:
            row.failed = short(str(figures["failed"]))
            continue
        row.seconds = statistics.median(positive(turn) for turn in figures["turns"])
        row.noisy, row.memory = bool(figures["noisy"]), figure(mapping(figures["memory"])["peak_bytes"])
        if name in results["speed"]:
            row.ratio = spread(results["speed"][name])
            row.noisy |= bool(results["speed"][name].get("noisy"))
        if name in results["difference"]:
            row.difference = figure(results["difference"][name])
    return rows
