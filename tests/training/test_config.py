"""Run configurations: what options mean together, and what may change on resuming."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import UserError
from training import config
from training.optimization.rates import Rates

GIVEN = {"model": "fastscnn", "batch": 2}


def test_without_options_the_papers_recipe_is_used():
    made = config.new(GIVEN, Path("town"))
    assert made.rates == Rates("polynomial", 0.045, 0.0, 0.9)
    assert (made.optimizer, made.momentum, made.weight_decay) == ("sgd", 0.9, 4e-5)


def test_another_optimizer_brings_its_own_defaults():
    made = config.new(GIVEN | {"optimizer": "adamw"}, Path("town"))
    assert (made.rates, made.momentum, made.weight_decay) == (Rates("polynomial", 0.001), 0.0, 0.01)


def test_what_is_given_wins():
    given = {"optimizer": "rmsprop", "momentum": 0.5, "weight_decay": 0.0}
    made = config.new(GIVEN | given, Path("town"))
    assert (made.optimizer, made.momentum, made.weight_decay) == ("rmsprop", 0.5, 0.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": "adam", "momentum": 0.9}, "adam takes no --momentum"),
        ({"rates": Rates("constant", 0.1, warmup_epochs=2.0), "epochs": 2}, "leaves nothing of --epochs 2"),
    ],
)
def test_contradictions_are_errors(given, message):
    with pytest.raises(UserError, match=message):
        config.new(GIVEN | given, Path("town"))


def test_a_configuration_survives_its_file(tmp_path):
    made = config.new(
        GIVEN | {"rates": Rates("constant", 0.1), "target_size": (64, 128), "weight_of_class": (0.5,) * 19},
        Path("town"),
    )
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
