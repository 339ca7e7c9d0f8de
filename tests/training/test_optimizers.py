"""The learning rate step by step, by hand."""

import pytest

from training import optimizers
from training.config import Rates


def test_polynomial_at_start_middle_and_end():
    schedule = optimizers.schedule(Rates("polynomial", 0.045, 0.005, 0.9), steps=100)
    assert float(schedule(0)) == pytest.approx(0.045)
    assert float(schedule(50)) == pytest.approx(0.005 + 0.04 * 0.5**0.9)
    assert float(schedule(99)) == pytest.approx(0.005 + 0.04 * 0.01**0.9)
    assert float(schedule(100)) == pytest.approx(0.005)


def test_constant_is_a_number():
    assert optimizers.schedule(Rates("constant", 0.1), steps=100) == 0.1
