"""Rematerialisation: activations are computed a second time in the backward pass instead of being kept.

A network is cut into segments. Only the tensors that cross a cut are kept; the inside of a segment is
recomputed from them when its gradient is due (Chen et al., arXiv 1604.06174). `plan` finds the cuts that
need the least memory, `Rematerialized` runs them by `tf.recompute_grad`.
"""

import math
from contextlib import nullcontext
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from models.layers import untracked_statistics

BUDGETS = 24  # sizes of the largest segment that are tried


class Rematerialized:
    """A functional model for training, callable as the model is; same weights, same numbers.

    Batch statistics are tracked in the first pass alone. Dropout stays outside of what is recomputed, as it
    would draw other random numbers the second time, and so does the last segment, whose gradient is due at
    once.
    """

    def __init__(self, network: keras.Model):
        self.trainable_variables = network.trainable_variables
        self._input, self._output = network.input, network.output
        self._outputs = keras.tree.flatten(network.output)
        operations = [op for op in network.operations if not isinstance(op, keras.layers.InputLayer)]
        ends = plan(operations, self._outputs)
        self.segments = []  # (tensors read, tensors made for later, model, whether it is recomputed)
        for number, (start, end) in enumerate(zip([0, *ends], ends)):
            part = operations[start:end]
            inputs, outputs = crossing(part, operations[end:], self._outputs)
            again = end < len(operations) and not draws(part[0])
            model = keras.Model(inputs, outputs, name=f"{network.name}_segment{number}")
            self.segments.append((inputs, outputs, model, again))

    def __call__(self, images, training: bool):
        """As the network: images [B, H, W, 3] -> its output."""
        known = {id(self._input): tf.cast(images, self._input.dtype)}
        for inputs, outputs, segment, again in self.segments:
            call = recomputed(segment, training) if again else partial(segment, training=training)
            results = call([known[id(tensor)] for tensor in inputs])
            known |= {id(tensor): value for tensor, value in zip(outputs, keras.tree.flatten(results))}
        return keras.tree.map_structure(lambda tensor: known[id(tensor)], self._output)


def recomputed(segment: keras.Model, training: bool):
    """One call of a segment, as a function of its inputs, whose inside the backward pass computes again."""
    passes = 0

    def run(*tensors):
        nonlocal passes
        passes += 1
        with nullcontext() if passes == 1 else untracked_statistics():
            return keras.tree.flatten(segment(list(tensors), training=training))

    return lambda tensors: tf.recompute_grad(run)(*tensors)


def draws(operation) -> bool:
    """Whether an operation draws random numbers; it is a segment by itself, and run once."""
    return hasattr(operation, "seed_generator")


def crossing(part: list, later: list, outputs: list) -> tuple[list, list]:
    """The tensors that a segment takes from outside and those of its own that are needed after it."""
    made = {id(tensor) for operation in part for tensor in keras.tree.flatten(operation.output)}
    reads = {id(t): t for operation in part for t in keras.tree.flatten(operation.input) if id(t) not in made}
    wanted = {id(tensor) for operation in later for tensor in keras.tree.flatten(operation.input)}
    wanted |= set(map(id, outputs))
    own = {id(t): t for operation in part for t in keras.tree.flatten(operation.output) if id(t) in wanted}
    return list(reads.values()), list(own.values())


def plan(operations: list, outputs: list) -> list[int]:
    """Where to cut a topologically ordered list of operations: the ends of the segments, the last its length.

    Least in total are the bytes of what crosses cuts plus those of the largest segment. For a given largest
    segment the former is a shortest path over the cuts, for a tensor counts in the one segment that makes it.
    """
    inside, kept = segment_bytes(operations, outputs)
    possible = inside[np.isfinite(inside) & (inside > 0)]
    budgets = np.geomspace(possible.min(), possible.max(), BUDGETS)
    plans = [shortest(np.where(inside <= budget, kept, math.inf)) for budget in budgets]
    totals = [
        cost + max(inside[start, end] for start, end in zip([0, *ends], ends)) if ends else math.inf
        for cost, ends in plans
    ]
    return plans[int(np.argmin(totals))][1]


def segment_bytes(operations: list, outputs: list) -> tuple[np.ndarray, np.ndarray]:
    """For a segment of operations [i, j): bytes of all that it makes, and of that which is needed later.

    Both [n + 1, n + 1]; infinite where no segment can be. An image's batch counts as one.
    """
    count = len(operations)
    last_use = dict.fromkeys(map(id, outputs), count)
    for position, operation in enumerate(operations):
        for tensor in keras.tree.flatten(operation.input):
            last_use[id(tensor)] = max(position, last_use.get(id(tensor), 0))
    inside, kept = (np.full((count + 1, count + 1), math.inf) for _ in range(2))
    for start in range(count):
        made, alive = 0, {}  # alive: position of the last use -> bytes
        for end in range(start + 1, count + 1):
            operation = operations[end - 1]
            if draws(operation) and end > start + 1:
                break
            for tensor in keras.tree.flatten(operation.output):
                size = math.prod(tensor.shape[1:]) * tf.as_dtype(tensor.dtype).size
                made += size
                due = last_use.get(id(tensor), -1)
                alive[due] = alive.get(due, 0) + size
            inside[start, end] = made
            kept[start, end] = sum(size for due, size in alive.items() if due >= end)
            if draws(operation):
                break
    return inside, kept


def shortest(costs: np.ndarray) -> tuple[float, list[int]]:
    """The cheapest way 0 -> n by steps i -> j of costs[i, j]: its cost and where it stops."""
    count = len(costs) - 1
    least, before = np.full(count + 1, math.inf), np.zeros(count + 1, int)
    least[0] = 0.0
    for end in range(1, count + 1):
        ways = least[:end] + costs[:end, end]
        before[end] = int(np.argmin(ways))
        least[end] = ways[before[end]]
    if math.isinf(least[count]):
        return math.inf, []
    stops = [count]
    while before[stops[0]]:
        stops.insert(0, int(before[stops[0]]))
    return float(least[count]), stops
