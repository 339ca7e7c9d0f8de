"""A process of several, started by a launcher: trains a few steps of each case, and writes what it ends with.

    horovodrun -np 2 python steps_of_ranks.py FOLDER '{"case": {...}}'

Each case is the fields of a `training.config.Config` that differ from the plain ones; "norms" false keeps
batch norm from normalising by the batch, and "rate" is a constant one whatever the number of ranks. Every
rank sees pictures of its own; FOLDER/case.RANK.npz gets all weights and the optimizer's variables, and the
losses.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import models
from networks import calibrate
from networks import pictures as blocks
from training import config, distributed, optimizers, seeds
from training.losses import total
from training.rates import Rates
from training.step import training_step

STEPS = 20


def train(given: dict, ranks) -> dict:
    """Arrays by name after `STEPS` steps."""
    size, batch, norms = given.pop("target_size"), given.pop("batch"), given.pop("norms", True)
    if rate := given.pop("rate", None):
        given["rates"] = Rates("constant", rate, warmup_epochs=0, scaling="none")
    settings = config.new({**given, "epochs": 1, "target_size": size, "batch": batch}, "nowhere")
    keras.utils.set_random_seed(ranks.rank)  # all have to start as the first rank does
    model = models.build(settings.model, (*size, 3), 19, settings.precision, **settings.options)
    calibrate(model, blocks(4, size))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = norms
    optimizer = optimizers.build(settings, STEPS, model, ranks)
    ranks.broadcast([*model.variables, *optimizer.variables])
    seeds.spread(model, ranks.rank)
    step = training_step(model, optimizer, jit=False, loss=total.build(settings), ranks=ranks)
    losses = [float(step(*pictures(number, batch, size, ranks))) for number in range(STEPS)]
    arrays = {f"weight/{weight.path}": weight.numpy() for weight in model.weights}
    arrays |= {
        f"optimizer/{i}": variable.numpy()
        for i, variable in enumerate(optimizer.variables)
        if "accumul" not in variable.path  # a rank's own part of an update that is still to come
    }
    return arrays | {"losses": np.array(losses)}


def pictures(number: int, batch: int, size, ranks):
    """This rank's part of a global batch, which is the same however many share it."""
    random = np.random.default_rng(number)
    count = batch * ranks.size
    images = random.integers(0, 256, (count, *size, 3), np.uint8)
    labels = random.integers(0, 19, (count, *size)).astype(np.uint8)
    labels[random.random(labels.shape) < random.random((count, 1, 1))] = 255  # unevenly many ignored
    mine = slice(ranks.rank * batch, (ranks.rank + 1) * batch)
    return tf.constant(images[mine]), tf.constant(labels[mine])


def main():
    folder, cases = Path(sys.argv[1]), json.loads(sys.argv[2])
    ranks = distributed.start()
    for name, given in cases.items():
        np.savez(folder / f"{name}.{ranks.rank}.npz", **train(given, ranks))


if __name__ == "__main__":
    main()
