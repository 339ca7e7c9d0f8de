"""Optimizers: Keras's steps, with a penalty on the kernels alone and an average of the weights."""

from typing import TYPE_CHECKING

import keras

from training.optimization import extensions, schedules, stages, updates
from training.optimization.updates import FtrlProximal
from training.ranks.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from training.config_fields import Config  # which imports the names of this room

# name on the command line -> class and options
STEPS = {
    "adadelta": (keras.optimizers.Adadelta, {}),
    "adagrad": (keras.optimizers.Adagrad, {}),
    "adam": (updates.Adam, {}),
    "adamax": (keras.optimizers.Adamax, {}),
    "adamw": (updates.AdamW, {}),
    "ftrl": (FtrlProximal, {}),
    "nadam": (keras.optimizers.Nadam, {}),
    "rmsprop": (keras.optimizers.RMSprop, {}),
    "sgd": (updates.SGD, {}),
    "sgd_nesterov": (updates.SGD, {"nesterov": True}),
}


def build(config: "Config", steps_per_epoch: int, model: keras.Model, ranks: Ranks = ALONE):
    """The optimizer of a run, with the run's schedule; see `with_schedule`.

    Raises:
        UserError: the run is too short for its warm-up or its stages, or the model has not their parts.
    """
    steps = config.length(steps_per_epoch)
    stages.require_fitting(config, steps / steps_per_epoch)
    schedule = schedules.build(config.rates, steps_per_epoch, steps, ranks.gpus)
    return with_schedule(config, schedule, model, ranks, steps_per_epoch)


def with_schedule(
    config: "Config", schedule, model: keras.Model, ranks: Ranks = ALONE, steps_per_epoch: int = 1
) -> keras.optimizers.Optimizer:
    """An optimizer, its variables made for the model's.

    One update, of `config.accumulate` steps, goes: mean of the steps' gradients, summed over the ranks (of a
    single step `training.steps.step` has done that already), clipped to the global norm
    `clip_norm`, plus the gradient of the penalty, then the named step. The penalty is weight_decay / 2 times
    the sum of squared kernels, as in the papers whose 4e-5 it is; adamw shrinks the kernels by rate *
    weight_decay instead (arXiv 1711.05101). `penalised` says which kernels.

    Under float16 it comes wrapped in Keras's dynamic loss scaling, which skips a step whose gradients are
    not finite before any of this.

    Rates and weight decay of parts of the model are multiplied by what `training.optimization.stages` says,
    whose epochs have `steps_per_epoch` steps.
    """
    base, options = STEPS[config.optimizer]
    options = {**options, "learning_rate": schedule}
    if config.momentum:
        options["momentum"] = config.momentum
    if config.clip_norm:
        options["global_clipnorm"] = config.clip_norm
    if config.accumulate > 1:
        options["gradient_accumulation_steps"] = config.accumulate
    kernels, factors = penalised(model), stages.factors(config, model, steps_per_epoch)
    decoupled = config.optimizer == "adamw"
    penalty = 0.0 if decoupled else config.weight_decay
    parts = [extensions.of_parts(kernels, penalty, *factors), extensions.summed_over(ranks)]
    if config.ema:
        parts.insert(0, extensions.averaging(model, config.ema))
    if decoupled:
        options["weight_decay"] = config.weight_decay
    optimizer = extensions.extended(base, *parts)(**options)
    if decoupled:
        chosen = {id(kernel) for kernel in kernels}
        optimizer.exclude_from_weight_decay([v for v in model.trainable_variables if id(v) not in chosen])
    # built before it is wrapped: the wrapper's build hides a variable of Nadam's from `variables`
    optimizer.build(model.trainable_variables)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    return optimizer


def penalised(model: keras.Model) -> list:
    """The trainable kernels, but no biases, nothing of batch norm, and no depthwise kernels.

    They are found however deep they lie in models and layers. A depthwise kernel has nine weights a channel,
    which a penalty starves (MobileNet, arXiv 1704.04861, section 3.2; Fast-SCNN, section 4.1).
    """
    layers = model._flatten_layers()  # Keras's public `layers` leaves out those that a layer owns
    depthwise = {id(layer.kernel) for layer in layers if isinstance(layer, keras.layers.DepthwiseConv2D)}
    return [
        variable
        for variable in model.trainable_variables
        if variable.name.endswith("kernel")
        and variable.name != "depthwise_kernel"
        and id(variable) not in depthwise
    ]


def inner(optimizer):
    """The optimizer itself, without loss scaling."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def steps_to_update(optimizer) -> int:
    """Steps whose gradients are accumulated for an update."""
    return inner(optimizer).gradient_accumulation_steps or 1


def amid_update(optimizer) -> bool:
    """Whether there are accumulated gradients that no update has used yet."""
    return bool(int(inner(optimizer)._iterations) % steps_to_update(optimizer))


def hand_accumulated_to_first(optimizer, ranks: Ranks) -> None:
    """Leave all ranks' accumulated gradients with the first one, whose state is saved; their sum stays."""
    accumulated = _accumulated(optimizer)
    for own, total in zip(accumulated, ranks.sums([variable.value for variable in accumulated])):
        own.assign(total)
    leave_accumulated_to_first(optimizer, ranks)


def leave_accumulated_to_first(optimizer, ranks: Ranks) -> None:
    """Forget what has been accumulated, but on the first rank."""
    if not ranks.first:
        for own in _accumulated(optimizer):
            own.assign(keras.ops.zeros_like(own))


def _accumulated(optimizer) -> list:
    return getattr(inner(optimizer), "_accumulated_gradients", [])


def set_steps(optimizer, steps: int) -> None:
    """Have schedules go on as if about so many steps were done; what is accumulated stays."""
    done, to_update = inner(optimizer)._iterations, steps_to_update(optimizer)
    done.assign(steps // to_update * to_update + done % to_update)


def learning_rate(optimizer) -> float:
    """The rate that the next step will use."""
    return float(inner(optimizer).learning_rate)
