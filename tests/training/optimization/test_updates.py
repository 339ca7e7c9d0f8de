"""SGD and Adam against Keras's own, to the bit, and how many operations their graphs take."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.optimization import updates

SHAPES = ((3, 3, 5, 7), (7,), (1000,))
KINDS = {
    "sgd": ("SGD", {"learning_rate": 0.1}),
    "momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"learning_rate": 0.003}),
    "adamw": ("AdamW", {"learning_rate": 0.003, "weight_decay": 0.01}),
}


def compiled(optimizer):
    """(variables, the optimizer's update of them as a graph)."""
    random = np.random.default_rng(0)
    variables = [keras.Variable(random.normal(0, 1, shape).astype("float32")) for shape in SHAPES]
    optimizer.build(variables)
    signature = [tf.TensorSpec(shape) for shape in SHAPES]

    @tf.function(input_signature=[signature], autograph=False)
    def update(gradients):
        optimizer.apply(gradients, variables)

    return variables, update


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_keras_own(kind):
    name, options = KINDS[kind]
    results = []
    for module in (updates, keras.optimizers):
        optimizer = getattr(module, name)(**options)
        variables, update = compiled(optimizer)
        random = np.random.default_rng(1)
        for _ in range(5):
            update([tf.constant(random.normal(0, 1, shape), tf.float32) for shape in SHAPES])
        results.append([value.numpy() for value in [*variables, *optimizer.variables]])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind, most", [("momentum", 5), ("nesterov", 5), ("adam", 25)])
def test_a_variable_takes_few_operations(kind, most):
    name, options = KINDS[kind]
    _, update = compiled(getattr(updates, name)(**options))
    operations = len(update.get_concrete_function().graph.get_operations())
    assert operations <= most * len(SHAPES) + 40
