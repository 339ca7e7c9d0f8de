"""Confidence intervals against SciPy, and by how often they hold the truth."""

import math
import random

import pytest

from benchmarks.compare import intervals

stats = pytest.importorskip("scipy.stats", reason="the second implementation; comes with the extra backends")


def test_quantiles():
    for freedom, value in enumerate(intervals.T_975, start=1):
        assert value == pytest.approx(stats.t.ppf(0.975, freedom), abs=6e-4)


def test_paired_is_the_one_sample_t_of_logarithms():
    ratios = [1.1, 0.9, 1.3, 1.05, 1.0]
    expected = stats.ttest_1samp([math.log(ratio) for ratio in ratios], 0).confidence_interval(0.95)
    found = intervals.paired(ratios)
    assert found.low == pytest.approx(math.exp(expected.low), rel=1e-3)
    assert found.high == pytest.approx(math.exp(expected.high), rel=1e-3)
    assert found.ratio == pytest.approx(math.prod(ratios) ** (1 / 5))


def test_unpaired_is_welch_on_logarithms():
    first, second = [1.0, 1.1, 1.05, 0.98], [2.0, 2.6, 1.9, 2.2, 2.4, 2.1]
    logs = [[math.log(value) for value in values] for values in (second, first)]
    expected = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    found = intervals.unpaired(first, second)
    # whole degrees of freedom, rounded down: a little wider, never narrower
    assert found.low <= math.exp(expected.low) and math.exp(expected.high) <= found.high
    assert found.low == pytest.approx(math.exp(expected.low), rel=0.01)


def test_nineteen_in_twenty_hold_the_truth():
    chance = random.Random(0)
    held = 0
    for _ in range(2000):
        found = intervals.paired([1.2 * math.exp(chance.gauss(0, 0.1)) for _ in range(5)])
        held += found.low <= 1.2 <= found.high
    assert 0.93 < held / 2000 < 0.97


def test_equal_values_have_no_width():
    for found in (intervals.paired([2.0] * 3), intervals.unpaired([1.0] * 3, [2.0] * 3)):
        assert found.low == pytest.approx(2) and found.high == pytest.approx(2)
