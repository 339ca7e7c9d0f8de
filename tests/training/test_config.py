"""Run configurations: what options mean together, and what may change on resuming."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import UserError
from training import config
from training.config import Rates

GIVEN = {"model": "fastscnn", "batch": 2}


def rates(schedule=None, learning_rate=None, maximum=None, minimum=None, power=None):
    return config.rates("fastscnn", schedule, learning_rate, maximum, minimum, power)


def test_without_options_the_papers_recipe_is_used():
    assert rates() is None
    assert config.new(GIVEN, Path("town")).rates == Rates("polynomial", 0.045, 0.0, 0.9)


def test_a_bare_learning_rate_is_constant():
    assert rates(learning_rate=0.1) == Rates("constant", 0.1)
    assert rates("constant") == Rates("constant", 0.045)


def test_polynomial_takes_its_three_bounds():
    assert rates("polynomial", None, 0.1, 0.0, 2.0) == Rates("polynomial", 0.1, 0.0, 2.0)


@pytest.mark.parametrize(
    "options, message",
    [
        (("polynomial", None, 0.1, 0.0, None), "needs --power"),
        (("polynomial", 0.1, 0.1, 0.0, 0.9), "leave -l/--learning-rate out"),
        (("polynomial", None, 0.1, 0.2, 0.9), "--min-lr 0.2 is above --max-lr 0.1"),
        ((None, None, 0.1, None, None), "--max-lr can only be used with --schedule polynomial"),
        (("constant", 0.1, None, None, 0.9), "--power can only be used with --schedule polynomial"),
    ],
)
def test_contradictions_are_errors(options, message):
    with pytest.raises(UserError, match=message):
        rates(*options)


def test_a_configuration_survives_its_file(tmp_path):
    made = config.new(GIVEN | {"rates": Rates("constant", 0.1), "target_size": (64, 128)}, Path("town"))
    (tmp_path / "config.json").write_text(config.to_json(made))
    assert config.read(tmp_path / "config.json") == made


def test_resuming_may_change_where_and_how_long_only():
    saved = config.new(GIVEN, Path("town"))
    assert config.resumed(saved, {"epochs": 9, "batch": 2}, Path("moved")) == replace(
        saved, epochs=9, path="moved"
    )
    with pytest.raises(UserError, match="batch 4 differs from the resumed run's 2"):
        config.resumed(saved, {"batch": 4}, None)


def test_a_foreign_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model": "fastscnn"}')
    with pytest.raises(UserError, match="is no run configuration"):
        config.read(tmp_path / "config.json")
