"""The finder on problems whose answer is known; what it leaves behind; what it reads off a curve."""

import json
import shlex
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from training import command_line, config
from training.lr_finder import finder_report, sweep
from training.lr_finder.sweep import Sweep
from training.optimization import optimizers
from training.optimization.rates import Rates
from training.steps import step

BATCH = (None, None)


def settings(optimizer="sgd", **given):
    given = {"model": "toy", "optimizer": optimizer, "weight_decay": 0.0, **given}
    return config.new(given, "town")


def quadratic(curvature, noise, seed, minimum=1e-6, maximum=10.0, precision="float32"):
    """A sweep of SGD down sum(h (w - x)**2) / 2, curvatures h from 1 % of `curvature` up, x random."""
    random = np.random.default_rng(seed)
    weight = keras.Variable((2 + random.normal(size=10)).astype("float32"))
    model = Weights(weight)
    given = settings(momentum=0.0, precision=precision)
    optimizer = optimizers.with_schedule(given, sweep.schedule(minimum, maximum), model)
    curvatures = tf.constant(np.geomspace(curvature / 100, curvature, 10), tf.float32)

    @tf.function
    def train(_, target):
        error = weight - target
        loss = tf.reduce_sum(curvatures * error**2) / 2
        optimizer.apply([optimizer.scale_loss(curvatures * error)], [weight.value])
        return loss

    targets = ((None, tf.constant(noise * random.normal(size=10), tf.float32)) for _ in range(1000))
    rate_of = lambda: optimizers.learning_rate(optimizer)
    return sweep.sweep(model, optimizer, train, targets, rate_of), weight


class Weights(keras.Model):
    """One variable."""

    def __init__(self, variable):
        super().__init__()
        self.variable = variable


@pytest.mark.slow
@pytest.mark.parametrize("curvature", [0.5, 5, 50, 500])
@pytest.mark.parametrize("noise", [0, 0.1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_a_quadratic_the_highest_rate_is_within_a_factor_of_three_of_where_descent_ends(
    curvature, noise, seed
):
    found, _ = quadratic(curvature, noise, seed)
    suggestions = sweep.suggest(found)
    bound = 2 / curvature  # gradient descent diverges above
    assert bound / 3 < suggestions.cyclic_maximum < 3 * bound
    assert suggestions.steepest < suggestions.tenth_of_minimum < bound
    assert suggestions.cyclic_minimum < suggestions.cyclic_maximum


def test_a_burst_ends_the_sweep_and_the_rates_rise_in_equal_ratios():
    found, _ = quadratic(500, 0.1, 0)
    assert found.diverged
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < sweep.STEPS
    ratio = 1e7 ** (1 / (sweep.STEPS - 1))
    np.testing.assert_allclose(found.rates, 1e-6 * ratio ** np.arange(len(found.rates)), rtol=1e-4)


def test_a_sweep_without_a_burst_ends_at_the_highest_rate():
    found, _ = quadratic(0.5, 0.1, 0, maximum=1.0)
    assert not found.diverged
    assert len(found.rates) == sweep.STEPS
    assert found.rates[-1] == pytest.approx(1.0, rel=1e-4)


def test_smoothing_corrects_its_bias():
    found, _ = quadratic(5, 0.1, 0)
    first, second, third = found.losses[:3]
    assert found.smoothed[0] == pytest.approx(first)
    assert found.smoothed[1] == pytest.approx((0.9 * first + second) / 1.9)
    assert found.smoothed[2] == pytest.approx((0.81 * first + 0.9 * second + third) / 2.71)


def test_steps_that_loss_scaling_skips_do_not_count():
    values, steps = quadratic(5, 0.1, 0, precision="mixed_float16")[0], sweep.STEPS
    assert 2 * sweep.DELAY < len(values.rates) <= steps
    assert len(set(values.rates)) == len(values.rates)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "maximum"), [("float32", 1e-2), ("mixed_float16", 1e6)], ids=["calm", "burst"]
)
def test_model_and_optimizer_are_left_as_they_were_to_the_bit(precision, maximum):
    keras.utils.set_random_seed(0)
    model = models.build("toy", (32, 64, 3), 19, precision)
    given = settings("adam", precision=precision, ema=0.9, accumulate=2, rates=Rates("constant", 0.01))
    optimizer = optimizers.with_schedule(given, sweep.schedule(1e-6, maximum, 8), model)
    train = step.training_step(model, optimizer, jit=False)
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (2, 32, 64, 3), np.uint8))
    labels = tf.constant(random.integers(0, 19, (2, 32, 64), np.uint8))
    for _ in range(3):  # so that no state is what a fresh one would be
        train(images, labels)
    state = lambda: [v.numpy() for v in (*model.variables, *optimizer.variables)]
    before = state()
    seeds = [v for v in model.variables if id(v) not in {id(w) for w in model.weights}]
    assert seeds  # dropout's
    batches = iter([(images, labels)] * 16)
    found = sweep.sweep(model, optimizer, train, batches, lambda: optimizers.learning_rate(optimizer), 8)
    assert found.losses
    if precision == "float32":  # each step has a rate of its own, whether it ends an accumulation or not
        np.testing.assert_allclose(found.rates[1] / found.rates[0], (maximum / 1e-6) ** (1 / 7), rtol=1e-5)
    for name, after, value in zip(range(10**6), state(), before):
        np.testing.assert_array_equal(after, value, err_msg=str(name))


