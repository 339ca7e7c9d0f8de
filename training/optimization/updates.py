"""Keras's SGD and Adam in fewer operations, so that a graph of them is sooner made and started.

Keras traces each variable's update by itself, with the update's scalars anew and a chain of operations on
each. Here the scalars are made once. The numbers are Keras's, bit for bit on a CPU.

Most operations are TensorFlow's raw ones: what its and Keras's functions do around each of them takes longer
than to add it to a graph.
"""

import keras
import tensorflow as tf
from keras import ops
from tensorflow import raw_ops


def read(variable: tf.Variable) -> tf.Tensor:
    """What a variable is now."""
    return raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)


def move(variable: tf.Variable, value: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Move a variable by a share of its way to a value; returns what it is then."""
    before = read(variable)
    after = raw_ops.AddV2(x=before, y=raw_ops.Mul(x=raw_ops.Sub(x=value, y=before), y=share))
    raw_ops.AssignVariableOp(resource=variable.handle, value=after)
    return after


def joined(variables: list) -> tf.Tensor:
    """The values of Keras's variables [C], one after the other."""
    return tf.concat([read(one.value) for one in variables], 0)


def assign_joined(variables: list, values: tf.Tensor, sizes: list[int]) -> None:
    """The inverse of `joined`, for variables of these sizes."""
    for variable, value in zip(variables, tf.split(values, sizes)):
        raw_ops.AssignVariableOp(resource=variable.value.handle, value=value)


class SharedScalars:
    """An optimizer whose `update_step` gets `scalars(learning_rate)` in the place of the learning rate.

    They pass through Keras as an argument, because `tf.distribute` makes them each replica's own there.
    """

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        super()._backend_update_step(grads, trainable_variables, self.scalars(learning_rate))


def scaled(rate, factor):
    """What an `update_step` gets for its rate, times a factor; of shared scalars the first is the rate."""
    return (rate[0] * factor, *rate[1:]) if isinstance(rate, tuple) else rate * factor


class SGD(SharedScalars, keras.optimizers.SGD):
    """Keras's SGD by TensorFlow's own kernel, one operation a variable.

    Gradients that are clipped or accumulated come multiplied by a factor. TensorFlow joins it with the rate
    before it multiplies, if it sees both, which rounds differently: those take Keras's operations as ever.
    """

    def scalars(self, learning_rate):
        return tf.cast(learning_rate, tf.float32), tf.constant(self.momentum)

    def update_step(self, gradient, variable, scalars):
        rate, momentum = scalars
        if self.global_clipnorm or self.gradient_accumulation_steps:
            super().update_step(gradient, variable, rate)
            return
        if not self.momentum:
            raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            return
        velocity = self.momentums[self._get_variable_index(variable)].value
        raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=velocity.handle,
            lr=rate,
            grad=gradient,
            momentum=momentum,
            use_nesterov=self.nesterov,
        )


class _SharedAdam(SharedScalars):
    """The update of Adam and AdamW, whose decay Keras applies before."""

    def scalars(self, learning_rate):
        step = tf.cast(self.iterations + 1, tf.float32)
        first, second = (1 - tf.pow(tf.constant(beta), step) for beta in (self.beta_1, self.beta_2))
        rate = tf.cast(learning_rate, tf.float32) * tf.sqrt(second) / first
        return rate, *map(tf.constant, (1 - self.beta_1, 1 - self.beta_2, self.epsilon))

    def update_step(self, gradient, variable, scalars):
        rate, of_gradient, of_square, epsilon = scalars
        index = self._get_variable_index(variable)
        mean = move(self._momentums[index].value, gradient, of_gradient)
        square = move(self._velocities[index].value, raw_ops.Square(x=gradient), of_square)
        step = raw_ops.RealDiv(
            x=raw_ops.Mul(x=mean, y=rate), y=raw_ops.AddV2(x=raw_ops.Sqrt(x=square), y=epsilon)
        )
        raw_ops.AssignSubVariableOp(resource=variable.handle, value=step)


class Adam(_SharedAdam, keras.optimizers.Adam):
    """Keras's Adam."""


class AdamW(_SharedAdam, keras.optimizers.AdamW):
    """Keras's AdamW."""


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
