"""FTRL-Proximal for deep networks: initial weights count, and the rate may change."""

import keras
from keras import ops

INITIAL_ACCUMULATOR = 0.1  # as Keras's Ftrl and Adagrad
SMALLEST_RATE = 1e-12  # its inverse is stored; a schedule may touch 0


class FtrlProximal(keras.optimizers.Optimizer):
    """Follow the regularised leader (McMahan et al. 2013, "Ad click prediction", algorithm 1, no L1 or L2).

    With 1 / rate_t = sqrt(sum of squared gradients) / learning rate_t for each weight,

        z += g - (1 / rate_t - 1 / rate_{t-1}) w;    w = -z rate_t

    Keras's own starts from z = 0, which throws the initial weights away in its first step, and takes the
    learning rate for a constant: where that falls to zero, its weights do. This one starts from the z whose
    leader is the weights that it finds, and keeps 1 / rate_{t-1}. Without penalties its steps are Adagrad's.
    """

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.accumulators, self.linears, self.inverse_rates = self.add_optimizer_variables(
            variables,
            ["accumulator", "linear", "inverse_rate"],
            [keras.initializers.Constant(INITIAL_ACCUMULATOR), "zeros", "zeros"],
        )

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        accumulator, linear = self.accumulators[index], self.linears[index]
        previous = self.inverse_rates[index]
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.maximum(ops.cast(learning_rate, variable.dtype), SMALLEST_RATE)
        self.assign_add(accumulator, ops.square(gradient))
        inverse = ops.sqrt(accumulator) / rate
        # Before the first step `previous` and `linear` are 0, and z becomes g - inverse * w, as it should.
        self.assign(linear, linear + gradient - (inverse - previous) * variable)
        self.assign(variable, -linear / inverse)
        self.assign(previous, inverse)
