"""Records of counted costs and of comparisons as typed rows."""

from dataclasses import dataclass

from benchmarks.report.rows import speeds
from benchmarks.report.values import Spread, device, figure, label, mapping, short, size, spread, word

RATIOS = {  # benchmark -> (its results' key, what the ratio is of)
    "train-step": ("speedup_over_stock", "training step, over stock Keras layers and loss"),
    "pipeline": ("ratio_to_decoding_by_round", "input pipeline, over decoding its PNGs alone"),
    "scores": ("speedup_over_official", "scoring, over the official script"),
    "video": ("ratio_by_round", "video with its stages overlapped, over one after the other"),
}
OVER = ("stock Keras", "decode alone", "official")  # variants that the others are compared with


@dataclass
class Cost:
    """A model's counted parameters, multiply-accumulates and bytes.

    `lower_bound`: some of its layers' multiply-accumulates could not be counted.
    """

    size: str
    model: str
    parameters: float
    macs: float
    weight_bytes: float
    inference_bytes: float | None
    training_bytes: float | None
    date: str
    lower_bound: bool = False

    @property
    def key(self) -> tuple:
        """What a later count of the same replaces."""
        return self.size, self.model


@dataclass
class Ratio:
    """How many times as fast as the reference a variant is."""

    device: str
    what: str
    variant: str
    ratio: Spread
    noisy: bool
    date: str

    @property
    def key(self) -> tuple:
        """What a later measurement of the same replaces."""
        return self.device, self.what, self.variant


def costs(record: dict) -> list[Cost]:
    """The models of a summary record."""
    height_width = size(record["settings"]["size"])
    return [_cost(height_width, mapping(found), record["date"]) for found in record["results"]["models"]]


def _cost(height_width, found, date) -> Cost:
    memory = [
        None if found.get(f"{kind}_bytes") is None else figure(found[f"{kind}_bytes"])
        for kind in ("inference", "training")
    ]
    counted = (figure(found[name]) for name in ("parameters", "macs", "weight_bytes"))
    name, lower_bound = label(found["model"], found.get("options")), bool(found.get("uncounted"))
    return Cost(height_width, name, *counted, *memory, date, lower_bound)


def ratios(record: dict) -> list[Ratio]:
    """The variants of a comparison, the reference left out."""
    key, what = RATIOS[record["benchmark"]]
    found = mapping(record["results"][key])
    if set(found) == {"min", "median", "max"}:  # of two variants, not named
        found = {"": found}
    machine = device("CPU", record["environment"])
    details = record["settings"]
    what_over_what = f"{label(details['model'], {})} {what}" if "model" in details else what
    if "size" in details:
        batch = f"{figure(details['batch']):.0f}x" if "batch" in details else ""
        what_over_what += f", {batch}{size(details['size'])}"
    return [
        Ratio(machine, what_over_what, short(name), spread(value), bool(value.get("noisy")), record["date"])
        for name, value in found.items()
        if name not in OVER
    ]


def runtime_ratios(record: dict) -> list[Ratio]:
    """The runtimes of an inference record over the first of them."""
    found = dict(mapping(record["results"].get("speed") or {}))
    if not found:
        return []
    over = word(found.pop("over"))
    by_runtime = dict(zip(record["results"]["runtimes"], speeds(record)))
    first = by_runtime[over]
    group = first.group
    what_over_what = (
        f"{first.model} inference, over {first.runtime}, {group.batch}x{group.size}, {group.scope}"
    )
    date = record["date"]
    return [
        Ratio(
            group.device,
            what_over_what,
            by_runtime[name].runtime,
            spread(value),
            bool(value.get("noisy")),
            date,
        )
        for name, value in found.items()
    ]
