"""What optimizers do here beside Keras's step, each as a class to stand before Keras's in the order of bases.

They are made for one model: an object of Keras takes variables among its attributes for its own, so that what
they know of the model's variables is held outside.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from training.optimization import updates
from training.ranks.ranks import Ranks


def extended(base: type, *extensions: type) -> type:
    """An optimizer class with the name of `base`, which saved states have in them."""
    return type(base.__name__, (*extensions, base), {})


def summed_over(ranks: Ranks) -> type:
    """Gradients of an accumulation are summed over the ranks when they are used, once for all the steps."""

    class Summed:
        def _clip_gradients(self, gradients):
            # all that Keras does with the mean of accumulated gradients before it uses them
            if self.gradient_accumulation_steps:
                gradients = ranks.sum_gradients(gradients)
            return super()._clip_gradients(gradients)

        def _all_reduce_sum_gradients(self, grads_and_vars):
            return grads_and_vars  # they are sums over all replicas already, as a norm is taken of sums

    return Summed


def of_parts(kernels: list, penalty: float, of_rates: dict, of_decay: dict) -> type:
    """A penalty on `kernels`, and factors of the rates and the weight decay of each variable.

    Args:
        kernels: variables.
        penalty: times a kernel, added to its gradient.
        of_rates, of_decay: see `stages.factors`, which counts steps as schedules do. Keras's `iterations` are
            updates, of which an accumulation has one in several steps.
    """
    chosen = {id(kernel) for kernel in kernels}

    class OfParts:
        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.decays = [of_decay.get(id(variable), 1.0) for variable in variables]
            self.penalties = [
                penalty * decay if id(variable) in chosen else 0.0
                for variable, decay in zip(variables, self.decays)
            ]
            self.rate_factors = [of_rates.get(id(variable)) for variable in variables]

        def update_step(self, gradient, variable, learning_rate):
            index = self._get_variable_index(variable)
            if self.penalties[index]:
                gradient = gradient + self.penalties[index] * variable
            if factor := self.rate_factors[index]:
                learning_rate = updates.scaled(learning_rate, factor(self._iterations))
            super().update_step(gradient, variable, learning_rate)

        def _apply_weight_decay(self, variables):
            if not (of_rates or of_decay) or not self.weight_decay:
                super()._apply_weight_decay(variables)
                return
            whole = self.weight_decay
            for variable in variables:  # Keras's takes one number for all
                index = self._get_variable_index(variable)
                factor = self.rate_factors[index]
                self.weight_decay = whole * self.decays[index] * (factor(self._iterations) if factor else 1.0)
                super()._apply_weight_decay([variable])
            self.weight_decay = whole

    return OfParts


def averaging(model: keras.Model, ema: float) -> type:
    """The average of all the model's weights, batch norm's statistics included, as `averages`.

    It moves at each update by a share of 1 - min(ema, (n - 1) / (n + 9)) at the n-th: it starts as the
    weights and follows them more and more slowly. Keras's own averages trainable weights alone, and moves at
    every step of an accumulation too.

    Batch norm's moving statistics are averages themselves, of about the last ten batches. The average of them
    would belong to older weights than the average of the weights does, so what it follows are the statistics
    of the batches since the last update, see `of_batches`.
    """
    averaged, statistics = model.weights, moving_statistics(model)
    followed = [weight for weight in averaged if id(weight) in statistics]
    sizes = [weight.shape[0] for weight in followed]

    class Averaging:
        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.averages = self.add_optimizer_variables(averaged, "average")
            self.moved = self.add_optimizer_variables(followed, "moved")  # the statistics at the last update

        def apply(self, grads, trainable_variables=None):
            before = ops.cast(self.iterations, "float32")
            super().apply(grads, trainable_variables)
            self._follow(ops.cast(self.iterations, "float32"), before)

        def _follow(self, count, before):
            updated = count - before  # 0 in the midst of an accumulation
            share = updated * (1 - ops.minimum(ema, (count - 1) / (count + 9)))
            of_statistics = []
            for average, weight in zip(self.averages, averaged):
                if id(weight) in statistics:
                    of_statistics.append(average)
                else:
                    updates.move(average.value, updates.read(weight.value), share)
            if followed:
                self._follow_statistics(of_statistics, count, updated, share)

        def _follow_statistics(self, averages, count, updated, share):
            """All of them side by side [C]: a handful of operations instead of a dozen for each."""
            steps = self.gradient_accumulation_steps or 1
            momentum, least = np.repeat([statistics[id(weight)] for weight in followed], sizes, 0).T
            now, last = updates.joined(followed), updates.joined(self.moved)
            of_these = of_batches(now, last, momentum**steps, least)
            value = ops.where(count > 1, of_these, now)  # nothing is known of the time before the first
            average = updates.joined(averages)
            updates.assign_joined(averages, average + share * (value - average), sizes)
            updates.assign_joined(self.moved, last + updated * (now - last), sizes)

    return Averaging


def moving_statistics(model: keras.Model) -> dict[int, tuple[float, float]]:
    """Id of a moving mean or variance -> its layer's momentum, and the least value that it can have."""
    norms = [one for one in model._flatten_layers() if isinstance(one, keras.layers.BatchNormalization)]
    means = {id(norm.moving_mean): (norm.momentum, -math.inf) for norm in norms}
    return means | {id(norm.moving_variance): (norm.momentum, 0.0) for norm in norms}


def of_batches(moving: tf.Tensor, before: tf.Tensor, momentum: np.ndarray, least: np.ndarray) -> tf.Tensor:
    """What batches had, m -> momentum * m + (1 - momentum) * batch being how moving statistics [C] move.

    Args:
        moving: the statistics, which moved from `before`.
        momentum: of all that time.
        least: rounding, or a step that float16's loss scaling skipped, must not bring them lower.
    """
    factor = np.float32(momentum / (1 - momentum))
    return tf.maximum(moving + factor * (moving - before), np.float32(least))
