"""Parts of a network, and stages of a run: what is trained when, and at which share of the learning rate.

A stage is a number of epochs in which some parts may be frozen and others have rates of their own. A frozen
layer keeps its weights, and its batch norm calculates with its moving statistics, as in inference.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError

if TYPE_CHECKING:
    from training.config_fields import Config  # which imports the names of this room

ENCODER, HEAD = "encoder", "head"  # a network's encoder, and all behind it


@dataclass(frozen=True)
class Stage:
    """Some epochs.

    Attributes:
        epochs: how many; 0 stands for the rest of the run, and only the last stage has it.
        frozen: parts that are not trained.
        rate: what the learning rate is multiplied by.
        rates: part -> what its rate is multiplied by as well.
    """

    epochs: int = 0
    frozen: tuple[str, ...] = ()
    rate: float = 1.0
    rates: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stages:
    """The stages of a run.

    Attributes:
        stages: one after the other.
        parts: part -> regular expression of the names of its layers; without any, encoder and head.
        decay: part -> what the weight decay is multiplied by.
        warmup: part -> epochs in which its rate rises from 0, at the start of the run.
    """

    stages: tuple[Stage, ...] = (Stage(),)
    parts: dict[str, str] = field(default_factory=dict)
    decay: dict[str, float] = field(default_factory=dict)
    warmup: dict[str, float] = field(default_factory=dict)

    def at(self, epoch: int) -> Stage:
        """The stage of an epoch, counted from 0."""
        for stage in self.stages:
            epoch -= stage.epochs
            if epoch < 0:
                return stage
        return self.stages[-1]

    def named(self) -> set[str]:
        """The parts that are spoken of."""
        spoken = {*self.decay, *self.warmup}
        return spoken.union(*({*stage.frozen, *stage.rates} for stage in self.stages))


def read(path: Path) -> Stages:
    """Stages from a TOML file, see docs/training.md.

    Raises:
        UserError: no such file, or something else in it.
    """
    try:
        content = tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"`stages` takes a TOML file; cannot read {path}: {error}") from error
    try:
        return from_json(content)
    except ValueError as error:
        raise UserError(f"{path} describes no stages: {error}; see docs/training.md") from error


def from_json(content: dict) -> Stages:
    """Stages from a dict, as `dataclasses.asdict` makes one; keys and values are checked.

    Raises:
        ValueError: something else; it names the key and what that takes.
    """
    _require_keys(Stages, content)
    tables = content.get("stages", [{}])
    if not isinstance(tables, list | tuple) or not tables:
        raise ValueError(f"'stages' takes tables [[stages]], not {tables!r}")
    stages = tuple(_stage(f"stage {number}: ", table) for number, table in enumerate(tables, start=1))
    if any(stage.epochs == 0 for stage in stages[:-1]):
        raise ValueError("each of [[stages]] but the last one needs its 'epochs', from 1 on")
    parts = _table(content, "parts", require=_require_pattern, kind="regular expressions")
    made = Stages(stages, parts, _table(content, "decay"), _table(content, "warmup"))
    known = made.parts or (ENCODER, HEAD)
    for name in sorted(made.named() - set(known)):
        raise ValueError(f"there is no part '{name}'; there are: {', '.join(known)}")
    return made


def _stage(where: str, content: dict) -> Stage:
    _require_keys(Stage, content, where)
    epochs, frozen, rate = content.get("epochs", 0), content.get("frozen", ()), content.get("rate", 1.0)
    if type(epochs) is not int or epochs < 0:
        raise ValueError(f"{where}'epochs' takes a whole number, not {epochs!r}")
    if not isinstance(frozen, list | tuple) or not all(isinstance(part, str) for part in frozen):
        raise ValueError(f"{where}'frozen' takes a list of parts such as [\"{ENCODER}\"], not {frozen!r}")
    _require_number(f"{where}'rate'", rate)
    return Stage(epochs, tuple(frozen), rate, _table(content, "rates", where))


def _require_number(name: str, value) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} takes a number of at least 0, not {value!r}")


def _require_pattern(name: str, value) -> None:
    wanted = f"{name} takes a regular expression of layers' names, not {value!r}"
    if not isinstance(value, str):
        raise ValueError(wanted)
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{wanted}: {error}") from error


def _table(content: dict, name: str, where: str = "", require=_require_number, kind: str = "numbers") -> dict:
    """What a key holds: values by parts, none where it is missing."""
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"{where}'{name}' takes a table of parts and their {kind}, not {found!r}")
    for part, value in found.items():
        require(f"{where}'{part}' of '{name}'", value)
    return dict(found)


def _require_keys(table: type, content: dict, where: str = "") -> None:
    known = [part.name for part in fields(table)]
    if not isinstance(content, dict):
        raise ValueError(f"{where}a table is needed, with {', '.join(known)}, not {content!r}")
    for name in content:
        if name not in known:
            raise ValueError(f"{where}'{name}' is not known here; there are: {', '.join(known)}")


def of(config: "Config") -> Stages:
    """The stages of a run: of a file, or those that `fine_tune` or `freeze_encoder` stand for.

    Raises:
        UserError: more than one of these.
    """
    asked = {
        "stages": config.stages != Stages(),
        "fine_tune": config.fine_tune,
        "freeze_encoder": config.freeze_encoder,
    }
    given = [f"`{name}`" for name, value in asked.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} say different things of the first epochs; leave one out")
    if epochs := config.fine_tune or config.freeze_encoder:
        rate = 0.5 if config.fine_tune else 1.0
        return replace(config.stages, stages=(Stage(epochs, (ENCODER,)), Stage(rate=rate)))
    return config.stages


def require_fitting(config: "Config", epochs: float) -> None:
    """Raise UserError if the last stage would begin when a run of so many epochs is over."""
    before = sum(stage.epochs for stage in of(config).stages[:-1])
    if before < epochs:
        return
    given = next((name for name in ("fine_tune", "freeze_encoder") if getattr(config, name)), None)
    what = f"`{given}` {before}" if given else f"`stages` takes {before} epochs before its last stage, which"
    raise UserError(f"{what} leaves nothing of the run's {epochs:g} epochs; shorten it or train longer")


def layers_of(model, stages: Stages) -> dict[str, list]:
    """The layers of each part of a model.

    Raises:
        UserError: a layer with weights to train is of no part, or of two.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if not stages.parts:
        encoder = set(model.about.encoder)
        if not encoder and ENCODER in stages.named():
            raise UserError(f"{model.name} has no encoder to treat apart; see `stages` for parts by layer")
        return {
            ENCODER: [layer for layer in layers if layer.name in encoder],
            HEAD: [layer for layer in layers if layer.name not in encoder],
        }
    found = {part: [] for part in stages.parts}
    for layer in layers:
        fitting = [part for part, pattern in stages.parts.items() if re.fullmatch(pattern, layer.name)]
        if len(fitting) != 1:
            of = f"of the parts {' and '.join(fitting)}" if fitting else "of no part"
            raise UserError(
                f"the layer '{layer.name}' of {model.name} is {of} of `stages`; correct their patterns"
            )
        found[fitting[0]].append(layer)
    return found


