"""A run's configuration: everything that decides its result, as written to `config.json`."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from common.errors import UserError
from common.threads import usable_cpus


@dataclass(frozen=True)
class Rates:
    """The learning rate over the run; `constant` uses `maximum` alone."""

    schedule: str  # constant | polynomial
    maximum: float
    minimum: float = 0.0
    power: float = 0.9


@dataclass(frozen=True)
class Config:
    """What a run is made of."""

    model: str
    path: str  # data set
    rates: Rates
    momentum: float
    options: dict = field(default_factory=dict)  # the architecture's own, as `models.build` takes them
    encoder_weights: str = "none"  # what the encoder starts from: none, imagenet, or a file
    freeze_encoder: int = 0  # epochs, from the first, in which the encoder is not trained
    target_size: tuple[int, int] = (1024, 2048)  # (height, width) in pixels
    batch: int = 4  # pictures per GPU and step
    epochs: int = 500  # passes over the data, whatever the number of GPUs
    precision: str = "float32"  # Keras's dtype policy
    remat: bool = False  # recompute activations instead of keeping them
    seed: int = 0
    coarse: bool = False
    init_weights: str | None = None  # where the weights came from
    cache: str = "none"
    workers: int = 1


MAY_CHANGE = ("epochs", "path", "cache", "workers", "remat")  # when a run is resumed

# model -> learning rates and momentum, its paper's where there is one, used where the command line gives none
RECIPES = {
    "bayes_segnet": (Rates("polynomial", 0.1), 0.9),  # best of 0.001, 0.01, 0.1 on a small town
    "deeplabv3+": (Rates("polynomial", 0.007), 0.9),  # arXiv 1802.02611, section 4
    "fastscnn": (Rates("polynomial", 0.045), 0.9),  # arXiv 1902.04502, section 4.1
    # No paper. On a made-up town both variants learn most at 0.05, of 0.003, 0.05 and 0.1; at 0.003 the
    # original has barely begun when the run ends. Its published weights were written at a rate of 0.046.
    "separable_unet": (Rates("polynomial", 0.05), 0.9),
    "unet": (Rates("polynomial", 0.01), 0.9),  # the paper's momentum, 0.99, is for batches of one picture
}


def rates(model: str, schedule, learning_rate, maximum, minimum, power) -> Rates | None:
    """The learning rates that options (None where not given) ask for; None if none is given.

    Raises:
        UserError: options that are missing or contradict each other.
    """
    recipe = RECIPES[model][0]
    bounds = {"--max-lr": maximum, "--min-lr": minimum, "--power": power}
    given = [name for name, value in bounds.items() if value is not None]
    if schedule == "polynomial":
        missing = [name for name in bounds if name not in given]
        if missing:
            raise UserError(
                f"--schedule polynomial needs {', '.join(missing)}; for example "
                f"--max-lr {recipe.maximum:g} --min-lr 0 --power {recipe.power:g}"
            )
        if learning_rate is not None:
            raise UserError(
                "--schedule polynomial goes from --max-lr to --min-lr; leave -l/--learning-rate out"
            )
        if minimum > maximum:
            raise UserError(f"--min-lr {minimum:g} is above --max-lr {maximum:g}; swap them")
        return Rates("polynomial", maximum, minimum, power)
    if given:
        raise UserError(
            f"{', '.join(given)} can only be used with --schedule polynomial; add it or leave them out"
        )
    if learning_rate is not None:
        return Rates("constant", learning_rate)
    return Rates("constant", recipe.maximum) if schedule == "constant" else None


def new(given: dict, path: Path) -> Config:
    """A new run's configuration: what is given, else the model's recipe, else the defaults."""
    recipe_rates, recipe_momentum = RECIPES[given["model"]]
    recipe = {"rates": recipe_rates, "momentum": recipe_momentum, "workers": usable_cpus()}
    return Config(path=str(path), **{**recipe, **given})


def resumed(saved: Config, given: dict, path: Path | None) -> Config:
    """The saved configuration with those of `MAY_CHANGE` that are given.

    Raises:
        UserError: another setting is given and differs from the run's.
    """
    given = given | ({"path": str(path)} if path else {})
    for name, value in given.items():
        if name not in MAY_CHANGE:
            _require_same(name, value, getattr(saved, name))
    return replace(saved, **{name: value for name, value in given.items() if name in MAY_CHANGE})


def _require_same(name: str, value, saved) -> None:
    if isinstance(value, dict):  # only what is given of it
        for part, its_value in value.items():
            _require_same(part, its_value, saved.get(part, "default"))
    elif value != saved:
        raise UserError(
            f"{name.replace('_', ' ')} {value} differs from the resumed run's {saved}; "
            "leave the option out, or start a new run with --init-weights"
        )


def to_json(config: Config) -> str:
    """The configuration as JSON text."""
    return json.dumps(asdict(config), indent=2) + "\n"


def read(path: Path) -> Config:
    """Read a `config.json`.

    Raises:
        UserError: missing, or not written by this version.
    """
    try:
        content = json.loads(path.read_text())
        content["target_size"] = tuple(content["target_size"])
        content["rates"] = Rates(**content["rates"])
        return Config(**content)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; is this a run folder?") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is no run configuration of this version ({error})") from error
