"""The random numbers of dropout: another sequence on each GPU, from one checkpoint for all."""

import numpy as np

from training.ranks.ranks import Ranks

APART = 0x9E3779B9  # between two ranks' seeds; odd, so that 2**32 ranks would differ


def generators(model) -> list:
    """The states of dropout's seed generators: variables of the model, but not among its weights."""
    known = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in known]


def spread(model, ranks: Ranks) -> None:
    """Move the generators from the first GPU's seeds to those of each; how far each has come stays."""
    for generator in generators(model):
        seed, count = generator.numpy()
        for number, own in enumerate(ranks.parts(generator.value), ranks.rank * ranks.gpus_here):
            own.assign(np.array([(int(seed) + number * APART) % 2**32, count], np.uint32))
