"""Trains a small network with every optimizer, alone and as two replicas, and writes what each ends with.

    python optimizers_of_replicas.py FILE

FILE, an .npz, gets the optimizer's variables and the weights by "OPTIMIZER/alone|replica N/NUMBER".
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from replicas import split_cpu
from training import config
from training.optimization import optimizers
from training.optimization.rates import Rates
from training.ranks import distributed
from training.ranks.ranks import ALONE
from training.steps.step import training_step

STEPS, CLASSES = 5, 3


def network() -> keras.Model:
    """[B, 4, 4, 3] -> logits of the same size."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((4, 4, 3))
    hidden = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(pixels)
    return keras.Model(pixels, keras.layers.Conv2D(CLASSES, 1, name="logits")(hidden))


def train(name: str, ranks) -> list[list[np.ndarray]]:
    """The variables after some steps on the same four images a step, of each GPU."""
    rates = Rates("constant", 0.01, warmup_epochs=0, scaling="none")
    given = {"model": "fastscnn", "optimizer": name, "rates": rates, "weight_decay": 0.1, "ema": 0.9}
    given |= {"clip_norm": 0.5, "epochs": 1}
    with ranks.scope():
        model = network()
        optimizer = optimizers.build(config.new(given, "nowhere"), STEPS, model, ranks)
    step = training_step(model, optimizer, jit=False, ranks=ranks)
    random = np.random.default_rng(0)
    for _ in range(STEPS):
        images = random.normal(0, 1, (4, 4, 4, 3)).astype("float32")
        labels = random.integers(0, CLASSES, (4, 4, 4)).astype("uint8")
        step(tf.constant(images), tf.constant(labels))
    variables = [ranks.parts(variable.value) for variable in [*model.weights, *optimizer.variables]]
    return [[copies[here].numpy() for copies in variables] for here in range(ranks.gpus_here)]


def main():
    split_cpu(2)
    arrays = {}
    for name in optimizers.STEPS:
        (alone,) = train(name, ALONE)
        replicas = train(name, distributed.start(strategy="mirrored"))
        for kind, found in {"alone": alone, "replica 0": replicas[0], "replica 1": replicas[1]}.items():
            arrays |= {f"{name}/{kind}/{i}": array for i, array in enumerate(found)}
    np.savez(sys.argv[1], **arrays)


if __name__ == "__main__":
    main()
