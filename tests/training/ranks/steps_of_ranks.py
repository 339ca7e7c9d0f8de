"""Trains a few steps of each case on several GPUs or what stands for them, and writes what each ends with.

    horovodrun -np 2 python steps_of_ranks.py FOLDER '{"case": {...}}'        a process of several
    python steps_of_ranks.py FOLDER '{"case": {...}}' --replicas 2            two replicas in one process

Each case is the fields of a `training.config.Config` that differ from the plain ones; "norms" false keeps
batch norm from normalising by the batch, "together" has it normalise by all ranks' images, "rate" is a
constant one whatever the number of ranks, and "scale" the first loss scale. Every rank or replica sees images
of its own; FOLDER/case.NUMBER.npz gets all weights and the optimizer's variables, the states of dropout's
generators, and the losses.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import models
import toy
from networks import calibrate
from networks import random_images as blocks
from replicas import split_cpu
from training import config
from training.losses import total
from training.optimization import optimizers
from training.optimization.rates import Rates
from training.ranks import distributed, seeds
from training.steps.step import training_step

STEPS = 20


def train(given: dict, ranks) -> list[dict]:
    """Arrays by name after `STEPS` steps, of each of this process's GPUs."""
    size, batch, norms = given.pop("target_size"), given.pop("batch"), given.pop("norms", True)
    together = given.pop("together", False)
    scale = given.pop("scale", None)
    if rate := given.pop("rate", None):
        given["rates"] = Rates("constant", rate, warmup_epochs=0, scaling="none")
    settings = config.new({**given, "epochs": 1, "target_size": size, "batch": batch}, "nowhere")
    keras.utils.set_random_seed(ranks.rank)  # all have to start as the first rank does
    with ranks.scope():
        model = models.build(settings.model, (*size, 3), 19, settings.precision, **settings.options)
    calibrate(model, blocks(4, size))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = norms
    with ranks.scope():
        optimizer = optimizers.build(settings, STEPS, model, ranks)
    if scale:
        optimizer.dynamic_scale.assign(scale)
    ranks.broadcast([*model.variables, *optimizer.variables])
    seeds.spread(model, ranks)
    options = {"loss": total.build(settings), "ranks": ranks, "synchronize": together}
    step = training_step(model, optimizer, jit=False, remat=settings.remat, **options)
    losses = [float(step(*batch_of(number, batch, size, ranks))) for number in range(STEPS)]
    kept = {f"weight/{weight.path}": weight for weight in model.weights}
    kept |= {
        f"optimizer/{i}": variable
        for i, variable in enumerate(optimizer.variables)
        if "accumul" not in variable.path  # a rank's own part of an update that is still to come
    }
    kept |= {f"random/{i}": state for i, state in enumerate(seeds.generators(model))}
    parts = {name: ranks.parts(variable.value) for name, variable in kept.items()}
    return [
        {name: copies[here].numpy() for name, copies in parts.items()} | {"losses": np.array(losses)}
        for here in range(ranks.gpus_here)
    ]


def batch_of(number: int, batch: int, size, ranks):
    """This process's part of a global batch, which is the same however many share it."""
    random = np.random.default_rng(number)
    count, here = batch * ranks.gpus, batch * ranks.gpus_here
    images = random.integers(0, 256, (count, *size, 3), np.uint8)
    labels = random.integers(0, 19, (count, *size)).astype(np.uint8)
    labels[random.random(labels.shape) < random.random((count, 1, 1))] = 255  # unevenly many ignored
    mine = slice(ranks.rank * here, (ranks.rank + 1) * here)
    return tf.constant(images[mine]), tf.constant(labels[mine])


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", type=json.loads)
    parser.add_argument("--replicas", type=int, help="of one process, instead of ranks")
    parser.add_argument("--compression", default="none")
    return parser.parse_args()


def main():
    options = arguments()
    toy.register()
    if options.replicas:
        split_cpu(options.replicas)
    ranks = distributed.start(options.compression, "mirrored" if options.replicas else "horovod")
    for name, given in options.cases.items():
        for number, arrays in enumerate(train(given, ranks), ranks.rank * ranks.gpus_here):
            np.savez(options.folder / f"{name}.{number}.npz", **arrays)


if __name__ == "__main__":
    main()
