"""A process of several, started by a launcher: scores a data set with random weights.

    horovodrun -np 2 python score_of_ranks.py DATASET FILE

The first rank writes the figures to FILE, and how many pictures of each rank were shown.
"""

import json
import sys
from pathlib import Path

from data import index
from data.cache import open_cache
from data.labels import CLASS_COUNT
from data.pipeline import Batches, Shard
from trained import network
from training import distributed, validation
from training.step import validation_step

SIZE = (32, 64)


def main():
    ranks = distributed.start()
    samples = index.validation_samples(Path(sys.argv[1]))
    batches = Batches(samples, SIZE, 2, open_cache("none", samples), 1, Shard(ranks.rank, ranks.size))
    step = validation_step(network("fastscnn", SIZE), CLASS_COUNT, jit=False)
    row, _ = validation.score(step, batches, lambda: None, ranks)
    if ranks.first:
        Path(sys.argv[2]).write_text(json.dumps(row))


if __name__ == "__main__":
    main()
