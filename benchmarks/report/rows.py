"""Records as typed rows; what does not fit its kind is named and left out."""

import json
import statistics
from dataclasses import dataclass, field
from typing import NamedTuple

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
from models.weights import catalogue

CITYSCAPES = "Cityscapes val"  # what published scores are of
SAME_SCORE = 0.2  # points of mIoU
WINDOWED = "1024x2048"  # size of the pictures that windows slide over


class Group(NamedTuple):
    """What measurements have to share to be ranked together."""

    scope: str
    size: str
    batch: int
    device: str

    @property
    def title(self) -> str:
        """For headings."""
        return f"{self.size}, batch {self.batch}, {self.scope}, {self.device}"


@dataclass
class Speed:
    """A runtime's inference in a record; `failed` is why there are no figures."""

    group: Group
    model: str
    runtime: str
    precision: str
    weights: str  # SHA-256, or "random"
    date: str
    failed: str = ""
    rate: Spread | None = None  # images per second
    latency: dict[str, float] = field(default_factory=dict)  # seconds of a call
    turns: list[float] = field(default_factory=list)  # median seconds of a call
    memory: float | None = None  # bytes
    memory_of: str = ""
    noisy: bool = False
    miou: float | None = None  # of these very weights
    scored_on: str = ""
    published: float | None = None  # mIoU in % on Cityscapes val of the very network's published weights
    cited: str = ""  # where it is from
    comparable: bool = False  # whether `miou` is of all images that `published` is of

    @property
    def differs(self) -> bool:
        """Whether the score here is another than the published one."""
        return self.comparable and abs(100 * self.miou - self.published) > SAME_SCORE

    @property
    def name(self) -> str:
        """Model, runtime and precision, as charts and headlines call it."""
        return f"{self.model}, {self.how}"

    @property
    def how(self) -> str:
        """Runtime and precision."""
        return self.runtime if self.precision == "float32" else f"{self.runtime}, {self.precision}"

    @property
    def numbers(self) -> str:
        """What the runtime calculates in; some have it in their names, as `onnx-int8`."""
        named = {"int8": "int8", "fp16": "float16"}
        return named.get(self.runtime.split(" ")[0].partition("-")[2], self.precision)

    @property
    def key(self) -> tuple:
        """What a later measurement of the same replaces."""
        return self.group, self.model, self.runtime, self.precision, self.weights


@dataclass
class Accuracy:
    """Scores of weights on a split."""

    model: str
    weights: str
    data: str
    size: str
    precision: str
    passes: str  # of several passes over an image, which are not what was timed
    miou: float
    iou: dict[str, float | None]
    date: str
    part: bool = False  # of some of the split's images alone
    budget: str = ""  # on what and how long a run trained them; empty where that is not known
    recipe: str = ""  # optimizer, rate and loss of the run
    alike: str = ""  # all that is known of the training but its seed

    @property
    def key(self) -> tuple:
        """What a later evaluation of the same replaces."""
        return self.weights, self.data, self.size, self.precision, self.passes


def weights(value: object) -> str:
    """The weights' SHA-256, or that they are random."""
    return word(value["sha256"]) if isinstance(value, dict) else "random"


def speeds(record: dict) -> list[Speed]:
    """The runtimes of an inference record."""
    settings, found = record["settings"], mapping(record["results"]["runtimes"])
    return [_speed(record, settings, word(runtime), mapping(figures)) for runtime, figures in found.items()]


