"""What ranks on CPUs make of XLA, and both forms of their exchange.

    horovodrun -np 2 python exchange_of_ranks.py FOLDER

FOLDER/RANK.json gets "compiled", whether steps are and why not, with 0, 1, ... ranks having a GPU, and
"operations", Horovod's in a graph of each form. FOLDER/RANK.npz gets the sums of the same tensors by each
form, inside and outside of a graph.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from common import devices
from training.ranks import distributed, xla

SHAPES = ((), (3,), (2, 5, 7), (1,))


def sums(ranks, own: list) -> tuple[dict, list[str]]:
    """Arrays by name, of sums and sums of gradients, and Horovod's operations in the graph of both."""
    inside = tf.function(lambda *tensors: (ranks.sums(list(tensors)), ranks.sum_gradients(list(tensors))))
    made = {"graph": inside(*own), "eager": (ranks.sums(own), ranks.sum_gradients(own))}
    graph = inside.get_concrete_function(*own).graph
    operations = [op.type for op in graph.get_operations() if op.type.startswith("Horovod")]
    arrays = {
        f"{where}/{what}/{i}": total.numpy()
        for where, found in made.items()
        for what, totals in zip(("sums", "gradients"), found)
        for i, total in enumerate(totals)
    }
    return arrays, operations


def main():
    ranks = distributed.start("fp16")
    compiled = []
    for with_gpu in range(ranks.size + 1):
        devices.has_gpu = lambda with_gpu=with_gpu: ranks.rank < with_gpu
        compiled.append([xla.prepare(ranks=ranks), xla.xla(ranks)[1]])
    random = np.random.default_rng(ranks.rank)
    own = [tf.constant(random.normal(0, 1, shape), tf.float32) for shape in SHAPES]
    grouped, several = sums(ranks, own)
    ranks._by_xla = True  # the form that XLA knows, which calculates without it as well
    in_one, single = sums(ranks, own)
    folder = Path(sys.argv[1])
    told = {"compiled": compiled, "operations": {"grouped": several, "in one": single}}
    (folder / f"{ranks.rank}.json").write_text(json.dumps(told))
    arrays = {f"grouped/{name}": array for name, array in grouped.items()}
    np.savez(folder / f"{ranks.rank}.npz", **arrays, **{f"in one/{name}": a for name, a in in_one.items()})


if __name__ == "__main__":
    main()
