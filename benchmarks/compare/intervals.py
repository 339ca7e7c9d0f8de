"""Ratios of speeds with their 95 % confidence intervals, by Student's t on logarithms.

Speeds differ by factors, so that logarithms are what is symmetric about its mean. A comparison has three to a
dozen rounds, for which the percentile bootstrap is known to be too narrow, while t allows for the few.
"""

import math
import statistics
from dataclasses import dataclass

LEAST = 3  # rounds or turns; two have an interval of a factor of many thousands
T_975 = (  # quantile 0.975 of Student's t with 1, 2, ... degrees of freedom
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True)
class Interval:
    """A ratio and the ends of its 95 % confidence interval."""

    ratio: float
    low: float
    high: float

    def is_below(self, limit: float) -> bool:
        """Whether all of it is below the limit: the ratio is, beyond the noise of its measurement."""
        return self.high < limit

    def __str__(self):
        return f"{self.ratio:6.3f}  ({self.low:.3f} to {self.high:.3f})"


def paired(ratios: list[float]) -> Interval:
    """The geometric mean of ratios that were each taken in one round, which a drifting machine spares.

    Args:
        ratios: `LEAST` or more.
    """
    logs = [math.log(ratio) for ratio in ratios]
    error = statistics.stdev(logs) / math.sqrt(len(logs))
    return _interval(statistics.fmean(logs), error, len(logs) - 1)


def unpaired(first: list[float], second: list[float]) -> Interval:
    """The geometric mean of the second over that of the first, by Welch's t: their spreads may differ.

    Args:
        first: `LEAST` or more speeds.
        second: as many, more, or fewer.
    """
    logs = [[math.log(value) for value in values] for values in (first, second)]
    means = [statistics.fmean(values) for values in logs]
    parts = [statistics.variance(values) / len(values) for values in logs]
    total = sum(parts)
    weights = sum(part**2 / (len(values) - 1) for part, values in zip(parts, logs))
    freedom = total**2 / weights if weights else len(first) + len(second) - 2
    return _interval(means[1] - means[0], math.sqrt(total), int(freedom))


def _interval(mean: float, error: float, freedom: int) -> Interval:
    reach = T_975[min(max(freedom, 1), len(T_975)) - 1] * error
    return Interval(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach))
