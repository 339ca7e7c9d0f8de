"""How a run gets its configuration: a new one, a repeated one, a resumed one; and its file, `config.json`."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

from common.errors import UserError
from common.threads import usable_cpus
from data import label_sets
from data.ranges import Ranges
from data.samples import Sample
from models import registry
from models.model_options import of_record, to_record
from training import losses, recipes
from training.config_fields import Config
from training.losses import class_weights
from training.optimization import defaults, rates, stages
from training.optimization.rates import Rates

MAY_CHANGE = tuple(part.name for part in fields(Config) if part.metadata.get("resume"))
OF_AUGMENTATION = tuple(part.name for part in fields(Ranges))
OF_THE_OPTIMIZER = tuple(part.name for part in fields(Config) if part.metadata.get("optimizer"))


def new(given: dict, path: Path) -> Config:
    """A new run's configuration: what is given, else the model's recipe, else the defaults.

    Raises:
        UserError: settings that contradict each other.
    """
    _require_one_length(given)
    return _complete(given, path)


def _complete(given: dict, path: Path) -> Config:
    """What is given, else the model's recipe, else the defaults, if that fits together."""
    made = recipes.settings(given["model"], given)
    defaults.require_momentum_fits(made["optimizer"], given.get("momentum"))
    config = Config(path=str(path), **{"workers": usable_cpus(), **made, **given})
    if not config.steps:  # in which an epoch has a length that the data set decides
        rates.require_fitting(config.rates, config.epochs)
        stages.require_fitting(config, config.epochs)
    losses.require_fitting(config.loss, config.label_smoothing)
    stages.of(config)
    _require_loss_fits(config)
    _require_strategy_fits(config)
    return config


def _require_one_length(given: dict) -> None:
    """Raise UserError if the run's length is given both in epochs and in steps."""
    if given.get("steps") and given.get("epochs"):
        raise UserError("`epochs` and `steps` both say how long the run is; leave one out")


def _without_saved_steps(given: dict) -> dict:
    """The same, and no steps where epochs are given: where a saved run has steps, its epochs do not count.

    Raises:
        UserError: both are given.
    """
    _require_one_length(given)
    return {"steps": 0, **given} if given.get("epochs") else given


def _require_loss_fits(config: Config) -> None:
    """Raise UserError if a loss is asked for that the model's own would take the place of."""
    chosen = {"loss": config.loss != "ce", "label_smoothing": config.label_smoothing > 0}
    chosen["class_weights"] = config.class_weights != "none"
    if registry.architecture(config.model).loss and any(chosen.values()):
        name = next(name for name, given in chosen.items() if given)
        raise UserError(f"{config.model} has a loss of its own; leave `{name}` out")


def _require_strategy_fits(config: Config) -> None:
    """Refuse what one process with several GPUs cannot do.

    Raises:
        UserError: it is asked to.
    """
    if config.strategy != "mirrored":
        return
    if config.accumulate > 1:  # Keras would exchange within a branch, which TensorFlow's replicas cannot
        raise UserError("`accumulate` needs `strategy` horovod: mirrored updates the weights at each step")
    if config.compression != "none":
        raise UserError("`compression` needs `strategy` horovod: mirrored sends gradients as they are")


def repeated(saved: Config, given: dict, path: Path | None) -> Config:
    """A new run's configuration: what is given, else what was saved of another run.

    Another optimizer brings its own rates, momentum and weight decay, unless they are given. A length in
    epochs takes the place of one in steps, and the other way round.

    Raises:
        UserError: another model, or settings that contradict each other.
    """
    if given.get("model", saved.model) != saved.model:
        raise UserError(
            f"the configuration is of a {saved.model}, not of a {given['model']}; leave `model` out"
        )
    kept = {
        part.name: getattr(saved, part.name) for part in fields(saved) if part.name not in ("path", "job")
    }
    if given.get("optimizer", saved.optimizer) != saved.optimizer:
        kept = {name: value for name, value in kept.items() if name not in OF_THE_OPTIMIZER}
    if given.get("augment", saved.augment) != saved.augment:
        kept = {name: value for name, value in kept.items() if name not in OF_AUGMENTATION}
    if "class_weights" in given:
        del kept["weight_of_class"]
    if "options" in given:
        given = given | {"options": saved.options | given["options"]}
    return _complete(kept | _without_saved_steps(given), path or Path(saved.path))


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
    """The saved configuration with what is given of the fields that a resumed run may change.

    A length in epochs takes the place of one in steps, and the other way round.

    Raises:
        UserError: another setting is given and differs from the run's, or settings contradict each other.
    """
    given = given | ({"path": str(path)} if path else {})
    for name, value in given.items():
        if name not in MAY_CHANGE:
            _require_same(name, value, getattr(saved, name))
    changed = {name: value for name, value in given.items() if name in MAY_CHANGE}
    config = replace(saved, **_without_saved_steps(changed))
    _require_strategy_fits(config)
    return config


def _require_same(name: str, value, saved) -> None:
    if isinstance(value, dict):  # only what is given of it
        for part, its_value in value.items():
            _require_same(part, its_value, saved.get(part, "default"))
    elif value != saved:
        raise UserError(
            f"`{name}` {value} differs from the resumed run's {saved}; "
            "leave it out, or start a new run with `init_weights`"
        )


def to_json(config: Config) -> str:
    """The configuration as JSON text; the label set, some hundred numbers, is one line of it."""
    content = asdict(config) | {"options": to_record(config.model, config.options)}
    label_set = json.dumps(content.pop("label_set"))
    return json.dumps(content, indent=2).removesuffix("\n}") + f',\n  "label_set": {label_set}\n}}\n'


def read(path: Path) -> Config:
    """Read a `config.json`.

    Raises:
        UserError: missing, or not written by this version.
    """
    try:
        content = json.loads(path.read_text())
        for name in ("target_size", "crop", "scale", "weight_of_class"):
            if content.get(name) is not None:
                content[name] = tuple(content[name])
        content["options"] = of_record(content["model"], content.get("options", {}))
        content["rates"] = Rates(**content["rates"])
        content["stages"] = stages.from_json(content.get("stages", {}))
        content["label_set"] = label_sets.from_json(content.get("label_set"))
        return Config(**content)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; is this a run folder?") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is no run configuration of this version ({error})") from error
