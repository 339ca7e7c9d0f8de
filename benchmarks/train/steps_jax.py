"""A training step by `jax.jit`, which takes the state's buffers over, and its parts."""

import jax
import jax.numpy as jnp
import keras

from benchmarks.train.steps import Steps
from data.label_sets import IGNORED


def compiled(model, optimizer, images, labels, gpu: bool) -> Steps:
    """See `benchmarks.train.steps.compiled`; all of JAX is XLA, on every device."""
    batch = jax.device_put((images, labels))
    state = jax.device_put(
        tuple(
            # copies: donated buffers are gone, and the model's own stay its own
            [jnp.array(variable.value) for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        )
    )

    def loss_of(trained, others, inner, images, labels):
        logits, others = model.stateless_call(trained, others, images, training=True)
        loss = cross_entropy(logits, labels)
        with keras.StatelessScope(state_mapping=list(zip(optimizer.variables, inner))):
            return optimizer.scale_loss(loss), (loss, others)

    differentiated = jax.value_and_grad(loss_of, has_aux=True)

    @jax.jit
    def forward(state, images, labels):
        return loss_of(*state, images, labels)[1]

    @jax.jit
    def gradients(state, images, labels):
        (_, (loss, others)), found = differentiated(*state, images, labels)
        return loss, others, found

    def update(state, images, labels):
        trained, _, inner = state
        (_, (loss, others)), found = differentiated(*state, images, labels)
        trained, inner = optimizer.stateless_apply(inner, found, trained)
        return loss, (trained, others, inner)

    update = jax.jit(update, donate_argnums=0)

    def step():
        nonlocal state
        loss, state = jax.block_until_ready(update(state, *batch))
        return float(loss)

    return Steps(
        lambda: float(jax.block_until_ready(forward(state, *batch))[0]),
        lambda: float(jax.block_until_ready(gradients(state, *batch))[0]),
        step,
    )


def cross_entropy(logits, labels):
    """Mean cross-entropy over labelled pixels of logits [B, H, W, C] and labels [B, H, W], float32."""
    labelled = labels != IGNORED
    classes = jnp.where(labelled, labels, 0).astype(jnp.int32)
    of_class = jnp.take_along_axis(logits, classes[..., None], axis=-1)[..., 0]
    losses = jnp.where(labelled, jax.nn.logsumexp(logits, axis=-1) - of_class, 0.0)
    return losses.sum() / jnp.maximum(labelled.sum(), 1)