def _speed(record, settings, runtime, figures) -> Speed:
    failed = "failed" in figures
    named = figures.get("device") or next(
        (other.get("device") for other in record["results"]["runtimes"].values() if "device" in other), "CPU"
    )
    provider = settings.get("provider") if runtime.startswith("onnx") else None
    backend = settings.get("backend", "tensorflow")
    named_runtime = f"{runtime} ({word(backend)})" if runtime == "keras" else runtime
    group = Group(
        short(word(settings["scope"])),
        size(settings["size"]),
        int(positive(settings["batch"])),
        device(named, record["environment"]),
    )
    row = Speed(
        group,
        label(settings["model"], settings.get("options")),
        short(f"{named_runtime} ({word(provider)})" if provider else named_runtime),
        short(word(settings.get("precision", "float32"))),
        weights(settings.get("weights")),
        record["date"],
    )
    row.published, row.cited = cited(settings, row)
    if failed:
        row.failed = short(str(figures["failed"]))
        return row
    memory = mapping(figures.get("memory") or {})
    row.rate = spread(figures["pictures_per_second"])
    row.latency = {short(name): positive(value) for name, value in mapping(figures["latency"]).items()}
    row.turns = [positive(value) for value in figures["turns"]]
    row.memory = figure(memory["peak_bytes"]) if memory.get("peak_bytes") is not None else None
    row.memory_of = short(word(memory.get("of", "")))
    row.noisy = bool(figures["noisy"])
    if "p50" not in row.latency:
        row.latency["p50"] = statistics.median(row.turns)
    return row


def cited(settings: dict, row: Speed) -> tuple[float | None, str]:
    """What was published of a row's network at the row's size: (mIoU in %, where it is from), or (None, "").

    An int8 graph calculates other numbers than the weights of that score. Random weights count for the
    catalogue's network with the very same options. Scores of windows that slide over pictures stand beside
    the speed on whole ones, and say so.
    """
    options = mapping(settings.get("options") or {})
    if row.numbers == "int8":
        return None, ""
    for one in catalogue.published().values():
        same = options == one.options if row.weights == "random" else one.options.items() <= options.items()
        tested = one.tested == row.group.size or ("windows" in one.tested and row.group.size == WINDOWED)
        if one.model == settings["model"] and same and tested:
            return one.miou, f"{one.source.title}, {one.tested}"
    return None, ""


def accuracies(record: dict) -> list[Accuracy]:
    """The scores of an accuracy record."""
    settings, results = record["settings"], record["results"]
    iou = mapping(results.get("iou") or {})
    data = f"{word(settings['dataset'])} {word(settings['split'])}"
    if "images" in settings:
        data += f", {int(positive(settings['images']))} images"
    return [
        Accuracy(
            label(settings["model"], settings.get("options")),
            weights(mapping(settings["weights"])),
            short(data),
            size(settings["size"]) if settings.get("size") else "",
            word(settings.get("precision") or "float32"),
            short(
                ", ".join(f"{name} {value}" for name, value in mapping(settings.get("passes") or {}).items())
            ),
            figure(results["miou"]),
            {short(name): None if value is None else figure(value) for name, value in iou.items()},
            record["date"],
            "images" in settings,
            *(trained(mapping(settings["training"])) if "training" in settings else ()),
        )
    ]


def trained(run: dict) -> tuple[str, str, str]:
    """How a run was trained.

    Returns:
        (its budget, such as `camvid at 192x256, 1,000 steps, batch 4, flip`; its recipe, such as `sgd 0.045,
        ce`; all that trainings have to share which differ in their seed alone).
    """
    lengths = ("hours", "{:g} hours"), ("steps", "{:,.0f} steps"), ("epochs", "{:,.0f} epochs")
    budget = [f"{short(word(run['data']))} at {size(run['target_size'])}"]
    budget += [f"crops of {size(run['crop'])}"] if run.get("crop") else []
    budget += [text.format(positive(run[name])) for name, text in lengths if run.get(name)][:1]
    budget += [f"batch {positive(run['batch']):.0f}"]
    budget += [short(word(run["augment"]))] if run.get("augment") else []
    rate = mapping(run.get("rates") or {}).get("maximum")
    optimizer = [short(word(run["optimizer"]))] if run.get("optimizer") else []
    optimizer += [f"{positive(rate):g}"] if rate else []
    recipe = [" ".join(optimizer), short(word(run.get("loss") or ""))]
    alike = json.dumps({name: value for name, value in run.items() if name != "seed"}, sort_keys=True)
    return ", ".join(budget), ", ".join(filter(None, recipe)), alike
