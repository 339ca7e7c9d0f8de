"""What a model is trained with where the command line says nothing."""

from dataclasses import dataclass

from common.errors import UserError
from models import registry
from training.optimization.rates import Rates

# name on the command line -> learning rate that the optimizer's paper, or Keras, starts from
OPTIMIZERS = {
    "adadelta": 1.0,  # arXiv 1212.5701 has no rate, which is a rate of 1
    "adagrad": 0.01,
    "adam": 0.001,  # arXiv 1412.6980
    "adamax": 0.002,  # arXiv 1412.6980, section 7.1
    "adamw": 0.001,  # arXiv 1711.05101
    "ftrl": 0.01,  # without penalties its steps are Adagrad's
    "nadam": 0.002,  # Dozat 2016
    "rmsprop": 0.001,
    "sgd": 0.01,  # where the model's recipe has none for SGD
    "sgd_nesterov": 0.01,
}
FOUND = tuple(name for name in OPTIMIZERS if name != "adamw")  # by the finder; adamw steps as adam does
FINDER_BOUNDS = (1e-6, 10.0)  # of its sweep
WITH_MOMENTUM = ("rmsprop", "sgd", "sgd_nesterov")
WEIGHT_DECAY = 4e-5  # of Fast-SCNN and MobileNet, as an L2 penalty
DECOUPLED_WEIGHT_DECAY = 0.01  # of adamw, which shrinks by rate * decay: 4e-5 would do nothing


@dataclass(frozen=True)
class Recipe:
    """An optimizer with its rates and momentum."""

    rates: Rates
    optimizer: str = "sgd"
    momentum: float = 0.9


def recipe(model: str, optimizer: str | None = None) -> Recipe:
    """The model's recipe; with another kind of optimizer, that optimizer's usual rate instead."""
    found = registry.architecture(model).recipe
    own = Recipe(Rates(found.schedule, found.learning_rate), found.optimizer, found.momentum)
    if optimizer in (None, own.optimizer):
        return own
    if is_sgd(optimizer) and is_sgd(own.optimizer):
        return Recipe(own.rates, optimizer, own.momentum)
    momentum = Recipe.momentum if is_sgd(optimizer) else 0.0
    return Recipe(Rates("polynomial", OPTIMIZERS[optimizer]), optimizer, momentum)


def is_sgd(optimizer: str) -> bool:
    """Whether it is plain SGD, with or without Nesterov's momentum."""
    return optimizer in ("sgd", "sgd_nesterov")


def weight_decay(optimizer: str) -> float:
    """The default strength."""
    return DECOUPLED_WEIGHT_DECAY if optimizer == "adamw" else WEIGHT_DECAY


def require_momentum_fits(optimizer: str, momentum: float | None) -> None:
    """Raise UserError if a momentum is given that the optimizer has no place for."""
    if momentum and optimizer not in WITH_MOMENTUM:
        raise UserError(f"{optimizer} takes no `momentum`, only {', '.join(WITH_MOMENTUM)} do; leave it out")
