"""A run's configuration: everything that decides its result, as written to `config.json`."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from common.errors import UserError
from common.threads import usable_cpus
from data import label_sets
from data.label_sets import CITYSCAPES, LabelSet
from data.samples import Sample
from training import losses
from training.losses import class_weights
from training.optimization import rates, recipes
from training.optimization.rates import Rates


@dataclass(frozen=True)
class Config:
    """What a run is made of."""

    model: str
    path: str  # data set
    rates: Rates
    momentum: float  # 0 where the optimizer has none
    options: dict = field(default_factory=dict)  # the architecture's own, as `models.build` takes them
    encoder_weights: str = "none"  # what the encoder starts from: none, imagenet, or a file
    freeze_encoder: int = 0  # epochs, from the first, in which the encoder is not trained
    optimizer: str = "sgd"
    weight_decay: float = 0.0  # an L2 penalty; of adamw, decoupled
    clip_norm: float = 0.0  # global norm of an update's gradients; 0: no limit
    accumulate: int = 1  # steps to an update
    ema: float = 0.0  # of the weights, a share kept at each update; 0: none
    loss: str = "ce"  # terms of training.losses, joined by +
    label_smoothing: float = 0.0
    class_weights: str = "none"  # none | median | enet | a file
    weight_of_class: tuple[float, ...] = ()  # what that came to, one a train id
    target_size: tuple[int, int] = (1024, 2048)  # (height, width) in pixels
    batch: int = 4  # images per GPU and step
    epochs: int = 500  # passes over the data, whatever the number of GPUs
    precision: str = "float32"  # Keras's dtype policy
    remat: bool = False  # recompute activations instead of keeping them
    seed: int = 0
    coarse: bool = False
    init_weights: str | None = None  # where the weights came from
    cache: str = "none"
    workers: int = 1
    deterministic: bool = False  # only operations that give the same bits each time
    validate_every: int = 1  # epochs
    patience: int = 0  # epochs without a better mIoU that end the run; 0: none do
    save_every: float = 10.0  # minutes between checkpoints within an epoch
    strategy: str = "horovod"  # or mirrored: one process with all its GPUs
    compression: str = "none"  # of gradients between ranks
    stall_timeout: float = 300.0  # seconds without a step that end a rank of several
    job: str | None = None  # of a batch system; started again, it goes on with this run
    wandb: str | None = None  # project of Weights & Biases
    mlflow: str | None = None  # tracking URI of MLflow
    label_set: LabelSet = CITYSCAPES  # the data set's, and of runs older than label sets


# when a run is resumed
MAY_CHANGE = ("epochs", "path", "cache", "workers", "remat", "validate_every", "patience", "save_every")
MAY_CHANGE += ("strategy", "compression", "stall_timeout", "job", "wandb", "mlflow")


OF_THE_OPTIMIZER = ("optimizer", "rates", "momentum", "weight_decay")


def new(given: dict, path: Path) -> Config:
    """A new run's configuration: what is given, else the model's recipe, else the defaults.

    Raises:
        UserError: settings that contradict each other.
    """
    recipe = recipes.recipe(given["model"], given.get("optimizer"))
    recipes.require_momentum_fits(recipe.optimizer, given.get("momentum"))
    made = {
        "rates": recipe.rates,
        "optimizer": recipe.optimizer,
        "momentum": recipe.momentum,
        "weight_decay": recipes.weight_decay(recipe.optimizer),
        "workers": usable_cpus(),
    }
    config = Config(path=str(path), **{**made, **given})
    rates.require_fitting(config.rates, config.epochs)
    losses.require_fitting(config.loss, config.label_smoothing)
    _require_strategy_fits(config)
    return config


def _require_strategy_fits(config: Config) -> None:
    """Refuse what one process with several GPUs cannot do.

    Raises:
        UserError: it is asked to.
    """
    if config.strategy != "mirrored":
        return
    if config.accumulate > 1:  # Keras would exchange within a branch, which TensorFlow's replicas cannot
        raise UserError("--accumulate needs --strategy horovod: mirrored updates the weights at each step")
    if config.compression != "none":
        raise UserError("--compression needs --strategy horovod: mirrored sends gradients as they are")


def repeated(saved: Config, given: dict, path: Path | None) -> Config:
    """A new run's configuration: what is given, else what was saved of another run.

    Another optimizer brings its own rates, momentum and weight decay, unless they are given.

    Raises:
        UserError: another model, or settings that contradict each other.
    """
    if given.get("model", saved.model) != saved.model:
        raise UserError(f"--config is of a {saved.model}, not of a {given['model']}; leave -m/--model out")
    kept = {
        part.name: getattr(saved, part.name) for part in fields(saved) if part.name not in ("path", "job")
    }
    if given.get("optimizer", saved.optimizer) != saved.optimizer:
        kept = {name: value for name, value in kept.items() if name not in OF_THE_OPTIMIZER}
    if "class_weights" in given:
        del kept["weight_of_class"]
    if "options" in given:
        given = given | {"options": saved.options | given["options"]}
    return new(kept | given, path or Path(saved.path))


def with_class_weights(config: Config, training: list[Sample]) -> Config:
    """The configuration with the numbers that `class_weights` comes to, if it has none yet.

    Raises:
        UserError: see `training.losses.class_weights.resolve`.
    """
    if config.class_weights == "none" or config.weight_of_class:
        return config
    weights = class_weights.resolve(config.class_weights, training, config.workers)
    return replace(config, weight_of_class=weights)


def resumed(saved: Config, given: dict, path: Path | None) -> Config:
    """The saved configuration with those of `MAY_CHANGE` that are given.

    Raises:
        UserError: another setting is given and differs from the run's, or settings contradict each other.
    """
    given = given | ({"path": str(path)} if path else {})
    for name, value in given.items():
        if name not in MAY_CHANGE:
            _require_same(name, value, getattr(saved, name))
    config = replace(saved, **{name: value for name, value in given.items() if name in MAY_CHANGE})
    _require_strategy_fits(config)
    return config


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
    """The configuration as JSON text; the label set, some hundred numbers, is one line of it."""
    content = asdict(config)
    label_set = json.dumps(content.pop("label_set"))
    return json.dumps(content, indent=2).removesuffix("\n}") + f',\n  "label_set": {label_set}\n}}\n'


def read(path: Path) -> Config:
    """Read a `config.json`.

    Raises:
        UserError: missing, or not written by this version.
    """
    try:
        content = json.loads(path.read_text())
        content["target_size"] = tuple(content["target_size"])
        content["weight_of_class"] = tuple(content.get("weight_of_class", ()))
        content["rates"] = Rates(**content["rates"])
        content["label_set"] = label_sets.from_json(content.get("label_set"))
        return Config(**content)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; is this a run folder?") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is no run configuration of this version ({error})") from error
