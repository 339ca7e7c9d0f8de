"""Parts of a model, and stages with rates of their own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from common.errors import UserError
from training import config
from training.optimization import optimizers, stages
from training.optimization.stages import Stage, Stages

STEPS = 10  # an epoch
FILE = """
[parts]
stem = "stem_.*"
rest = "middle_.*|scores"

[decay]
rest = 0

[warmup]
stem = 1

[[stages]]
epochs = 2
frozen = ["stem"]
[[stages]]
rate = 0.5
rates = {stem = 0.1}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "stages.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return models.build("toy", (32, 64, 3), 5)


def settings(optimizer="sgd", **given):
    rates = config.Rates("constant", 1.0)
    given = {"model": "toy", "optimizer": optimizer, "momentum": 0.0, "weight_decay": 0.0, **given}
    return config.new({"rates": rates, **given}, "town")


def moved(model, configuration, steps=0):
    """How far each variable goes with a gradient of ones, after some steps."""
    optimizer = optimizers.build(configuration, STEPS, model)
    optimizer._iterations.assign(steps)
    before = [np.array(variable) for variable in model.trainable_variables]
    optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables], model.trainable_variables)
    return {
        variable.path: before - np.array(variable)
        for variable, before in zip(model.trainable_variables, before)
    }


def test_a_file_names_parts_and_stages(file):
    found = stages.read(file)
    assert found.stages == (Stage(2, ("stem",)), Stage(rate=0.5, rates={"stem": 0.1}))
    assert (found.decay, found.warmup) == ({"rest": 0}, {"stem": 1})
    assert [found.at(epoch).frozen for epoch in range(4)] == [("stem",), ("stem",), (), ()]


def test_a_configuration_holds_what_the_file_says(file, tmp_path):
    made = settings(stages=stages.read(file))
    (tmp_path / "config.json").write_text(config.to_json(made))
    assert config.read(tmp_path / "config.json") == made


def test_fine_tuning_is_two_stages():
    assert stages.of(settings(fine_tune=2)).stages == (Stage(2, ("encoder",)), Stage(rate=0.5))
    assert stages.of(settings(freeze_encoder=3)).stages == (Stage(3, ("encoder",)), Stage())
    with pytest.raises(UserError, match="`fine_tune` and `freeze_encoder` say different things"):
        settings(fine_tune=2, freeze_encoder=2)


@pytest.mark.parametrize(("step", "stem", "rest"), [(0, 1 / 11, 1.0), (10, 1.0, 1.0), (25, 0.05, 0.5)])
def test_rates_are_those_of_stage_part_and_warm_up(model, file, step, stem, rest):
    ways = moved(model, settings(stages=stages.read(file)), step)
    for path, way in ways.items():
        np.testing.assert_allclose(way, stem if path.startswith("stem") else rest, rtol=1e-4)


@pytest.mark.parametrize(("step", "stem", "rest"), [(3, 4 / 11, 1.0), (19, 1.0, 1.0), (23, 0.05, 0.5)])
def test_epochs_are_as_long_where_steps_are_accumulated(model, file, step, stem, rest):
    ways = moved(model, settings(stages=stages.read(file), accumulate=4), step)  # the last of four
    for path, way in ways.items():
        np.testing.assert_allclose(way, (stem if path.startswith("stem") else rest) / 4, rtol=1e-4)


def test_the_decay_is_that_of_the_part(model, file):
    kernels = {v.path: np.array(v) for v in model.trainable_variables if v.path.endswith("_conv/kernel")}
    scores = np.array(model.get_layer("scores").kernel)
    steps = moved(model, settings(stages=stages.read(file), weight_decay=0.1), 10)
    np.testing.assert_allclose(steps["stem_conv/kernel"], 1 + 0.1 * kernels["stem_conv/kernel"], rtol=1e-4)
    np.testing.assert_allclose(steps["scores/kernel"], np.ones_like(scores), rtol=1e-4)


@pytest.mark.parametrize(("step", "accumulate"), [(25, 1), (23, 4)])
def test_decoupled_decay_follows_rate_and_part(file, step, accumulate):
    def shrunk(**given):
        keras.utils.set_random_seed(0)
        model = models.build("toy", (32, 64, 3), 5)
        return moved(model, settings("adamw", accumulate=accumulate, **given), step)

    whole, without = shrunk(weight_decay=0.1), shrunk(weight_decay=0.0)
    staged, bare = (shrunk(weight_decay=decay, stages=stages.read(file)) for decay in (0.1, 0.0))
    decay = {path: whole[path] - without[path] for path in whole}
    for path, factor in (("stem_conv/kernel", 0.05), ("scores/kernel", 0.0)):
        np.testing.assert_allclose(staged[path] - bare[path], factor * decay[path], atol=2e-7)


def test_a_network_without_parts_of_its_own_has_a_head_alone(model):
    assert np.allclose(next(iter(moved(model, settings(head_rate=3.0)).values())), 3.0)
    with pytest.raises(UserError, match="toy has no encoder to treat apart; leave `encoder_rate` out"):
        moved(model, settings(encoder_rate=0.1))


