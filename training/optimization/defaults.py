"""What optimizers start from where neither a recipe nor the command line says anything."""

from common.errors import UserError

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
    "sgd": 0.01,  # where the model's recipe has another kind of optimizer
    "sgd_nesterov": 0.01,
}
FOUND = tuple(name for name in OPTIMIZERS if name != "adamw")  # by the finder; adamw steps as adam does
FINDER_BOUNDS = (1e-6, 10.0)  # of its sweep
WITH_MOMENTUM = ("rmsprop", "sgd", "sgd_nesterov")
WEIGHT_DECAY = 4e-5  # of Fast-SCNN and MobileNet, as an L2 penalty
DECOUPLED_WEIGHT_DECAY = 0.01  # of adamw, which shrinks by rate * decay: 4e-5 would do nothing


def is_sgd(optimizer: str) -> bool:
    """Whether it is plain SGD, with or without Nesterov's momentum."""
    return optimizer in ("sgd", "sgd_nesterov")


def momentum(optimizer: str) -> float:
    """The usual one, 0 where it has none or is rarely used."""
    return 0.9 if is_sgd(optimizer) else 0.0


def weight_decay(optimizer: str) -> float:
    """The usual strength."""
    return DECOUPLED_WEIGHT_DECAY if optimizer == "adamw" else WEIGHT_DECAY


def require_momentum_fits(optimizer: str, momentum: float | None) -> None:
    """Raise UserError if a momentum is given that the optimizer has no place for."""
    if momentum and optimizer not in WITH_MOMENTUM:
        raise UserError(f"{optimizer} takes no `momentum`, only {', '.join(WITH_MOMENTUM)} do; leave it out")