def test_they_are_restored_after_an_error_too():
    weight = keras.Variable(1.0)

    def fail():
        with sweep.restored([weight]):
            weight.assign(2.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert float(weight.numpy()) == 1.0


def test_one_loss_for_all_ranks_decides():
    _, weight = quadratic(5, 0.1, 0)
    optimizer = optimizers.with_schedule(settings(), sweep.schedule(1e-6, 1.0), Weights(weight))

    def train(_, __):
        optimizer.apply([tf.ones(10)], [weight.value])
        return 1.0

    others = iter([1.0] * 5 + [float("inf")])
    found = sweep.sweep(
        Weights(weight),
        optimizer,
        train,
        [BATCH] * 300,
        lambda: optimizers.learning_rate(optimizer),
        across_ranks=lambda own: own + next(others),
    )
    assert found.diverged and found.losses == [2.0] * 5


RATES = list(np.geomspace(1e-6, 10, 141))  # 20 a decade


class TestSuggestions:
    def test_are_read_off_a_curve_by_hand(self):
        """Level at 3 up to 1e-4, then straight down in log rate to 1 at 1e-1, then up."""
        x = np.log10(RATES)
        smoothed = np.where(x < -1, np.interp(x, [-4, -1], [3, 1]), 1 + (x + 1))
        found = sweep.suggest(Sweep(RATES, smoothed, list(smoothed)))
        back = 10 ** (-sweep.DELAY / 20)
        assert found.tenth_of_minimum == pytest.approx(1e-2)
        assert found.cyclic_maximum == pytest.approx(1e-1 * back)
        # a tenth of the fall, 0.2 of 2, takes 0.3 of the 3 decades
        assert found.cyclic_minimum == pytest.approx(10**-3.7 * back, rel=0.13)
        assert 1e-4 * back <= found.steepest <= 1e-1

    def test_there_are_none_where_the_loss_only_rises(self):
        rising = list(np.geomspace(1, 2, 141))
        assert sweep.suggest(Sweep(RATES, rising, rising)) is None
        assert sweep.suggest(Sweep()) is None


class TestReport:
    def test_names_files_after_model_optimizer_and_momentum(self, tmp_path):
        found, _ = quadratic(5, 0.1, 0)
        suggestions = sweep.suggest(found)
        with_momentum = finder_report.write(tmp_path, settings(momentum=0.8), found, suggestions)
        without = finder_report.write(tmp_path, settings("adam"), found, suggestions)
        folder = tmp_path / "toy" / "lrfinder_results"
        assert (with_momentum, without) == (folder / "toy-sgd-0.8", folder / "toy-adam")
        assert {path.name for path in folder.iterdir()} == {
            f"toy-{name}{ending}" for name in ("sgd-0.8", "adam") for ending in (".json", ".png")
        }
        content = json.loads((folder / "toy-adam.json").read_text())
        assert content["rates"] == found.rates and content["smoothed"] == found.smoothed
        assert content["suggestions"]["steepest"] == suggestions.steepest
        assert content["config"]["optimizer"] == "adam"

    def test_its_commands_make_the_configuration_that_was_swept(self):
        given = {
            "loss": "ce+dice",
            "label_smoothing": 0.1,
            "class_weights": "enet",
            "momentum": 0.8,
            "batch": 2,
            "deterministic": True,
        }
        given |= {
            "precision": "mixed_bfloat16",
            "weight_decay": 0.0,
            "clip_norm": 1.5,
            "accumulate": 2,
        }
        given |= {"model": "deeplabv3+", "options": {"encoder": "resnet50", "separable": False}}
        given |= {"optimizer": "sgd_nesterov", "target_size": (64, 128), "coarse": True, "remat": True}
        swept = config.new(given, "my town")
        suggestions = sweep.Suggestions(0.001, 0.002, 0.0005, 0.0123)
        polynomial, cyclic = finder_report.commands(swept, suggestions)
        for command, rates in (
            (polynomial, Rates("polynomial", 0.002, 0.0, 0.9)),
            (cyclic, Rates("cyclic", 0.012, 0.0005, cycle=8)),
        ):
            options = command_line.arguments("", shlex.split(command)[2:])
            assert config.new(command_line.given(options), options.path) == replace(swept, rates=rates)

    def test_its_commands_name_the_crop_of_a_recipe(self):
        swept = config.new({"model": "pspnet", "optimizer": "sgd"}, "my town")
        polynomial, _ = finder_report.commands(swept, sweep.Suggestions(0.001, 0.002, 0.0005, 0.0123))
        assert "-t 1024,2048 --crop 512,1024 --balance 0.75" in polynomial
        options = command_line.arguments("", shlex.split(polynomial)[2:])
        made = config.new(command_line.given(options), options.path)
        assert made == replace(swept, rates=Rates("polynomial", 0.002, 0.0, 0.9))

    def test_says_so_where_there_is_nothing_to_suggest(self, tmp_path):
        rising = Sweep([1e-6, 1e-5], [1.0, 2.0], [1.0, 1.5])
        assert "the loss never fell" in finder_report.text(settings(), rising, None)
        assert "smaller `minimum`" in finder_report.text(settings(), Sweep(diverged=True), None)
        finder_report.write(tmp_path, settings(), rising, None)
        written = tmp_path / "toy" / "lrfinder_results" / "toy-sgd-0.9.json"
        assert json.loads(written.read_text())["suggestions"] is None
