"""Records of training, scaling and memory as typed rows."""

from dataclasses import dataclass, field

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
from benchmarks.train.step_parts import PARTS

USUAL = {"precision": "float32", "backend": "tensorflow"}


@dataclass
class Training:
    """Training steps of a configuration; `failed` is why there are no figures."""

    group: str
    model: str
    how: str  # precision and backend
    ranks: int
    date: str
    failed: str = ""
    rate: Spread | None = None  # images per second of all ranks
    rate_of_one: float | None = None  # median of one device
    turns: list[float] = field(default_factory=list)  # median seconds of a step
    noisy: bool = False
    split: dict[str, float] | None = None  # share of the step
    memory: float | None = None
    memory_of: str = ""

    @property
    def key(self) -> tuple:
        """What a later measurement of the same replaces."""
        return self.group, self.model, self.how, self.ranks


@dataclass
class Scaling:
    """Throughput and efficiency at several numbers of ranks."""

    group: str
    model: str
    rates: dict[int, float]  # ranks -> images per second in all
    efficiency: dict[int, float]
    splits: dict[int, dict[str, float]]  # shares of the step
    date: str

    @property
    def key(self) -> tuple:
        """What a later measurement of the same replaces."""
        return self.group, self.model


@dataclass
class Steps:
    """Peak memory of training steps, with activations kept and recomputed."""

    group: str
    model: str
    kept: float | None  # bytes
    recomputed: float | None
    date: str

    @property
    def key(self) -> tuple:
        """What a later measurement of the same replaces."""
        return self.group, self.model


def trainings(record: dict) -> list[Training]:
    """The row of a train record."""
    settings, results = record["settings"], record["results"]
    named = results.get("device", "CPU")
    ranks = int(positive(settings.get("ranks") or 1))
    batch = int(positive(settings["batch"]))
    fed = word(settings.get("input", "synthetic"))
    machine = device(named, record["environment"])
    count = "1 rank" if ranks == 1 else f"{ranks} ranks"
    row = Training(
        f"{size(settings['size'])}, batch {batch} per rank, {count}, {short(fed)}, {machine}",
        label(settings["model"], settings.get("options")),
        ", ".join(short(word(settings.get(name, usual))) for name, usual in USUAL.items()),
        ranks,
        record["date"],
    )
    if "failed" in results:
        row.failed = short(str(results["failed"]))
        return [row]
    memory = mapping(results.get("memory") or {})
    row.rate = spread(results["pictures_per_second"])
    row.rate_of_one = _median(results.get("pictures_per_second_per_device"))
    row.turns = [positive(value) for value in results.get("turns") or []]
    row.noisy = bool(results["noisy"])
    row.split = _split(results) or None
    row.memory = figure(memory["peak_bytes"]) if memory.get("peak_bytes") is not None else None
    row.memory_of = short(word(memory.get("of", "")))
    return [row]


def scalings(record: dict) -> list[Scaling]:
    """The row of a scaling record."""
    settings, results = record["settings"], record["results"]
    counted = {int(count): mapping(found) for count, found in mapping(results["ranks"]).items()}
    measured = {count: found for count, found in counted.items() if "failed" not in found}
    named = results.get("device") or next(iter(record["environment"].get("gpus") or ["CPU"]))
    details = [
        short(f"{name} {settings[name]}")
        for name in ("input", "precision", "compression", "threads")
        if settings.get(name) is not None
    ]
    mode, batch = word(settings.get("mode", "weak")), int(positive(settings["batch"]))
    machine = device(named, record["environment"])
    return [
        Scaling(
            ", ".join(
                [size(settings["size"]), f"batch {batch}", f"{short(mode)} scaling", *details, machine]
            ),
            label(settings["model"], settings.get("options")),
            {count: _median(found["pictures_per_second"]) for count, found in sorted(measured.items())},
            {int(count): figure(value) for count, value in sorted(mapping(results["efficiency"]).items())},
            {count: _split(found) for count, found in sorted(measured.items())},
            record["date"],
        )
    ]


def steps(record: dict) -> list[Steps]:
    """The row of a memory record."""
    settings, results = record["settings"], record["results"]
    peaks = {name: mapping(found) for name, found in results.items()}
    named = next((found["device"] for found in peaks.values() if "device" in found), "CPU")
    batch = int(positive(settings["batch"]))
    machine = device(named, record["environment"])
    kept, recomputed = (
        figure(found["peak"]) if "peak" in (found := peaks.get(name, {})) else None
        for name in ("kept", "recomputed")
    )
    return [
        Steps(
            f"{size(settings['size'])}, batch {batch}, {short(word(settings['precision']))}, {machine}",
            label(settings["model"], settings.get("options")),
            kept,
            recomputed,
            record["date"],
        )
    ]


def _split(found: dict) -> dict[str, float]:
    """The share of each part of a step that was measured."""
    parts = mapping(found.get("split") or {})
    return {name: figure(parts[name]["share"]) for name in PARTS if parts.get(name)}


def _median(value: object) -> float | None:
    """The median of a rate that is given as a number or as a spread."""
    if value is None:
        return None
    return positive(value["median"] if isinstance(value, dict) else value)