def test_without_factors_nothing_is_added(model):
    assert stages.factors(settings(), model, STEPS) == ({}, {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[parts]\nstem = "stem_.*"\n', "the layer 'middle_depthwise' of toy is of no part of `stages`"),
        ('[parts]\na = ".*"\nb = "scores"\n', "the layer 'scores' of toy is of the parts a and b"),
    ],
)
def test_every_layer_is_of_one_part(model, tmp_path, content, message):
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(UserError, match=message):
        moved(model, settings(stages=stages.read(tmp_path / "a.toml")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = ", "cannot read"),
        ("speed = 1", "'speed' is not known here; there are: stages, parts, decay, warmup"),
        ("[[stages]]\nlr = 1", "stage 1: 'lr' is not known here; there are: epochs, frozen, rate, rates"),
        ('parts = ["a"]', r"'parts' takes a table of parts and their regular expressions, not \['a'\]"),
        ("[parts]\na = 3", "'a' of 'parts' takes a regular expression of layers' names, not 3"),
        ('[parts]\na = "("', r"'a' of 'parts' takes a regular expression .*, not '\(': missing"),
        ("decay = 3", "'decay' takes a table of parts and their numbers, not 3"),
        ("[decay]\nhead = -1", "'head' of 'decay' takes a number of at least 0, not -1"),
        ("warmup = [1]", r"'warmup' takes a table of parts and their numbers, not \[1\]"),
        ('[warmup]\nhead = "1"', "'head' of 'warmup' takes a number of at least 0, not '1'"),
        ("stages = 3", r"'stages' takes tables \[\[stages\]\], not 3"),
        ("stages = []", r"'stages' takes tables \[\[stages\]\], not \[\]"),
        ("stages = [1]", "stage 1: a table is needed, with epochs, frozen, rate, rates, not 1"),
        ("[[stages]]\n[[stages]]\n", r"each of \[\[stages\]\] but the last one needs its 'epochs', from 1"),
        ("[[stages]]\nepochs = 1\n[[stages]]\nepochs = 1.5", "stage 2: 'epochs' takes a whole .* not 1.5"),
        ('[[stages]]\nrate = "fast"', "stage 1: 'rate' takes a number of at least 0, not 'fast'"),
        ("[[stages]]\nrates = 2", "stage 1: 'rates' takes a table of parts and their numbers, not 2"),
        ("[[stages]]\nrates = {head = nan}", "'head' of 'rates' takes a number of at least 0, not nan"),
        ('[[stages]]\nfrozen = "encoder"', "'frozen' takes a list of parts such as .*, not 'encoder'"),
        ("[[stages]]\nfrozen = [[1]]", r"'frozen' takes a list of parts .*, not \[\[1\]\]"),
        ('[[stages]]\nfrozen = ["stem"]', "there is no part 'stem'; there are: encoder, head"),
    ],
)
def test_mistakes_are_one_line(tmp_path, content, message):
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(UserError, match=message) as raised:
        stages.read(tmp_path / "a.toml")
    said = str(raised.value)
    assert str(tmp_path / "a.toml") in said and "\n" not in said
    assert "`epochs`" not in said  # an option of train.py, which is not meant


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fine_tune": 5}, "`fine_tune` 5 leaves nothing of the run's 5 epochs; shorten it or train longer"),
        ({"freeze_encoder": 9}, "`freeze_encoder` 9 leaves nothing of the run's 5 epochs"),
        (
            {"stages": Stages((Stage(2), Stage(3), Stage()))},
            "`stages` takes 5 epochs before its last stage, which leaves nothing of the run's 5 epochs",
        ),
    ],
)
def test_a_stage_that_never_comes_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        settings(epochs=5, **given)
    assert settings(epochs=10, **given).epochs == 10


def test_it_is_where_steps_say_how_long_the_run_is(model, file):
    staged = stages.read(file)  # the first one of two epochs
    with pytest.raises(UserError, match="takes 2 epochs before .* nothing of the run's 1.5 epochs"):
        moved(model, settings(stages=staged, steps=15))
    moved(model, settings(stages=staged, steps=21))


@pytest.mark.parametrize(
    ("parts", "frozen"),
    [({"stem": "stem_.*", "rest": "middle_.*|scores"}, ("stem", "rest")), ({}, ("head",))],
)
def test_a_stage_that_trains_nothing_is_refused(model, parts, frozen):
    staged = Stages((Stage(1), Stage(1, frozen), Stage()), parts)
    with pytest.raises(UserError, match="stage 2 of `stages` freezes all of toy; leave a part .*'frozen'"):
        moved(model, settings(stages=staged))


@pytest.mark.parametrize("name", ["fine_tune", "freeze_encoder"])
def test_without_an_encoder_the_option_that_needs_one_is_named(model, name):
    with pytest.raises(UserError, match=f"toy has no encoder to treat apart; leave `{name}` out"):
        moved(model, settings(**{name: 1}))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="`stages` takes a TOML file; cannot read"):
        stages.read(tmp_path / "no.toml")


def test_default_stages_are_one():
    assert Stages().stages == (Stage(),) and not Stages().named()
