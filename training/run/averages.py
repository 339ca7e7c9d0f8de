"""The average of the weights (`ema`) in the model's place, for scoring and saving."""

from contextlib import contextmanager


def kept(optimizer) -> bool:
    """Whether the optimizer averages the weights."""
    return bool(_averages(optimizer))


@contextmanager
def in_place(model, optimizer):
    """Inside, the model holds the average of its weights, if one is kept; then its own again, to the bit."""
    averages = _averages(optimizer)
    weights = model.weights if averages else []
    own = [weight.numpy() for weight in weights]
    for weight, average in zip(weights, averages):
        weight.assign(average)
    try:
        yield
    finally:
        for weight, array in zip(weights, own):
            weight.assign(array)


def _averages(optimizer) -> list:
    return getattr(getattr(optimizer, "inner_optimizer", optimizer), "averages", [])
