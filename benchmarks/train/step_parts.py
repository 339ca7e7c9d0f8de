"""What a training step's time goes to: three parts on any device, two more of ranks and real input."""

import statistics

PARTS = ("forward", "backward", "optimizer", "all_reduce", "data_wait")


def of_compute(rounds: list[list[float]]) -> dict[str, float]:
    """Seconds of forward, backward and optimizer: the median of what each adds, round by round.

    A difference below 0, which only noise makes, counts as 0.

    Args:
        rounds: seconds of the loss alone, of loss and gradients, and of the whole step.
    """
    forward, gradients, whole = zip(*rounds)
    added = {
        "forward": forward,
        "backward": [both - alone for both, alone in zip(gradients, forward)],
        "optimizer": [all_of_it - both for all_of_it, both in zip(whole, gradients)],
    }
    return {name: max(0.0, statistics.median(values)) for name, values in added.items()}


def shares(seconds: dict[str, float], step: float) -> dict[str, dict[str, float]]:
    """The same with each part's share of a step."""
    return {name: {"seconds": value, "share": value / step} for name, value in seconds.items()}
