"""Which learning-rate curve the options choose; the curves themselves: `training.optimization.schedules`."""

import math
from dataclasses import dataclass, replace

from common import cli
from common.errors import UserError
from training.options import Group

SCALINGS = ("linear", "sqrt", "none")
CYCLIC_MODES = ("triangular", "triangular2", "exp_range")
WARMUP_EPOCHS = 3  # with more than one GPU, where the command line says nothing

# schedule -> (fields that have to be given, fields that may be)
SCHEDULES = {
    "constant": ((), ()),
    "polynomial": (("maximum", "minimum", "power"), ()),
    "cyclic": (("maximum", "minimum", "cycle"), ("mode",)),
    "onecycle": (("maximum",), ("minimum",)),
    "cosine": (("maximum",), ("minimum",)),
}


group = Group("learning rate", "by default the model's published one", with_finder=False)


@dataclass(frozen=True)
class Rates:
    """The learning rate over the run, for one GPU; a schedule uses the fields named in `SCHEDULES`."""

    schedule: str = group.field(
        "--schedule", choices=tuple(SCHEDULES), help="over the steps of the whole run"
    )
    maximum: float = group.field(  # of a constant schedule, the rate
        "--max-lr", type=cli.positive_float, with_finder=True, help="highest rate, on one GPU"
    )
    minimum: float = group.field(
        "--min-lr",
        type=cli.non_negative_float,
        default=0.0,
        with_finder=True,
        help="lowest rate (onecycle and cosine: {} if not given)",
    )
    power: float = group.field(
        "--power", type=cli.positive_float, default=0.9, help="polynomial: exponent, {} in most papers"
    )
    cycle: float = group.field(
        "--cycle",
        type=cli.positive_float,
        default=0.0,
        metavar="EPOCHS",
        help="cyclic: length of a cycle, up and down",
    )
    mode: str = group.field(
        "--cyclic-mode",
        choices=CYCLIC_MODES,
        default="triangular",
        help="cyclic: as it is (default), halved after each cycle, or shrinking at each step",
    )
    warmup_epochs: float | None = group.field(
        "--warmup-epochs",
        type=cli.non_negative_float,
        default=None,
        metavar="EPOCHS",
        help="rise to the first rate (default: the recipe's, mostly 0; with more than one GPU at least "
        f"{WARMUP_EPOCHS})",
    )
    scaling: str = group.field(
        "--lr-scaling",
        choices=SCALINGS,
        default="linear",
        help="of rates with the number of GPUs (default: {})",
    )
    warmup_share: float = 0.0  # of a recipe: share of the run, where `warmup_epochs` is None


def scale(scaling: str, gpus: int) -> float:
    """What all rates are multiplied by on `gpus` GPUs.

    linear keeps the step of a sum of gradients (Goyal et al. 2017, arXiv 1706.02677); sqrt keeps the
    variance of a step of averaged gradients (Krizhevsky 2014, arXiv 1404.5997).
    """
    return {"linear": float(gpus), "sqrt": math.sqrt(gpus), "none": 1.0}[scaling]


def warmup_epochs(rates: Rates, epochs: float, gpus: int) -> float:
    """Epochs of warm-up; the default for several GPUs is at most half of the run."""
    if rates.warmup_epochs is not None:
        return rates.warmup_epochs
    of_several = min(WARMUP_EPOCHS, epochs / 2) if gpus > 1 else 0.0
    return max(rates.warmup_share * epochs, of_several)


def choose(
    recipe: Rates,
    schedule: str | None = None,
    learning_rate: float | None = None,
    warmup_epochs: float | None = None,
    scaling: str | None = None,
    **fields,
) -> Rates | None:
    """The rates that options (None where not given) ask for; None if none is given.

    Args:
        recipe: the rates of a run without options; gives what is left open, and the errors' examples.
        learning_rate: a constant one.
        schedule, warmup_epochs, scaling, fields: those of `Rates`.

    Raises:
        UserError: options that are missing or contradict each other.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    everywhere = {"warmup_epochs": warmup_epochs, "scaling": scaling}
    everywhere = {name: value for name, value in everywhere.items() if value is not None}
    if schedule is None and given:
        raise UserError(f"{_named(given)} can only be used with {_takers(given)}; add it or leave them out")
    if schedule is None and learning_rate is None:
        return replace(recipe, **everywhere) if everywhere else None
    chosen = schedule or "constant"
    _require_complete(chosen, given, recipe)
    if chosen == "constant":
        return Rates(chosen, learning_rate or recipe.maximum, **everywhere)
    if learning_rate is not None:
        raise UserError(f"`schedule` {chosen} takes its rates from `maximum`; leave `learning_rate` out")
    result = Rates(chosen, **given, **everywhere)
    if result.minimum > result.maximum:
        raise UserError(f"`minimum` {result.minimum:g} is above `maximum` {result.maximum:g}; swap them")
    if warmup_epochs and chosen == "cyclic" and not result.minimum:
        raise UserError(
            "`warmup_epochs` climbs to the cycle's start, which is `minimum` 0: leave the warm-up out, "
            "or raise `minimum`"
        )
    return result


def _require_complete(schedule: str, given: dict, recipe: Rates) -> None:
    needed, allowed = SCHEDULES[schedule]
    missing = [name for name in needed if name not in given]
    if missing:
        example = {"maximum": recipe.maximum, "minimum": 0, "power": recipe.power, "cycle": 8}
        if schedule == "cyclic":
            example["minimum"] = recipe.maximum / 10
        words = " ".join(f"`{name}` {example[name]:g}" for name in needed)
        raise UserError(f"`schedule` {schedule} needs {_named(missing)}; for example {words}")
    foreign = [name for name in given if name not in needed + allowed]
    if foreign:
        raise UserError(
            f"{_named(foreign)} can only be used with {_takers(foreign)}, not with `schedule` {schedule}; "
            "leave them out"
        )


def _named(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _takers(names) -> str:
    """The schedules that take all of these fields, or else the first one."""
    takers = [name for name, (needed, allowed) in SCHEDULES.items() if set(names) <= {*needed, *allowed}]
    takers = takers or [name for name, parts in SCHEDULES.items() if next(iter(names)) in sum(parts, ())]
    return "`schedule` " + " | ".join(takers)


def require_fitting(rates: Rates, epochs: float) -> None:
    """Raise UserError if the warm-up leaves nothing of the run."""
    if rates.warmup_epochs and rates.warmup_epochs >= epochs:
        raise UserError(
            f"`warmup_epochs` {rates.warmup_epochs:g} leaves nothing of `epochs` {epochs:g}; "
            "shorten the warm-up or train longer"
        )
