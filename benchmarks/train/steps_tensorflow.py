"""The suite's own training step, compiled, and its parts by the same loss."""

import tensorflow as tf

from benchmarks.train.steps import Steps
from training.steps import step


def compiled(model, optimizer, images, labels, gpu: bool) -> Steps:
    """See `benchmarks.train.steps.compiled`."""
    batch = tf.constant(images), tf.constant(labels)

    def complete(function):
        def call():
            loss = first(function(*batch))
            tf.test.experimental.sync_devices()  # the update may still run when the loss is there
            return float(loss)

        return call

    return Steps(*map(complete, functions(model, optimizer, gpu)))


def functions(model, optimizer, jit: bool) -> tuple:
    """The loss alone, loss and gradients, and the whole step, of (images, labels), not waited for."""
    network, loss_of = step.loss_head(model)
    whole = step.training_step(model, optimizer, jit)

    @tf.function(autograph=False, jit_compile=jit)
    def forward(images, labels):
        return loss_of(network(images, training=True), labels)

    @tf.function(autograph=False, jit_compile=jit)
    def gradients(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(network(images, training=True), labels)
            scaled = optimizer.scale_loss(loss)
        return loss, tape.gradient(scaled, network.trainable_variables)

    return forward, gradients, whole


def first(result) -> tf.Tensor:
    """The loss of what any of the functions returned."""
    return tf.nest.flatten(result)[0]