def freeze(model, stages: Stages, stage: Stage) -> None:
    """Have the layers of a stage's frozen parts not trained, and all others."""
    for part, layers in layers_of(model, stages).items():
        for layer in layers:
            layer.trainable = part not in stage.frozen


def factors(config: "Config", model, steps_per_epoch: int) -> tuple[dict[int, Callable], dict[int, float]]:
    """What rates and weight decay are multiplied by, of variables where that is not 1.

    Args:
        config: the run's.
        model: the run's.
        steps_per_epoch: of them `config.accumulate` make an update.

    Returns:
        (id of a variable -> function of the number of steps that gives the rate's factor, float32;
        id of a variable -> factor of the weight decay).

    Raises:
        UserError: the model has no such parts, or a stage trains none of them.
    """
    stages = of(config)
    if stages == Stages() and config.encoder_rate == config.head_rate == 1:
        return {}, {}
    own = {ENCODER: config.encoder_rate, HEAD: config.head_rate}
    if stages.parts and any(value != 1 for value in own.values()):
        raise UserError("`encoder_rate` and `head_rate` do not go with parts of `stages`; give `rates` there")
    of_encoder = {name: getattr(config, name) for name in ("fine_tune", "freeze_encoder")}
    of_encoder["encoder_rate"] = config.encoder_rate != 1
    for name, given in of_encoder.items():
        if given and not model.about.encoder:
            raise UserError(f"{model.name} has no encoder to treat apart; leave `{name}` out")
    found = layers_of(model, stages)
    _require_trained(model, stages, found)
    rates, decays = {}, {}
    for part, layers in found.items():
        factor = _factor(stages, part, own.get(part, 1.0), steps_per_epoch)
        for variable in (variable for layer in layers for variable in layer.trainable_variables):
            if factor:
                rates[id(variable)] = factor
            if part in stages.decay:
                decays[id(variable)] = stages.decay[part]
    return rates, decays


def _require_trained(model, stages: Stages, layers: dict[str, list]) -> None:
    """Raise UserError if a stage freezes all that is trained of a model whose layers are in these parts."""
    trained = {part for part, its in layers.items() if any(layer.trainable_variables for layer in its)}
    for number, stage in enumerate(stages.stages, start=1):
        if trained <= set(stage.frozen):
            raise UserError(
                f"stage {number} of `stages` freezes all of {model.name}; leave a part that it trains out of "
                f"'frozen': {', '.join(sorted(trained))}"
            )


def _factor(stages: Stages, part: str, own: float, steps_per_epoch: int) -> Callable | None:
    """The factor of a part's rate as a function of the step; None where it is always 1."""
    values = [own * stage.rate * stage.rates.get(part, 1.0) for stage in stages.stages]
    ends, epochs = [], 0
    for stage in stages.stages[:-1]:
        epochs += stage.epochs
        ends.append(epochs * steps_per_epoch)
    warmup = round(stages.warmup.get(part, 0) * steps_per_epoch)
    if not warmup and set(values) == {1.0}:
        return None

    def factor(step):
        import tensorflow as tf

        step = tf.cast(step, tf.float32)
        stage = tf.reduce_sum(tf.cast(step >= tf.constant(ends, tf.float32), tf.int32)) if ends else 0
        found = tf.constant(values, tf.float32)[stage]
        return found * tf.minimum((step + 1) / (warmup + 1), 1.0) if warmup else found

    return factor
