"""Run configurations: what options mean together, and what may change on resuming."""

import re
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import pytest

from common.errors import UserError
from tiny import REPO
from training import config, options
from training.optimization.rates import Rates

GIVEN = {"model": "fastscnn", "batch": 2}
OF_VERSION_0_1 = """
{
  "model": "fastscnn", "path": "town",
  "rates": {
    "schedule": "polynomial", "maximum": 0.045, "minimum": 0.0, "power": 0.9, "cycle": 0.0,
    "mode": "triangular", "warmup_epochs": null, "scaling": "linear"
  },
  "momentum": 0.9, "options": {}, "encoder_weights": "none", "freeze_encoder": 0, "optimizer": "sgd",
  "weight_decay": 4e-05, "clip_norm": 0.0, "accumulate": 1, "ema": 0.0, "loss": "ce",
  "label_smoothing": 0.0, "class_weights": "enet", "weight_of_class": [1.5, 0.25],
  "target_size": [1024, 2048], "batch": 2, "epochs": 500, "precision": "float32", "remat": false,
  "seed": 0, "coarse": false, "init_weights": null, "cache": "none", "workers": 8,
  "deterministic": false, "validate_every": 1, "patience": 0, "save_every": 10.0,
  "strategy": "horovod", "compression": "none", "stall_timeout": 300.0, "job": "c-1",
  "wandb": null, "mlflow": null
}
"""


def test_without_options_the_recipe_is_used():
    made = config.new(GIVEN, Path("town"))
    assert made.rates == Rates("polynomial", 0.045, 0.01, 0.9)
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
        ({"optimizer": "adam", "momentum": 0.9}, "adam takes no `momentum`"),
        ({"rates": Rates("constant", 0.1, warmup_epochs=2.0), "epochs": 2}, "leaves nothing of `epochs` 2"),
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
    assert config.read(tmp_path / "config.json") == replace(made, options={"preset": "pytorch"})


def test_a_file_of_version_0_1_reads(tmp_path):
    (tmp_path / "config.json").write_text(OF_VERSION_0_1)
    expected = config.new(
        GIVEN | {"epochs": 500, "workers": 8, "class_weights": "enet", "job": "c-1", "ema": 0.0}, Path("town")
    )
    assert config.read(tmp_path / "config.json") == replace(
        expected,
        weight_of_class=(1.5, 0.25),
        rates=Rates("polynomial", 0.045, 0.0, 0.9),  # the recipe at that time
        options={"preset": "paper"},  # and the default
    )


def test_resuming_may_change_where_and_how_long_only():
    saved = config.new(GIVEN, Path("town"))
    assert config.resumed(saved, {"epochs": 9, "batch": 2}, Path("moved")) == replace(
        saved, epochs=9, path="moved"
    )
    with pytest.raises(UserError, match="`batch` 4 differs from the resumed run's 2"):
        config.resumed(saved, {"batch": 4}, None)


def test_a_length_is_given_in_epochs_or_in_steps():
    saved, both = config.new(GIVEN, Path("town")), GIVEN | {"epochs": 3, "steps": 9}
    for make in (config.new, partial(config.repeated, saved), partial(config.resumed, saved)):
        with pytest.raises(UserError, match="`epochs` and `steps` both say how long the run is; leave one"):
            make(both, Path("town"))


@pytest.mark.parametrize("go_on", [config.repeated, config.resumed])
def test_the_length_that_is_given_later_replaces_a_saved_one(go_on):
    of_steps = config.new(GIVEN | {"steps": 9}, Path("town"))
    assert go_on(of_steps, {}, None) == of_steps
    assert go_on(of_steps, {"epochs": 3}, None).length(10) == 30
    of_epochs = config.new(GIVEN | {"epochs": 3}, Path("town"))
    assert go_on(of_epochs, {"steps": 9}, None).length(10) == 9


def test_the_documentation_lists_what_a_resumed_run_may_change():
    text = (REPO / "docs" / "runs.md").read_text()
    listed = text.partition("`--resume` may change")[2].partition("anything else is refused")[0]
    known = options.of(config.Config)
    ours = {known[name].strings[-1] for name in config.MAY_CHANGE}
    assert set(re.findall(r"`(?:-\w/)?(--[\w-]+)`", listed)) == ours


def test_a_foreign_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model": "fastscnn"}')
    with pytest.raises(UserError, match="is no run configuration"):
        config.read(tmp_path / "config.json")


def test_every_field_has_an_option_but_those_that_others_make():
    without = {part.name for part in fields(config.Config)} - options.of(config.Config).keys()
    assert without == {"label_set", "options", "rates", "weight_of_class"}
