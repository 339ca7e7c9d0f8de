"""What a model is trained with where the command line says nothing."""

from dataclasses import dataclass

from common.errors import UserError
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


# model -> its paper's recipe where there is one
RECIPES = {
    "bayes_segnet": Recipe(Rates("polynomial", 0.1)),  # best of 0.001, 0.01, 0.1 on a small town
    "deeplabv3+": Recipe(Rates("polynomial", 0.007)),  # arXiv 1802.02611, section 4
    "fastscnn": Recipe(Rates("polynomial", 0.045)),  # arXiv 1902.04502, section 4.1
    # No paper. On a made-up town both variants learn most at 0.05, of 0.003, 0.05 and 0.1; at 0.003 the
    # original has barely begun when the run ends. Its published weights were written at a rate of 0.046.
    # After 160 steps Nesterov's momentum has a loss of 1.59 on validation images, plain momentum 1.64.
    "separable_unet": Recipe(Rates("polynomial", 0.05), "sgd_nesterov"),
    # The paper's SGD is for batches of one image. The finder's minimum / 10 for Adam is 0.0026 at a width
    # of 32 on a made-up town; there 96 steps at 0.003 end with less loss than at 0.01 or 0.001. (A width of
    # 8 bears 0.01: the wider, the lower.)
    "unet": Recipe(Rates("polynomial", 0.003), "adam", 0.0),
}


def recipe(model: str, optimizer: str | None = None) -> Recipe:
    """The model's recipe; with another kind of optimizer, that optimizer's usual rate instead."""
    own = RECIPES[model]
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
