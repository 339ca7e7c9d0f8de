"""The optimizer and its learning-rate schedule."""

import keras

from training.config import Config, Rates


def schedule(rates: Rates, steps: int):
    """The learning rate as a function of the step, or a number.

    polynomial: minimum + (maximum - minimum) * (1 - step / steps) ** power.
    """
    if rates.schedule == "constant":
        return rates.maximum
    return keras.optimizers.schedules.PolynomialDecay(rates.maximum, steps, rates.minimum, rates.power)


def build(config: Config, steps: int, model: keras.Model) -> keras.optimizers.Optimizer:
    """SGD with momentum for a run of `steps` steps, its variables made for the model's.

    Under float16 it comes wrapped in Keras's dynamic loss scaling.
    """
    optimizer = keras.optimizers.SGD(schedule(config.rates, steps), momentum=config.momentum)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def learning_rate(optimizer) -> float:
    """The rate that the next step will use."""
    return float(getattr(optimizer, "inner_optimizer", optimizer).learning_rate)
