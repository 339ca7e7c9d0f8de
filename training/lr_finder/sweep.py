"""The learning-rate finder: train a few steps at growing rates, see where the loss falls and where it bursts.

After Smith 2017, arXiv 1506.01186, section 3.3; the stopping rule and the suggestions are those in common
use. The sweep leaves model, optimizer and data as it found them, to the bit.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from keras.optimizers.schedules import ExponentialDecay

STEPS = 150
SMOOTHING = 0.9  # share of the mean that stays at each step
DELAY = round(SMOOTHING / (1 - SMOOTHING))  # steps by which a smoothed curve lags behind
DIVERGED = 4  # times the best smoothed loss
BEGUN = 0.1  # share of the whole fall at which the loss has begun to fall


@dataclass
class Sweep:
    """A loss for each rate, oldest first."""

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    diverged: bool = False


@dataclass(frozen=True)
class Suggestions:
    """Learning rates read off a sweep."""

    steepest: float  # where the loss falls fastest: careful
    tenth_of_minimum: float  # a tenth of the rate with the lowest loss: usual
    cyclic_minimum: float  # where the loss begins to fall
    cyclic_maximum: float  # where it stops falling: no more than this


def schedule(minimum: float, maximum: float, steps: int = STEPS) -> ExponentialDecay:
    """Rates from `minimum` at step 0 to `maximum` at step `steps` - 1, in equal ratios."""
    return ExponentialDecay(minimum, steps - 1, maximum / minimum)


def sweep(
    model,
    optimizer,
    step: Callable,
    batches: Iterable,
    rate_of: Callable[[], float],
    steps: int = STEPS,
    across_ranks: Callable[[float], float] = float,
) -> Sweep:
    """Train at growing rates until the loss bursts, then put everything back.

    Args:
        model, optimizer: built; the optimizer's schedule is `schedule`.
        step: (images, labels) -> loss; trains them.
        batches: pairs of images and labels, at least `steps` of them.
        rate_of: the rate that the next step will use.
        steps: of the schedule. A step that float16's loss scaling skips leaves the rate as it is, and is
            not counted.
        across_ranks: this rank's loss to the loss of all ranks. It decides alone when to stop, so that
            they stop together.
    """
    found, mean = Sweep(), 0.0
    with restored([*model.variables, *optimizer.variables]):
        for images, labels in itertools.islice(batches, 2 * steps):
            rate = rate_of()
            loss = across_ranks(step(images, labels))
            if not math.isfinite(loss):
                found.diverged = True
                break
            if rate_of() == rate:
                continue
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            found.rates.append(rate)
            found.losses.append(loss)
            found.smoothed.append(mean / (1 - SMOOTHING ** len(found.rates)))
            if found.smoothed[-1] > DIVERGED * min(found.smoothed):
                found.diverged = True
                break
            if len(found.rates) == steps:
                break
    return found


@contextmanager
def restored(variables: list):
    """Give all variables their values back, whatever happens inside."""
    values = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values):
            variable.assign(value)


def suggest(found: Sweep) -> Suggestions | None:
    """Read rates off the smoothed losses; None where the loss never fell.

    Smoothing shows everything `DELAY` steps late, so rates are read that much earlier, except for the
    tenth of the minimum, whose tenth allows for that.
    """
    rates, losses = np.array(found.rates), np.array(found.smoothed)
    low = int(losses.argmin()) if len(losses) else 0
    if low < 2 * DELAY:  # the first, hardly smoothed losses are noise
        return None
    falling = losses[: low + 1]
    # over DELAY steps, because single steps are noisy
    drops = falling[DELAY:-DELAY] - falling[2 * DELAY :]
    steepest = DELAY + int(drops.argmax()) + DELAY // 2
    begun = falling.max() - BEGUN * (falling.max() - falling[-1])
    start = int(np.nonzero(falling > begun)[0][-1]) + 1
    return Suggestions(
        steepest=float(rates[max(steepest - DELAY, 0)]),
        tenth_of_minimum=float(rates[low] / 10),
        cyclic_minimum=float(rates[max(min(start, low - 1) - DELAY, 0)]),
        cyclic_maximum=float(rates[low - DELAY]),
    )
