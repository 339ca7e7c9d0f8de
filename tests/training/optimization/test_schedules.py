"""Learning rates at start, peak, end and after a resume, by hand."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.optimization import schedules
from training.optimization.rates import Rates

EPOCHS, STEPS = 10, 10  # 100 steps in all
WARM = Rates("constant", 0.5, warmup_epochs=1)
EVERY = [
    Rates("constant", 0.1),
    Rates("polynomial", 0.045, 0.005, power=0.9),
    Rates("cyclic", 0.5, 0.1, cycle=2),
    Rates("cyclic", 0.5, 0.1, cycle=2, mode="triangular2"),
    Rates("cyclic", 0.5, 0.1, cycle=2, mode="exp_range"),
    Rates("onecycle", 1.0, 0.01),
    Rates("cosine", 0.3, 0.1),
    WARM,
]


def rate(rates, step, gpus=1):
    return float(schedules.build(rates, STEPS, STEPS * EPOCHS, gpus)(step))


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (Rates("constant", 0.1), {0: 0.1, 99: 0.1}),
        (
            Rates("polynomial", 0.045, 0.005, power=0.9),
            {0: 0.045, 50: 0.005 + 0.04 * 0.5**0.9, 99: 0.005 + 0.04 * 0.01**0.9, 100: 0.005},
        ),
        # a cycle of 20 steps: 10 up, 10 down
        (Rates("cyclic", 0.5, 0.1, cycle=2), {0: 0.1, 5: 0.3, 10: 0.5, 15: 0.3, 20: 0.1, 90: 0.5, 99: 0.14}),
        (
            Rates("cyclic", 0.5, 0.1, cycle=2, mode="triangular2"),
            {0: 0.1, 10: 0.5, 30: 0.3, 50: 0.2, 90: 0.1 + 0.4 / 16, 99: 0.1 + 0.04 / 16},
        ),
        (
            Rates("cyclic", 0.5, 0.1, cycle=2, mode="exp_range"),
            {0: 0.1, 10: 0.1 + 0.4 * 0.99994**10, 90: 0.1 + 0.4 * 0.99994**90},
        ),
        # up for 30 steps, down for 70
        (
            Rates("onecycle", 1.0, 0.01),
            {0: 0.04, 15: 0.52, 30: 1.0, 65: 0.505, 99: 0.01 + 0.99 * (1 - math.cos(math.pi / 70)) / 2},
        ),
        (
            Rates("cosine", 0.3, 0.1),
            {0: 0.3, 25: 0.2 + 0.1 * math.sqrt(0.5), 50: 0.2, 99: 0.1 + 0.1 * (1 - math.cos(math.pi / 100))},
        ),
        (WARM, {0: 0.5 / 11, 9: 5 / 11, 10: 0.5, 99: 0.5}),
        # what follows a warm-up has the remaining 90 steps
        (Rates("cosine", 0.4, 0.0, warmup_epochs=1), {0: 0.4 / 11, 10: 0.4, 55: 0.2, 100: 0.0}),
    ],
)
def test_by_hand(rates, expected):
    for step, value in expected.items():
        assert rate(rates, step) == pytest.approx(value, rel=2e-5, abs=1e-8), step


@pytest.mark.slow
@pytest.mark.parametrize("rates", EVERY)
def test_a_schedule_survives_serialisation(rates):
    made = schedules.build(rates, STEPS, STEPS * EPOCHS)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    steps = np.arange(100)
    np.testing.assert_array_equal([float(made(s)) for s in steps], [float(copy(s)) for s in steps])


@pytest.mark.parametrize("rates", EVERY)
def test_many_steps_at_once_are_the_single_ones(rates):
    made = schedules.build(rates, STEPS, STEPS * EPOCHS)
    singly = [float(made(step)) for step in range(100)]
    np.testing.assert_allclose(made(np.arange(100.0)), singly, rtol=1e-6)


@pytest.mark.parametrize("rates", EVERY)
def test_a_resumed_run_uses_the_rates_of_an_undisturbed_one(rates):
    def descend(optimizer, weight, steps):
        """The weight after each step of gradient 1: it falls by the rate."""
        apply = tf.function(lambda: optimizer.apply([tf.ones(())], [weight]))
        values = []
        for _ in range(steps):
            apply()
            values.append(float(weight.numpy()))
        return values

    def fresh():
        weight = keras.Variable(0.0)
        optimizer = keras.optimizers.SGD(schedules.build(rates, STEPS, STEPS * EPOCHS))
        optimizer.build([weight])
        return optimizer, weight

    undisturbed = descend(*fresh(), 100)
    first, weight = fresh()
    descend(first, weight, 37)
    second, again = fresh()
    again.assign(weight)
    for variable, saved in zip(second.variables, first.variables):
        variable.assign(saved)
    assert descend(second, again, 63) == undisturbed[37:]


@pytest.mark.parametrize(("scaling", "factor"), [("linear", 4), ("sqrt", 2), ("none", 1)])
def test_rates_scale_with_the_number_of_gpus(scaling, factor):
    rates = Rates("cyclic", 0.5, 0.1, cycle=2, warmup_epochs=0, scaling=scaling)
    assert rate(rates, 0, gpus=4) == pytest.approx(0.1 * factor)
    assert rate(rates, 10, gpus=4) == pytest.approx(0.5 * factor)


def test_several_gpus_warm_up_for_three_epochs():
    rates = Rates("constant", 0.5, scaling="none")
    assert rate(rates, 0) == 0.5
    assert rate(rates, 0, gpus=2) == pytest.approx(0.5 / 31)
    assert rate(rates, 29, gpus=2) == pytest.approx(0.5 * 30 / 31)
    assert rate(rates, 30, gpus=2) == 0.5
    short = schedules.build(rates, STEPS, 2 * STEPS, gpus=2)  # half of the run at most
    assert float(short(9)) < 0.5 == float(short(10))
