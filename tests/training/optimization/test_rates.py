"""What learning-rate options mean together."""

import math

import pytest

from common.errors import UserError
from training.optimization import rates
from training.optimization.rates import Rates

RECIPE = Rates("polynomial", 0.045)


def test_without_options_the_recipe_stays():
    assert rates.choose(RECIPE) is None


def test_a_bare_learning_rate_is_constant():
    assert rates.choose(RECIPE, learning_rate=0.1) == Rates("constant", 0.1)
    assert rates.choose(RECIPE, "constant") == Rates("constant", 0.045)


def test_warm_up_and_scaling_go_with_every_schedule_and_with_none():
    both = {"warmup_epochs": 2.0, "scaling": "sqrt"}
    assert rates.choose(RECIPE, **both) == Rates("polynomial", 0.045, **both)
    assert rates.choose(RECIPE, "cosine", maximum=0.1, **both) == Rates("cosine", 0.1, **both)
    assert rates.choose(RECIPE, learning_rate=0.1, **both) == Rates("constant", 0.1, **both)


@pytest.mark.parametrize(
    ("schedule", "fields", "expected"),
    [
        ("polynomial", {"maximum": 0.1, "minimum": 0.0, "power": 2.0}, Rates("polynomial", 0.1, 0.0, 2.0)),
        (
            "cyclic",
            {"maximum": 0.1, "minimum": 0.01, "cycle": 4.0, "mode": "triangular2"},
            Rates("cyclic", 0.1, 0.01, cycle=4.0, mode="triangular2"),
        ),
        ("onecycle", {"maximum": 0.1}, Rates("onecycle", 0.1)),
        ("cosine", {"maximum": 0.1, "minimum": 0.05}, Rates("cosine", 0.1, 0.05)),
    ],
)
def test_each_schedule_takes_its_fields(schedule, fields, expected):
    assert rates.choose(RECIPE, schedule, **fields) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "polynomial", "maximum": 0.1, "minimum": 0.0}, "needs `power`; .* `power` 0.9"),
        (
            {"schedule": "polynomial"},
            "needs `maximum`, `minimum`, `power`; .* `maximum` 0.045 `minimum` 0 `power`",
        ),
        ({"schedule": "cyclic"}, "needs `maximum`, `minimum`, `cycle`; .* `minimum` 0.0045 `cycle` 8"),
        ({"schedule": "onecycle"}, "needs `maximum`; for example `maximum` 0.045$"),
        ({"schedule": "cosine", "minimum": 0.1}, "needs `maximum`"),
        (
            {"schedule": "cosine", "maximum": 0.1, "minimum": 0.2},
            "`minimum` 0.2 is above `maximum` 0.1; swap them",
        ),
        (
            {"schedule": "cosine", "maximum": 0.1, "power": 1.0},
            "`power` can only be used with `schedule` polynomial, not with `schedule` cosine; leave them out",
        ),
        (
            {"schedule": "constant", "cycle": 1.0, "mode": "triangular"},
            "`cycle`, `mode` can only be used with `schedule` cyclic, not with `schedule` constant",
        ),
        ({"maximum": 0.1}, r"`maximum` can only be used with `schedule` polynomial \| cyclic \| onecycle"),
        ({"learning_rate": 0.1, "minimum": 0.1}, "`minimum` can only be used with `schedule`"),
        (
            {"schedule": "onecycle", "maximum": 0.1, "learning_rate": 0.1},
            "onecycle takes its rates from `maximum`; leave `learning_rate` out",
        ),
        (
            {"schedule": "cyclic", "maximum": 0.1, "minimum": 0.0, "cycle": 1.0, "warmup_epochs": 1.0},
            "`warmup_epochs` climbs to the cycle's start, which is `minimum` 0",
        ),
    ],
)
def test_contradictions_are_errors(options, message):
    with pytest.raises(UserError, match=message):
        rates.choose(RECIPE, **options)


def test_a_warm_up_as_long_as_the_run_is_an_error():
    rates.require_fitting(Rates("constant", 0.1, warmup_epochs=4), 5)
    with pytest.raises(UserError, match="`warmup_epochs` 5 leaves nothing of `epochs` 5"):
        rates.require_fitting(Rates("constant", 0.1, warmup_epochs=5), 5)


def test_scaling_by_hand():
    assert [rates.scale(name, 8) for name in ("linear", "sqrt", "none")] == [8, math.sqrt(8), 1]
    assert [rates.scale(name, 1) for name in ("linear", "sqrt", "none")] == [1, 1, 1]
