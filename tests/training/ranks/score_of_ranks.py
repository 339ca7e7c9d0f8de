"""Scores a data set with random weights on several GPUs or what stands for them.

    horovodrun -np 2 python score_of_ranks.py DATASET FILE    a process of several
    python score_of_ranks.py DATASET FILE 2                   two replicas in one process

The first rank writes the figures to FILE, and how many images of each rank were shown.
"""

import json
import sys
from pathlib import Path

import toy
from data import datasets
from data.cache import open_cache
from data.label_sets import CITYSCAPES
from data.pipeline import Batches, Shard
from replicas import split_cpu
from trained import network
from training.ranks import distributed
from training.run import validation
from training.steps.step import validation_step

SIZE = (32, 64)


def main():
    toy.register()
    if sys.argv[3:]:
        split_cpu(int(sys.argv[3]))
    ranks = distributed.start(strategy="mirrored" if sys.argv[3:] else "horovod")
    samples = datasets.opened(Path(sys.argv[1])).validation()
    cache, shard = open_cache("none", samples), Shard(ranks.rank, ranks.size)
    batches = Batches(samples, SIZE, 2 * ranks.gpus_here, cache, 1, shard)
    with ranks.scope():
        model = network("toy", SIZE)
    step = validation_step(model, CITYSCAPES.classes, jit=False, ranks=ranks)
    row, _ = validation.score(step, batches, CITYSCAPES, lambda: None, ranks)
    if ranks.first:
        Path(sys.argv[2]).write_text(json.dumps(row))


if __name__ == "__main__":
    main()
